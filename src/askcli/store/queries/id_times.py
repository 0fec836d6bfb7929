"""The times within ids: a UUIDv7 begins with the milliseconds since 1970."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

_BITS_AFTER_TIME = 80
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
# An id is made just before its row's time is taken. It is later where it has to sort after the one
# before, of a server whose clock is ahead, or of one whose clock was set back since.
_EARLIER, _LATER = timedelta(minutes=1), timedelta(days=31)


def time_of(id_: UUID) -> datetime:
    """Return the time in an id, in UTC."""
    return _EPOCH + (id_.int >> _BITS_AFTER_TIME) * _MILLISECOND


def first_at(time: datetime) -> UUID:
    """Return the least id whose time is this one or later."""
    milliseconds = max(0, -((_EPOCH - time) // _MILLISECOND))
    return UUID(int=milliseconds << _BITS_AFTER_TIME)


def last_before(time: datetime) -> UUID:
    """Return the greatest id whose time is before this one; the least of all where none is."""
    return UUID(int=max(0, first_at(time).int - 1))


def first_of(since: datetime) -> UUID:
    """Return an id that is not greater than that of any row of this time or later."""
    return first_at(max(since, _EPOCH) - _EARLIER)


def last_of(until: datetime) -> UUID:
    """Return an id that is not less than that of any row of before this time.

    Unless a clock was ahead by a month.
    """
    month = (_LATER // _MILLISECOND) << _BITS_AFTER_TIME  # the time may be the last that there is
    return UUID(int=last_before(until).int + month)
