"""The current time, and ids that sort by it."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from uuid_utils.compat import uuid7

_BITS_AFTER_TIME = 80  # of a UUIDv7, which begins with the milliseconds since 1970


def now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


def new_id(after: UUID | None = None) -> UUID:
    """Return a UUIDv7 (RFC 9562): later ids sort after earlier ones.

    It sorts after `after` also where that has a later time: a clock may have been set back.
    """
    new = uuid7()
    if after is None or new > after:
        return new
    milliseconds = (after.int >> _BITS_AFTER_TIME) + 1
    return UUID(int=milliseconds << _BITS_AFTER_TIME | new.int % (1 << _BITS_AFTER_TIME))


def rfc3339(timestamp: datetime) -> str:
    """Return the time as the contract writes it: 2026-01-31T12:00:00.123456Z."""
    text = timestamp.astimezone(UTC).isoformat(timespec="microseconds")
    return text.replace("+00:00", "Z")
