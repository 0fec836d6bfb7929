"""Times as people say them: 2d, 36h, 2026-01-31, or as RFC 3339 writes them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from askcli.errors import Misused

_UNITS = {"s": "seconds", "min": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AGO = re.compile(r"(\d{1,6})(s|min|h|d|w)", re.ASCII)


def of(text: str | None, flag: str) -> str | None:
    """The same of an option that may be left out."""
    return None if text is None else moment(text, flag)


def moment(text: str, flag: str) -> str:
    """The moment as the contract writes it: so long ago, or the local time that is named.

    Raises Misused, naming the flag.
    """
    try:
        if ago := _AGO.fullmatch(text):
            found = datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        else:
            found = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Misused(
            f"{flag}: {text!r} is no time: say 2d, 36h, 30min, 2026-01-31 or 2026-01-31T12:00."
        ) from None
    return found.isoformat().replace("+00:00", "Z")
