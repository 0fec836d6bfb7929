"""The command line inside this process: its own arguments, environment, directory and streams."""

from __future__ import annotations

import contextvars
import io
import os
import signal
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest.mock import patch

from typer import main as typer_main

from askcli.cli.app import main
from askcli.services.auth import passwords
from tests.support import built_commands

LONGEST_END_SECONDS = 5.0  # of a thread that has nothing left to do
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE)


def run(
    arguments: Sequence[str], variables: Mapping[str, str], directory: Path, stdin: bytes
) -> tuple[int, bytes, bytes]:
    """Run a command; returns its exit code, stdout and stderr. Not for threads.

    Raises AssertionError if it leaves a thread behind, which would go on in other tests.
    """
    with ExitStack() as stack:
        streams = [stack.enter_context(_stream()) for _ in range(3)]
        streams[0].buffer.write(stdin)
        streams[0].seek(0)
        stack.enter_context(_process_state(directory))
        stack.enter_context(_no_thread_left())
        stack.enter_context(patch.dict(os.environ, variables, clear=True))
        stack.enter_context(patch.object(sys, "argv", ["askcli", *arguments]))
        stack.enter_context(patch.object(passwords, "COST", 4))  # as in a forked one
        stack.enter_context(patch.object(typer_main, "get_command", built_commands.get_command))
        for name, stream in zip(("stdin", "stdout", "stderr"), streams, strict=True):
            stack.enter_context(patch.object(sys, name, stream))
        code = _exit_code()
        out, err = (_content(stream) for stream in streams[1:])
    return code, out, err


@contextmanager
def _no_thread_left() -> Iterator[None]:
    """Wait for the threads that this one starts; raise AssertionError if one does not end."""
    caller, start, started = threading.current_thread(), threading.Thread.start, []

    def start_noted(thread: threading.Thread) -> None:
        if threading.current_thread() is caller:
            started.append(thread)
        start(thread)

    with patch.object(threading.Thread, "start", start_noted):
        yield
    for thread in started:
        thread.join(LONGEST_END_SECONDS)
    left = [thread for thread in started if thread.is_alive()]
    assert not left, f"{left} go on after the command: give it a process of its own"


def _exit_code() -> int:
    try:
        contextvars.Context().run(main)  # empty, as in a process of its own
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    raise AssertionError("the command line ends with SystemExit")


@contextmanager
def _stream() -> Iterator[io.TextIOWrapper]:
    """A standard stream as Python opens it; a file, so that it has a descriptor."""
    with (
        tempfile.TemporaryFile() as file,
        io.TextIOWrapper(file, encoding="utf-8", errors="surrogateescape") as stream,
    ):
        yield stream


def _content(stream: io.TextIOWrapper) -> bytes:
    stream.flush()
    os.lseek(stream.fileno(), 0, os.SEEK_SET)
    with open(stream.fileno(), "rb", closefd=False) as file:
        return file.read()


@contextmanager
def _process_state(directory: Path) -> Iterator[None]:
    """Stand in a directory; put back the directory, the signal handlers and the warnings after."""
    before = Path.cwd()
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    os.chdir(directory)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            yield
    finally:
        os.chdir(before)
        for number, handler in handlers.items():
            signal.signal(number, handler)
