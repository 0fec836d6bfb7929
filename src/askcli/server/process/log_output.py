"""The output of a server's log: stderr, written by a thread of its own.

A terminal that was paused (Ctrl-S) or a collector that reads no more would otherwise hold up the
thread that logs, which is the event loop's.
"""

from __future__ import annotations

import atexit
import io
import os
import select
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

MAX_BYTES = 1 << 20  # that wait to be written; what comes beyond them is dropped
# In which lines gather that are written together: each waking of the thread takes the event loop's
# time. A process that is killed may lose them.
GATHER_SECONDS = 0.05
END_SECONDS = 1.0  # for what waits when the server has ended
SHORT_SECONDS = 0.1  # until memory may suffice again; less than the end waits


class LogOutput(io.RawIOBase):
    """A stream of bytes that never blocks; a thread passes on to a descriptor what is written."""

    may_wait = False  # whatever the descriptor does

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        # Reentrant: a signal may come, and be logged, while its thread writes.
        self._changed = threading.Condition(threading.RLock())
        self._waiting = bytearray()
        self._dropped_lines = 0
        self.describe_loss = _described  # returns the line about so many dropped ones
        self._is_ending = False
        self._thread = threading.Thread(target=self._pass_on, name="log", daemon=True)
        self._thread.start()

    def writable(self) -> bool:
        """Return True, as a text stream on top of this one asks for."""
        return True

    def fileno(self) -> int:
        """Return the descriptor, whose terminal may be asked for its size."""
        return self._descriptor

    def isatty(self) -> bool:
        """Return whether the descriptor is a terminal."""
        return os.isatty(self._descriptor)

    def write(self, data: ReadableBuffer) -> int:
        """Have the bytes written soon; drop them where too many wait already."""
        line = bytes(data)
        with self._changed:
            if len(self._waiting) + len(line) > MAX_BYTES:
                self._dropped_lines += line.count(b"\n")
            else:
                if not self._waiting:
                    self._changed.notify()
                self._waiting += self._loss() + line
        return len(line)

    def _loss(self) -> bytes:
        count, self._dropped_lines = self._dropped_lines, 0
        return self.describe_loss(count) if count else b""

    def end(self) -> None:
        """Wait until all is written, for a bounded time."""
        with self._changed:
            self._is_ending = True
            self._changed.notify()
        self._thread.join(END_SECONDS)

    def _pass_on(self) -> None:
        is_ending = False
        while not is_ending:
            try:
                is_ending = not self._write_next()
            except Exception:  # noqa: BLE001 - memory is short, and this thread is the log's only one
                time.sleep(SHORT_SECONDS)

    def _write_next(self) -> bool:
        """Wait for bytes and write them; return whether there were any, as until the end."""
        data = self._next()
        try:
            _write_all(self._descriptor, data)
        except (OSError, MemoryError):  # such as: its reader is gone, or its disk is full
            with self._changed:
                self._dropped_lines += data.count(b"\n")
        return bool(data)

    def _next(self) -> bytes:
        """Wait for bytes, and a moment for more; return all there are, none at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_ending)
            self._changed.wait_for(lambda: self._is_ending, GATHER_SECONDS)
            data = bytes(self._waiting)
            self._waiting.clear()
            return data


def _described(count: int) -> bytes:
    return b"%d lines of the log were dropped: nothing took them.\n" % count


def _write_all(descriptor: int, data: bytes) -> None:
    for lines in _at_once(data):
        remaining = memoryview(lines)
        while remaining:
            try:
                remaining = remaining[os.write(descriptor, remaining) :]
            except BlockingIOError:  # it is shared with a process that has made it so
                select.select([], [descriptor], [])


def _at_once(data: bytes) -> Iterator[bytes]:
    """Split at ends of lines into what a pipe takes at once, or into one longer line.

    Into more than that a full pipe puts lines of other workers, in the middle of one.
    """
    start = 0
    while start < len(data):
        end = data.rfind(b"\n", start, start + select.PIPE_BUF) + 1
        end = end or data.find(b"\n", start) + 1 or len(data)
        yield data[start:end]
        start = end


@contextmanager
def in_background() -> Iterator[None]:
    """Let a thread write to stderr, so that nothing in the block waits for who reads it.

    After an error that stays so, for what the command or Python itself prints of it; the end of
    the process waits for that.
    """
    if (before := sys.stderr) is None:  # closed by the parent
        yield
        return
    before.flush()
    output = LogOutput(before.fileno())
    # Of a raw stream: nothing stays in a buffer that `logging` would have to flush.
    sys.stderr = io.TextIOWrapper(output, before.encoding, before.errors, write_through=True)
    try:
        yield
    except BaseException:
        atexit.register(output.end)
        raise
    sys.stderr = before
    output.end()
