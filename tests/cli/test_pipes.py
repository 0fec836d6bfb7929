"""askcli ask in a pipe: its first words, its imports, readers that go, streams that are closed."""

from __future__ import annotations

import os
import resource
import select
import signal
import subprocess
import time
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest

from tests.support.cli import Cli
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.soak import SOAK, seeded


def test_stdout_is_the_answer_and_nothing_else(cli: Cli, fake: FakeAnthropic) -> None:
    marker = uuid4().hex
    fake.on(marker, "# Title\n\n", "Some **bold** text.")
    done = cli("ask", "tell", "me", marker)
    assert (done.code, done.out, done.err) == (0, "# Title\n\nSome **bold** text.\n", "")


def test_a_pipe_gets_the_first_words_while_the_model_still_answers(
    cli: Cli, fake: FakeAnthropic
) -> None:
    marker = uuid4().hex
    held = fake.on(marker, "first words", " and the rest", hold_after=1)
    process = cli.start("ask", marker)
    assert process.stdout
    assert os.read(process.stdout.fileno(), 100) == b"first words"
    assert held.reached.wait(30)
    assert process.poll() is None
    held.release()
    assert process.stdout.read() == b" and the rest\n"
    process.stdout.close()
    assert process.wait() == 0


def test_closed_stdin_and_stdout(sqlite_cli: Cli) -> None:
    assert sqlite_cli.shell("askcli ask hello <&-").out == "You asked: hello\n"
    done = sqlite_cli.shell("askcli ask hello >&-")
    assert done.code == 1
    assert "Traceback" not in done.err


def test_ctrl_c_leaves_with_130(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    marker = uuid4().hex
    held = fake.on(marker, "begun", " never", hold_after=1)
    process = sqlite_cli.start("ask", marker)
    assert process.stdout
    assert os.read(process.stdout.fileno(), 100) == b"begun"
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    process.stdout.close()
    held.release()


def test_a_reader_that_goes_is_no_error(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    marker = uuid4().hex
    fake.on(marker, *["many words\n"] * 5000)
    done = sqlite_cli.shell(
        f"set +o pipefail; askcli ask {marker} | head -1; echo ${{PIPESTATUS[0]}}"
    )
    assert (done.out, done.err) == ("many words\n141\n", "")


def test_a_full_stdout_is_an_error(sqlite_cli: Cli) -> None:
    done = sqlite_cli.shell("askcli ask hello > /dev/full")
    assert done.code == 1
    assert "No space left" in done.err
    assert "Traceback" not in done.err


def test_a_stopped_reader_stops_the_writer(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    marker = uuid4().hex
    fake.on(marker, *["many words\n"] * 5000)
    process = sqlite_cli.start("ask", marker)
    assert process.stdout
    assert os.read(process.stdout.fileno(), 10)
    process.stdout.close()
    assert process.wait(30) == 141
    assert process.returncode != -signal.SIGPIPE


LONG = "many words\n" * 50_000  # more than a pipe holds, in one piece


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_slow_non_blocking_pipe_gets_all_of_the_answer(
    sqlite_cli: Cli, fake: FakeAnthropic, unbuffered: str
) -> None:
    marker = uuid4().hex
    fake.on(marker, LONG)
    sqlite_cli.environment["PYTHONUNBUFFERED"] = unbuffered
    random = seeded()
    for _ in range(30 if SOAK else 1):
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        process = sqlite_cli.start("ask", marker, stdout=writer)
        os.close(writer)
        received = b""
        with os.fdopen(reader, "rb", buffering=0) as pipe:
            select.select([pipe], [], [])  # the pipe is filled before anything is read
            while piece := pipe.read(random.randrange(1, 200_000)):
                received += piece
                time.sleep(random.choice([0, 0, 0.01]) if SOAK else 0)
        assert received.decode() == LONG
        assert process.wait(30) == 0


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_disk_that_fills_in_the_middle_of_a_write_is_an_error(
    sqlite_cli: Cli, fake: FakeAnthropic, tmp_path: Path, unbuffered: str
) -> None:
    """The first part of a write may succeed; the exit code must not be 0 then."""
    marker = uuid4().hex
    fake.on(marker, LONG)
    sqlite_cli.environment["PYTHONUNBUFFERED"] = unbuffered
    random = seeded()
    for room in [100_000, *(random.randrange(len(LONG) + 1) for _ in range(30 if SOAK else 0))]:
        limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (room, room))
        with (tmp_path / "answer").open("wb") as file:
            process = sqlite_cli.fresh_start(
                "ask", marker, stdout=file, stderr=subprocess.PIPE, preexec_fn=limit
            )
            error = process.communicate()[1].decode()
        assert process.wait(30) == 1
        assert "cannot write the output: File too large" in error


# What writes a text, an object at a time, and rows as they come.
LARGE: list[tuple[str, ...]] = [
    ("--help",),
    ("history", "export"),
    ("batch", "-q", "questions.jsonl"),
]
if SOAK:
    LARGE += [("completion", "bash"), ("history", "list", "--json")]
    LARGE += [("history", "export", "--format", "json")]


@pytest.mark.parametrize("words", LARGE)
def test_no_command_writes_a_part_and_ends_with_0(
    sqlite_cli: Cli, fake: FakeAnthropic, words: tuple[str, ...]
) -> None:
    """Unbuffered, as PYTHONUNBUFFERED has it, Python's own streams drop what does not fit."""
    marker = uuid4().hex
    fake.on(marker, "many words\n" * 200)
    (sqlite_cli.home / "questions.jsonl").write_text(f'"{marker}"\n')
    if words[0] == "history":
        assert sqlite_cli.in_process("ask", marker).code == 0
    sqlite_cli.environment["PYTHONUNBUFFERED"] = "1"
    with (sqlite_cli.home / "out").open("wb") as file:
        process = sqlite_cli.fresh_start(
            *words,
            stdout=file,
            stderr=subprocess.DEVNULL,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)),
        )
        assert process.wait(60) == 1
