"""The log of several workers, which share a pipe that is slowly read."""

from __future__ import annotations

import fcntl
import os

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
