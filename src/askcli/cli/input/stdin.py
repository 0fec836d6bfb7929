"""stdin: what it contains, and Misused when it cannot be read."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from askcli.errors import Misused

CHUNK_BYTES = 1 << 16
MAX_LINE_BYTES = 65_536


def is_terminal() -> bool:
    """Whether stdin is a terminal."""
    return sys.stdin is not None and sys.stdin.isatty()


def is_silent(seconds: float) -> bool:
    """Whether nothing comes within `seconds`; False where that cannot be waited for."""
    if sys.stdin is None:
        return False
    try:
        readable, _, _ = select.select([sys.stdin], [], [], seconds)
    except (OSError, ValueError):  # reading it raises the reason
        return False
    return not readable


def content(reader: str, most: int) -> bytes:
    """Return stdin to its end, `most` bytes at most; `reader` is what reads it, for the error."""
    read = bytearray()
    with _errors(reader):
        while len(read) < most and (chunk := _read(min(most - len(read), CHUNK_BYTES))):
            read += chunk
    return bytes(read)


def chunks(reader: str) -> Iterator[bytes]:
    """Yield stdin to its end, in pieces."""
    with _errors(reader):
        while chunk := _read(CHUNK_BYTES):
            yield chunk


def line(reader: str) -> str:
    """Return the next line of stdin. Raises Misused for one of more than MAX_LINE_BYTES."""
    read = bytearray()
    with _errors(reader):
        # One by one: what follows the line is for the next reader, which may be another process.
        while (byte := _read(1)) not in (b"", b"\n"):
            read += byte
            if len(read) > MAX_LINE_BYTES:
                most = f"{MAX_LINE_BYTES:,} bytes"
                raise Misused(f"{reader} reads a line of stdin, which is longer than {most}.")
    return read.decode(sys.stdin.encoding, sys.stdin.errors or "strict").rstrip("\r")


def _read(most: int) -> bytes:
    """Return what stdin has next, `most` bytes at most; waits for it; empty at the end.

    Below Python's buffers: where another program has left stdin non-blocking, these take a pause of
    the writer for the end.
    """
    descriptor = sys.stdin.fileno()
    while True:
        try:
            return os.read(descriptor, most)
        except BlockingIOError:
            select.select([descriptor], [], [])


@contextmanager
def _errors(reader: str) -> Iterator[None]:
    """Raise Misused for a stdin that is closed or cannot be read."""
    if sys.stdin is None:
        raise Misused(f"{reader} reads stdin, which is closed.")
    try:
        yield
    except OSError as error:
        raise Misused(f"{reader} reads stdin, which cannot be read: {error.strerror}.") from error
