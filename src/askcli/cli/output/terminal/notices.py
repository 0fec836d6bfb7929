"""Notices: records of the logger `askcli.notices`, written to stderr as plain lines.

Those of `askcli.notices.passing` say what is going on at the moment: at a terminal each takes the
place of the one before, and goes when the answer comes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from askcli.cli.output.terminal import console, spinner

Write = Callable[[str], None]

# What they log of an error is for a server's log. A command tells the error itself, and Python
# would write their lines before it, as it does where no handler is installed.
_LIBRARIES = ("psycopg", "sqlalchemy")

_logger = logging.getLogger("askcli.notices")
_passing = logging.getLogger("askcli.notices.passing")


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


def _say(text: str) -> None:
    if not spinner.say(console.visible(text)):
        console.note(text)


_handler = NoticeHandler(console.note)
_passing_handler = NoticeHandler(_say)
_nowhere = logging.NullHandler()


def install() -> None:
    """Show notices on stderr."""
    _logger.addHandler(_handler)
    _passing.addHandler(_passing_handler)
    _logger.setLevel(logging.INFO)
    _logger.propagate = _passing.propagate = False
    for name in _LIBRARIES:
        logging.getLogger(name).addHandler(_nowhere)


def silence() -> None:
    """Show warnings alone, as --quiet asks for."""
    _logger.setLevel(logging.WARNING)


@contextmanager
def written_by(write: Write) -> Iterator[None]:
    """Pass all notices to `write` until the block ends."""
    before = _handler.replace(write)
    try:
        with passing_written_by(write):
            yield
    finally:
        _handler.replace(before)


@contextmanager
def passing_written_by(write: Write) -> Iterator[None]:
    """Pass the notices of the moment to `write` until the block ends."""
    before = _passing_handler.replace(write)
    try:
        yield
    finally:
        _passing_handler.replace(before)
