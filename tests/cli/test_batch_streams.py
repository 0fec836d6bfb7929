"""askcli batch and its streams: rows from a pipe with a name, a bar whose terminal fails."""

from __future__ import annotations

import json
import os
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from tests.support.cli import Cli
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.waiting import eventually

SECONDS = 60


@contextmanager
def terminal() -> Iterator[tuple[int, int]]:
    """A pseudo-terminal: our end of it and the command's."""
    ends = os.openpty()
    try:
        yield ends
    finally:
        for end in ends:
            os.close(end)


@pytest.mark.parametrize("fault", ["gone", "paused"])
def test_a_bar_that_cannot_be_drawn_ends_no_batch(
    sqlite_cli: Cli, fake: FakeAnthropic, fault: str
) -> None:
    marker, bad = uuid4().hex, uuid4().hex
    held = fake.on(marker, "begun", " and ended", hold_after=1)
    fake.on(bad, status=400, error_type="invalid_request_error")
    path, failures = (sqlite_cli.home / name for name in ("rows.jsonl", "rows.failed.jsonl"))
    path.write_text(f'"{marker}"\n"{bad}"\n"good"\n')
    sqlite_cli.environment["TERM"] = "xterm"
    with terminal() as (ours, theirs), (sqlite_cli.home / "out").open("w+b") as out:
        os.set_blocking(theirs, fault == "gone")
        process = sqlite_cli.start("batch", str(path), stdout=out.fileno(), stderr=theirs)
        shown = b""
        while b"0/3" not in shown:
            shown += os.read(ours, 4096)
        assert held.reached.wait(SECONDS)
        if fault == "paused":
            termios.tcflow(theirs, termios.TCOOFF)
        else:
            with Path(os.devnull).open("wb") as null:
                os.dup2(null.fileno(), ours, inheritable=False)  # closes it
        held.release()
        if fault == "paused":  # then its error waits, as what a command says always does
            eventually(failures.exists)
            termios.tcflow(theirs, termios.TCOON)
        code = process.wait(SECONDS)
        out.seek(0)
        answers = [json.loads(line)["answer"] for line in out.read().splitlines()]
    assert (code, answers) == (5, ["begun and ended", "You asked: good"])
    assert json.loads(failures.read_text())["question"] == bad


@pytest.mark.parametrize(
    "script",
    [
        "askcli batch -q <(cat rows)",
        "cat rows | askcli batch -q /dev/stdin",
        "askcli batch -q /dev/stdin < rows",
    ],
)
def test_rows_come_from_a_pipe_with_a_name(
    sqlite_cli: Cli, fake: FakeAnthropic, script: str
) -> None:
    marker, bad = uuid4().hex, uuid4().hex
    fake.on(bad, status=400, error_type="invalid_request_error")
    (sqlite_cli.home / "rows").write_text(f'"{marker}"\n"{bad}"\n')
    done = sqlite_cli.shell(script)
    assert (done.code, json.loads(done.out)["answer"]) == (5, f"You asked: {marker}"), done
    assert "they are in batch.failed.jsonl" in done.err
    assert json.loads((sqlite_cli.home / "batch.failed.jsonl").read_text())["question"] == bad


def test_rows_that_cannot_be_read_are_told(sqlite_cli: Cli) -> None:
    done = sqlite_cli.in_process("batch", "-q", "/proc/self/mem", "--failures", "f.jsonl")
    assert (done.code, done.err.count("\n")) == (1, 1), done
    assert "cannot read line 1: Input/output error" in done.err


@pytest.mark.parametrize(("words", "number", "code"), [([], 2, 130), (["--timeout", "3"], 0, 6)])
def test_a_batch_ends_at_a_paused_terminal(
    sqlite_cli: Cli, fake: FakeAnthropic, words: list[str], number: int, code: int
) -> None:
    marker = uuid4().hex
    held = fake.on(marker, "begun", " and ended", hold_after=1)
    path = sqlite_cli.home / "rows.jsonl"
    path.write_text(f'"{marker}"\n')
    sqlite_cli.environment["TERM"] = "xterm"
    with terminal() as (ours, theirs), (sqlite_cli.home / "out").open("wb") as out:
        words = ["batch", *words, str(path)]
        process = sqlite_cli.start(*words, stdout=out.fileno(), stderr=theirs)
        shown = b""
        while b"0/1" not in shown:
            shown += os.read(ours, 4096)
        assert held.reached.wait(SECONDS)
        termios.tcflow(theirs, termios.TCOOFF)
        process.send_signal(number)
        assert process.wait(SECONDS) == code
    held.release()


@pytest.mark.parametrize("stderr", [">/dev/full", "> >(exec head -c0)", ">&-"])
def test_a_batch_whose_stderr_takes_nothing_writes_its_failures(
    sqlite_cli: Cli, fake: FakeAnthropic, stderr: str
) -> None:
    bad = uuid4().hex
    fake.on(bad, status=400, error_type="invalid_request_error")
    (sqlite_cli.home / "rows.jsonl").write_text(f'"good"\n"{bad}"\n')
    done = sqlite_cli.shell(f"askcli batch rows.jsonl 2{stderr}")
    assert (done.code, done.out.count("\n")) == (5, 1), done
    (failure,) = (sqlite_cli.home / "rows.failed.jsonl").read_text().splitlines()
    assert json.loads(failure)["question"] == bad
