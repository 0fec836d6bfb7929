"""askcli ask -o: a file that only a whole answer replaces."""

from __future__ import annotations

import json
import os
import stat
from uuid import uuid4

from tests.support.cli import Cli
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.screen import lines


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


def test_a_file_that_cannot_be_written_is_told_before_anything_is_asked(
    sqlite_cli: Cli, fake: FakeAnthropic
) -> None:
    marker = uuid4().hex
    for name in (".", "missing/answer"):
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
