"""What OpenTelemetry logs, without the values in it, which may be headers with a key."""

from __future__ import annotations

import logging
import time

log = logging.getLogger("askcli.traces")

# Between two lines of one kind: while a collector is away, there is one for each try.
QUIET_SECONDS = 60.0


class Notices(logging.Handler):
    """Logs warnings in the words of the program, each once a minute at most."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._logged: dict[str, float] = {}  # times, by the text before its values are put in

    def emit(self, record: logging.LogRecord) -> None:
        """Log a record."""
        at = time.monotonic()
        last = self._logged.get(record.msg)
        if last is None or at - last > QUIET_SECONDS:
            self._logged[record.msg] = at
            log.warning("OpenTelemetry: %s", _message(record))


def _message(record: logging.LogRecord) -> str:
    """Return its text with its numbers, the types of its errors, and no other values."""
    values = record.args if isinstance(record.args, tuple) else ()
    try:
        return record.msg % tuple(map(_shown, values))
    except (TypeError, ValueError):  # such as a text for a %d, hidden as …
        return str(record.msg)


def _shown(value: object) -> object:
    if isinstance(value, BaseException):
        return type(value).__name__
    return value if isinstance(value, int | float) else "…"
