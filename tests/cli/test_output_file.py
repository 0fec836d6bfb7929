"""askcli ask -o: a file that only a whole answer replaces."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from uuid import uuid4

import pytest

from tests.support.cli import Cli
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.screen import lines
from tests.support.servers import customized


def test_a_whole_answer_replaces_the_file_and_nothing_else_does(
    sqlite_cli: Cli, fake: FakeAnthropic
) -> None:
    cut, whole = uuid4().hex, uuid4().hex
    fake.on(cut, "half an ", "answer", fault="reset", fault_after=1)
    fake.on(whole, "all **of** it")
    file, link = sqlite_cli.home / "answer", sqlite_cli.home / "link"
    file.write_text("old")
    file.chmod(0o640)
    link.symlink_to("answer")
    done = sqlite_cli.in_process("ask", "-o", "link", cut)
    assert (done.code, done.out, file.read_text()) == (5, "", "old")
    done = sqlite_cli.in_process("ask", "-o", "link", whole)
    assert (done.code, done.out, done.err) == (0, "", "")
    assert (file.read_text(), link.is_symlink()) == ("all **of** it\n", True)
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert sqlite_cli.in_process("ask", "--json", "-o", "new", whole).code == 0
    assert json.loads((sqlite_cli.home / "new").read_text())["answer"] == "all **of** it"
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE((sqlite_cli.home / "new").stat().st_mode) == 0o666 & ~umask
    assert sqlite_cli.in_process("ask", "-o", "-", whole).out == "all **of** it\n"
    assert not list(sqlite_cli.home.glob(".answer.*"))
    longest = "文" * 85  # as a name can be
    assert sqlite_cli.in_process("ask", "-o", longest, whole).code == 0
    assert (sqlite_cli.home / longest).read_text() == "all **of** it\n"


def test_a_file_that_cannot_be_written_is_told_before_anything_is_asked(
    sqlite_cli: Cli, fake: FakeAnthropic
) -> None:
    marker = uuid4().hex
    (sqlite_cli.home / "one").symlink_to("two")
    (sqlite_cli.home / "two").symlink_to("one")
    for name in (".", "missing/answer", "one"):
        done = sqlite_cli.in_process("ask", "-o", name, marker)
        assert (done.code, name in done.err) == (2, True)
    assert fake.asked(marker) == []
    assert sqlite_cli.in_process("ask", "-o", "/dev/null", marker).code == 0
    assert sqlite_cli.in_process("ask", "-o", "/dev/full", marker).code == 1


def test_the_spinner_stays_while_a_file_is_written(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    marker = uuid4().hex
    held = fake.on(marker, "begun ", "ended", hold_after=1)
    terminal = sqlite_cli.terminal("ask", "-o", "answer", marker)
    terminal.expect(r"Asking… [2-9] s")
    held.release()
    written = terminal.before + terminal.after + terminal.read()
    assert not any(lines(written))
    assert (sqlite_cli.home / "answer").read_text() == "begun ended\n"


@pytest.mark.parametrize(
    "command",
    [
        "askcli ask {0} -o /dev/stdout >> log",
        "askcli ask {0} -o /dev/fd/3 3>> log",
        "askcli ask {0} -o /proc/self/fd/3 3>> log",
        "askcli ask {0} -o /dev/stderr 2>> log",
        "ln -s /dev/stdout link; askcli ask {0} -o link >> log",
        "exec 3>> log; askcli ask {0} -o /proc/$$/fd/3",
        "{{ cat log; askcli ask {0} -o /dev/stdout; }} > new; mv new log",
        "askcli history export --since 2099-01-01 -o /dev/stdout >> log; askcli ask {0} >> log",
    ],
)
def test_an_open_file_is_written_on_and_not_replaced(
    sqlite_cli: Cli, fake: FakeAnthropic, command: str
) -> None:
    marker, log = uuid4().hex, sqlite_cli.home / "log"
    fake.on(marker, "the answer")
    log.write_text("the log of a year\n")
    before = log.stat().st_ino
    done = sqlite_cli.shell(command.format(marker))
    assert (done.code, done.out, done.err) == (0, "", "")
    assert log.read_text() == "the log of a year\nthe answer\n"
    assert "mv" in command or log.stat().st_ino == before


def test_the_failures_of_a_batch_are_added_to_an_open_file(
    sqlite_cli: Cli, fake: FakeAnthropic
) -> None:
    bad, log = uuid4().hex, sqlite_cli.home / "log"
    fake.on(bad, "", status=400, error_type="invalid_request_error")
    log.write_text("before\n")
    done = sqlite_cli.shell(f"echo '\"{bad}\"' | askcli batch -q - --failures /dev/fd/3 3>> log")
    assert done.code == 5, done
    first, failure = log.read_text().splitlines()
    assert (first, json.loads(failure)["question"]) == ("before", bad)


def test_an_open_file_that_was_deleted_gets_no_new_name(
    sqlite_cli: Cli, fake: FakeAnthropic
) -> None:
    marker = uuid4().hex
    fake.on(marker, "the answer")
    script = f"exec 3<> log; rm log; askcli ask {marker} -o /dev/fd/3; cat /dev/fd/3"
    done = sqlite_cli.shell(script)
    assert (done.code, done.out, done.err) == (0, "the answer\n", "")
    assert not list(sqlite_cli.home.glob("*log*"))


@pytest.mark.parametrize(
    "command", ["-o /dev/fd/9", "-o /dev/fd/9 9< ask", "-o /dev/fd/99999999999"]
)
def test_a_descriptor_that_takes_nothing_is_told_before_anything_is_asked(
    sqlite_cli: Cli, fake: FakeAnthropic, command: str
) -> None:
    marker = uuid4().hex
    (sqlite_cli.home / "ask").touch()
    done = sqlite_cli.shell(f"askcli ask {marker} {command}")
    assert (done.code, done.err.count("\n")) == (2, 1), done
    assert fake.asked(marker) == []


@pytest.mark.parametrize("name", ["/dev/tty", "/dev/stdout", "/dev/stderr", "/dev/fd/1"])
def test_no_raw_answer_controls_the_terminal_that_it_is_written_to(
    sqlite_cli: Cli, fake: FakeAnthropic, name: str
) -> None:
    marker = uuid4().hex
    fake.on(marker, "\x1b]0;owned\x07red\u200b")
    terminal = sqlite_cli.terminal("ask", "--raw", "-o", name, marker)
    assert "␛]0;owned␇red<U+200B>" in terminal.read()


WITHOUT_ROOM = """
import tempfile
tempfile.TemporaryFile = lambda: open("/dev/full", "wb")
"""


def test_no_room_for_temporary_files_is_told(sqlite_cli: Cli, tmp_path: Path) -> None:
    sqlite_cli.environment |= customized(tmp_path, WITHOUT_ROOM)
    done = sqlite_cli("batch", "-", stdin='"row"\n' * 20_000)
    told = "No space left on device for a temporary file: make room, or set TMPDIR."
    assert (done.code, done.out, done.err) == (1, "", f"askcli: error: {told}\n")
