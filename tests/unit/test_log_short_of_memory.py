"""A server's log where memory is short for a moment: what comes then is written."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from askcli.server.process import log_output
from askcli.server.process.log_output import LogOutput
from tests.support.short_memory import fail_once
from tests.support.waiting import eventually


def written(write: Callable[[LogOutput], object]) -> bytes:
    """What the log's thread has written."""
    reads, writes = os.pipe()
    output = LogOutput(writes)
    write(output)
    output.end()
    os.close(writes)
    with os.fdopen(reads, "rb") as log:
        return log.read()


def test_a_line_that_memory_was_too_short_to_take_is_written_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fail_once(monkeypatch, LogOutput, "_next")
    assert written(lambda output: output.write(b"a line\n")) == b"a line\n"


def test_lines_that_memory_was_too_short_to_write_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def write(output: LogOutput) -> None:
        output.write(b"lost\n")
        eventually(lambda: output._dropped_lines)
        output.write(b"a line\n")

    fail_once(monkeypatch, log_output, "_write_all")
    log = written(write)
    assert log.startswith(b"1 lines of the log were dropped")
    assert log.endswith(b"\na line\n")
