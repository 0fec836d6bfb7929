"""Times as options take them: 2d, 36h, 2026-01-31, or RFC 3339."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from askcli.errors import Misused

_UNITS = {"s": "seconds", "min": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AGO = re.compile(r"(\d{1,6})(s|min|h|d|w)", re.ASCII)


def parse_optional(text: str | None, flag: str) -> str | None:
    """Parse the value of an option that may be missing."""
    return None if text is None else parse(text, flag)


def parse(text: str, flag: str) -> str:
    """Return the time in RFC 3339: a duration before now, or a local time unless it has a zone.

    Raises Misused, naming the flag.
    """
    try:
        if duration := _AGO.fullmatch(text):
            timestamp = datetime.now(UTC) - timedelta(**{_UNITS[duration[2]]: int(duration[1])})
        else:
            timestamp = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Misused(
            f"{flag}: {text!r} is no time: say 2d, 36h, 30min, 2026-01-31 or 2026-01-31T12:00."
        ) from None
    return timestamp.isoformat().replace("+00:00", "Z")
