"""A stdin that other programs have left non-blocking, and lines of stdin without an end."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest

from tests.support.cli import Cli, Done
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.secrets import PASSWORD
from tests.support.waiting import eventually

SECONDS = 30
PIECES = [b"first, ", b"second, ", b"the end"]


@contextmanager
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe whose reading end is non-blocking."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    try:
        yield reading, writing
    finally:
        os.close(reading)
        os.close(writing)


def has_read(reading: int, pid: int) -> bool:
    """Whether the command has read all that the pipe has and sleeps, or has ended."""
    is_empty = not select.select([reading], [], [], 0)[0]
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):  # gone before it was opened, or read
        return True
    return state == "Z" or (is_empty and state != "R")


def end(writing: int) -> None:
    """Close the pipe's writing end; the number stays in use."""
    with Path(os.devnull).open("wb") as null:
        os.dup2(null.fileno(), writing, inheritable=False)


def fed(cli: Cli, words: list[str], pieces: list[bytes]) -> Done:
    """Run a command that gets each piece when it has read the one before."""
    with pipe() as (reading, writing):
        process = cli.start(*words, stdin=reading, stderr=subprocess.PIPE)
        for piece in pieces:
            os.write(writing, piece)
            eventually(partial(has_read, reading, process.pid))
        end(writing)
        out, err = process.communicate(timeout=SECONDS)
    return Done(process.wait(), out.decode(), err.decode())


@pytest.mark.parametrize("words", [["ask", "-"], ["ask", "Summarize:"], ["ask", "-f", "-"]])
def test_a_question_that_comes_in_pieces_is_whole(sqlite_cli: Cli, words: list[str]) -> None:
    done = fed(sqlite_cli, words, PIECES)
    assert (done.code, done.err) == (0, "")
    assert "first, second, the end" in done.out


def test_a_question_that_comes_late_is_waited_for(sqlite_cli: Cli) -> None:
    with pipe() as (reading, writing):
        process = sqlite_cli.start("ask", "-", stdin=reading, stderr=subprocess.PIPE)
        assert process.stderr
        assert b"waiting for stdin" in process.stderr.readline()
        os.write(writing, b"late")
        eventually(partial(has_read, reading, process.pid))
        assert process.poll() is None
        end(writing)
        out, err = process.communicate(timeout=SECONDS)
    assert (process.wait(), out, err) == (0, b"You asked: late\n", b"")


def test_all_rows_that_come_in_pieces_are_asked(sqlite_cli: Cli) -> None:
    marker = uuid4().hex
    rows = [f'"{marker} {n}"\n'.encode() for n in range(4)]
    done = fed(sqlite_cli, ["batch", "-q", "-"], [rows[0] + rows[1], rows[2], rows[3]])
    assert (done.code, done.err) == (0, "")
    answers = [json.loads(line)["answer"] for line in done.out.splitlines()]
    assert answers == [f"You asked: {marker} {n}" for n in range(4)]


def test_a_line_that_comes_in_pieces_is_whole(sqlite_cli: Cli) -> None:
    words = ["config", "set", "anthropic_api_key", "-"]
    assert fed(sqlite_cli, words, [b"sk-part1", b"part2\n"]).code == 0
    assert sqlite_cli.in_process("config", "get", "anthropic_api_key").out == "sk-part1part2\n"
    email = json.loads(sqlite_cli.in_process("whoami", "--json").out)["email"]
    words = ["login", "--email", email, "--password-stdin"]
    secret = PASSWORD.encode()
    assert fed(sqlite_cli, words, [secret[:4], secret[4:] + b"\n"]).code == 0


def test_ctrl_c_ends_the_wait_for_a_non_blocking_stdin(
    sqlite_cli: Cli, fake: FakeAnthropic
) -> None:
    marker = uuid4().hex
    with pipe() as (reading, writing):
        os.write(writing, marker.encode())
        process = sqlite_cli.start("ask", "-", stdin=reading, stderr=subprocess.PIPE)
        eventually(partial(has_read, reading, process.pid))
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=SECONDS)
    assert (process.wait(), out, err) == (130, b"", b"")
    assert fake.asked(marker) == []


@pytest.mark.parametrize(
    "words",
    [
        "config set server -",
        "login --with-token",
        "login --email a@b.example --password-stdin",
        "register --name A --email a@b.example --password-stdin",
    ],
)
def test_a_line_without_an_end_is_refused(sqlite_cli: Cli, words: str) -> None:
    done = sqlite_cli.in_process(*words.split(), stdin=b"\0" * 100_000)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1), done
    assert "reads a line of stdin, which is longer than 65,536 bytes" in done.err


def test_a_command_reads_no_more_of_stdin_than_its_line(sqlite_cli: Cli) -> None:
    done = sqlite_cli.shell(
        "printf 'one\\ntwo\\n' | { askcli config set model -; askcli config set profile -; cat; }\n"
        "askcli config get model; askcli config get profile"
    )
    assert (done.code, done.out, done.err) == (0, "one\ntwo\n", "")
