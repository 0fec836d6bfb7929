"""A server whose log nobody reads: it answers as ever, and ends as ever."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.support import plain_http
from tests.support.databases import migrated_file
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.forking import ForkedProcess
from tests.support.processes import ASKCLI, environment
from tests.support.servers import customized, server_settings

PIPE_BYTES = 4096  # the smallest; some forty lines of the log
REQUESTS = 200


@contextmanager
def server(
    fake: FakeAnthropic, home: Path, *flags: str
) -> Iterator[tuple[ForkedProcess, str, int]]:
    """A server, its URL, and the end of the pipe that is its stderr: read until it listens."""
    url = migrated_file(home / "askcli.db")
    reads, writes = os.pipe()
    fcntl.fcntl(reads, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    arguments = [ASKCLI, "serve", "--port", "0", *flags]
    variables = environment(home, **server_settings(fake, url))
    process = ForkedProcess(arguments, env=variables, cwd=home, stderr=writes)
    os.close(writes)
    log = b""
    while not (match := re.search(rb"serves (http://\S+) .*\n", log)):
        log += os.read(reads, PIPE_BYTES)
    try:
        yield process, match[1].decode(), reads
    finally:
        process.kill()


def fill(pipe: int) -> None:
    """Let a pipe take no byte more."""
    writes = os.open(f"/proc/self/fd/{pipe}", os.O_WRONLY | os.O_NONBLOCK)
    with suppress(BlockingIOError):
        while True:
            os.write(writes, b"x")
    os.close(writes)


@pytest.mark.parametrize("flags", [[], ["--workers", "2"]])
def test_a_server_whose_log_is_not_read_goes_on(
    fake: FakeAnthropic, tmp_path: Path, flags: list[str]
) -> None:
    with server(fake, tmp_path, *flags) as (process, url, log):
        with plain_http.client(url) as http:
            for _ in range(REQUESTS):
                assert http.get("/api/users/me", timeout=20).status_code == 401
            assert http.get("/healthz", timeout=20).status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        os.close(log)


def test_a_server_whose_log_has_lost_its_reader_goes_on(
    fake: FakeAnthropic, tmp_path: Path
) -> None:
    with server(fake, tmp_path) as (process, url, log):
        os.close(log)
        with plain_http.client(url) as http:
            for _ in range(3):
                assert http.get("/api/users/me", timeout=20).status_code == 401
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


@pytest.mark.parametrize("flags", [[], ["--workers", "2"]])
def test_a_server_whose_log_is_not_read_ends_with_its_error(
    fake: FakeAnthropic, tmp_path: Path, flags: list[str]
) -> None:
    """Its last line is printed when the server itself has ended."""
    with server(fake, tmp_path, *flags) as (process, _, log):
        fill(log)
        (tmp_path / "askcli.db").unlink()
        assert process.wait(60) == 1
        os.close(log)


@pytest.mark.parametrize(
    "command",
    [
        ["askcli", "--debug", "serve", "--port", "0"],
        ["askcli.server", "--fd", "0", "--ready-fd", "1"],
    ],
)
def test_a_server_whose_log_is_not_read_ends_with_a_traceback(
    tmp_path: Path, command: list[str]
) -> None:
    broken = customized(tmp_path, "from askcli.server import bootstrap\nbootstrap.build = None")
    variables = environment(tmp_path, ASKCLI_ANSWERER="scripted", **broken)
    reads, writes = os.pipe()
    fcntl.fcntl(reads, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    fill(reads)
    arguments, nowhere = [sys.executable, "-m", *command], subprocess.DEVNULL
    process = subprocess.Popen(
        arguments, env=variables, cwd=tmp_path, stdout=nowhere, stderr=writes
    )
    os.close(writes)
    try:
        assert process.wait(60) == 1
    finally:
        process.kill()
        os.close(reads)


UNIT = """
import os, sys, time
from askcli.server.process import log_output
log_output.MAX_BYTES = 100
with log_output.in_background():
    for number in range(100_000):
        sys.stderr.write(f"line {number}\\n")  # at once: a `print` writes the end of its line apart
    os.write(1, b"!")
    sys.stdin.readline()
    while sys.stderr.buffer._waiting:  # there is room once its reader has begun
        time.sleep(0.01)
    sys.stderr.write("the last one\\n")
"""


def test_lines_that_nothing_takes_are_dropped_and_counted() -> None:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", UNIT], **pipes) as process:  # type: ignore[call-overload]
        process.stdout.read(1)
        _, log = process.communicate(b"\n", timeout=60)
    lines = log.decode().splitlines()
    counts = [int(line.split()[0]) for line in lines if "were dropped" in line]
    assert sum(counts) + len(lines) - len(counts) - 1 == 100_000
    assert lines[0] == "line 0"
    assert lines[-1] == "the last one"
    assert len(counts) >= 1
