"""stdin: what it contains, and Misused when it cannot be read."""

from __future__ import annotations

import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from askcli.errors import Misused

CHUNK_BYTES = 1 << 20


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
    with _errors(reader):
        return sys.stdin.buffer.read(most)


def chunks(reader: str) -> Iterator[bytes]:
    """Yield stdin to its end, in pieces."""
    with _errors(reader):
        while chunk := sys.stdin.buffer.read(CHUNK_BYTES):
            yield chunk


def line(reader: str) -> str:
    """Return the next line of stdin."""
    with _errors(reader):
        return sys.stdin.readline().rstrip("\r\n")


@contextmanager
def _errors(reader: str) -> Iterator[None]:
    """Raise Misused for a stdin that is closed or cannot be read."""
    if sys.stdin is None:
        raise Misused(f"{reader} reads stdin, which is closed.")
    try:
        yield
    except OSError as error:
        raise Misused(f"{reader} reads stdin, which cannot be read: {error.strerror}.") from error
