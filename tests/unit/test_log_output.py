"""The log's output: lines that are written together, by several workers into one pipe."""

from __future__ import annotations

import fcntl
import os
import threading

import pytest

from askcli.server.process import log_output
from askcli.server.process.log_output import LogOutput

WORKERS, LINES = 3, 200


def test_lines_of_several_workers_are_whole_in_a_pipe_that_is_full() -> None:
    reads, writes = os.pipe()
    fcntl.fcntl(reads, fcntl.F_SETPIPE_SZ, 4096)
    outputs = [LogOutput(os.dup(writes)) for _ in range(WORKERS)]
    os.close(writes)
    lines = [b"%d" % worker * 100 + b"\n" for worker in range(WORKERS)]
    for output, line in zip(outputs, lines, strict=True):
        output.write(line * LINES)
    written = b""
    while written.count(b"\n") < WORKERS * LINES:
        written += os.read(reads, 100)
    for output in outputs:
        output.end()
        os.close(output.fileno())
    os.close(reads)
    whole = written.splitlines(keepends=True)
    assert {line: whole.count(line) for line in lines} == dict.fromkeys(lines, LINES)


def test_lines_of_one_moment_are_written_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_output, "GATHER_SECONDS", 60.0)  # which the end cuts short
    written, has_written = list[bytes](), threading.Event()

    def write(_: int, data: bytes) -> None:
        written.append(data)
        has_written.set()

    monkeypatch.setattr(log_output, "_write_all", write)
    output = LogOutput(2)
    output.write(b"0\n")
    assert not has_written.wait(0.05)
    output.write(b"1\n")
    output.end()
    assert written == [b"0\n1\n", b""]
