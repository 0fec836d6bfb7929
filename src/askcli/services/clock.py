"""The current time, and ids that sort by it."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from uuid_utils.compat import uuid7


def now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


def new_id() -> UUID:
    """Return a UUIDv7 (RFC 9562): later ids sort after earlier ones."""
    return uuid7()


def rfc3339(timestamp: datetime) -> str:
    """Return the time as the contract writes it: 2026-01-31T12:00:00.123456Z."""
    text = timestamp.astimezone(UTC).isoformat(timespec="microseconds")
    return text.replace("+00:00", "Z")
