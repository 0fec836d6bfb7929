"""Notices: records of the logger `askcli.notices`, written to stderr as plain lines."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from askcli.cli.output import console

Write = Callable[[str], None]

_logger = logging.getLogger("askcli.notices")


class NoticeHandler(logging.Handler):
    """Passes each record's message to a function, one thread at a time.

    What the function raises reaches the caller that logged: a stderr that fails ends the command
    with an exit code, and not in a traceback of `logging`.
    """

    def __init__(self, write: Write) -> None:
        super().__init__()
        self._write = write

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record's message."""
        self._write(record.getMessage())

    def replace(self, write: Write) -> Write:
        """Use another function from now on; return the one before."""
        self.acquire()
        try:
            before, self._write = self._write, write
        finally:
            self.release()
        return before


_handler = NoticeHandler(console.note)


def install() -> None:
    """Show notices on stderr."""
    _logger.addHandler(_handler)
    _logger.setLevel(logging.INFO)
    _logger.propagate = False


def silence() -> None:
    """Show warnings alone, as --quiet asks for."""
    _logger.setLevel(logging.WARNING)


@contextmanager
def written_by(write: Write) -> Iterator[None]:
    """Pass notices to `write` until the block ends."""
    before = _handler.replace(write)
    try:
        yield
    finally:
        _handler.replace(before)
