"""The time, and ids that sort by it."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from uuid_utils.compat import uuid7


def now() -> datetime:
    """This moment, in UTC."""
    return datetime.now(UTC)


def new_id() -> UUID:
    """A UUIDv7 (RFC 9562): later ids sort after earlier ones."""
    return uuid7()


def rfc3339(moment: datetime) -> str:
    """The moment as the contract writes it: 2026-01-31T12:00:00.123456Z."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
