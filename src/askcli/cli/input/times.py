"""Times as options take them: 2d, 2 h ago, yesterday, last week, 2026-01-31, or RFC 3339.

A clock change is no hour of anybody's day: days, weeks, months and years are counted on the local
calendar and clock, hours and less as they pass. Where a local time comes twice, the first is meant.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from askcli.errors import Misused

_UNITS = {
    word: unit
    for unit, words in {
        "seconds": "s sec second seconds",
        "minutes": "min minute minutes",
        "hours": "h hour hours",
        "days": "d day days",
        "weeks": "w week weeks",
        "months": "month months",
        "years": "y year years",
    }.items()
    for word in words.split()
}
_PASSING = ("seconds", "minutes", "hours")
_WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
_DAYS = "|".join(["today", "yesterday", *(f"(?:last )?{day}" for day in _WEEKDAYS)])
# Compiled where a time is given: it takes a millisecond.
_AGO = rf"(\d{{1,6}}|an?) ?({'|'.join(_UNITS)})(?: ago)?"
_DAY = rf"({_DAYS})(?: (\d\d?):(\d\d))?"
_PERIOD = r"(this|last) (week|month|year)"


def parse_optional(text: str | None, flag: str) -> str | None:
    """Parse the value of an option that may be missing."""
    return None if text is None else parse(text, flag)


def parse(text: str, flag: str, now: datetime | None = None) -> str:
    """Return the time in RFC 3339: one before `now`, or a local time unless it has a zone.

    A day, week, month or year is its beginning. Raises Misused, naming the flag.
    """
    now = now or datetime.now(UTC)
    words = " ".join(text.lower().split())
    try:
        timestamp = _ago(words, now) or _named(words, now) or datetime.fromisoformat(text)
        # `astimezone` takes a time that a clock change leaves out for an hour too early.
        in_utc = datetime.fromtimestamp(timestamp.timestamp(), UTC)
    except (ValueError, OverflowError):
        raise Misused(
            f'{flag}: {text!r} is no time: say 2d, "2 h ago", yesterday, monday, "last week", '
            "2026-01-31 or 2026-01-31T12:00; see `askcli help times`."
        ) from None
    return in_utc.isoformat().replace("+00:00", "Z")


def _ago(words: str, now: datetime) -> datetime | None:
    """Return the time so long before now; None for other words."""
    if words == "now":
        return now
    if not (match := re.fullmatch(_AGO, words, re.ASCII)):
        return None
    count, unit = int(match[1]) if match[1].isdigit() else 1, _UNITS[match[2]]
    if unit in _PASSING:
        return now - timedelta(**{unit: count})
    local = _local(now)
    if unit in ("days", "weeks"):
        return local - timedelta(**{unit: count})
    return _months_before(local, count * (12 if unit == "years" else 1))


def _months_before(local: datetime, count: int) -> datetime:
    """Return the same day of the month, or its last one. Raises ValueError before the year 1."""
    from calendar import monthrange  # for few

    year, month = divmod(local.year * 12 + local.month - 1 - count, 12)
    day = min(local.day, monthrange(max(year, 1), month + 1)[1])
    return local.replace(year, month + 1, day)


def _named(words: str, now: datetime) -> datetime | None:
    """Return the beginning of a day or period, or a time of that day; None for other words."""
    today = _local(now).replace(hour=0, minute=0, second=0, microsecond=0)
    if match := re.fullmatch(_DAY, words, re.ASCII):
        day = today - timedelta(days=_days_since(match[1], today.weekday()))
        return day.replace(hour=int(match[2] or 0), minute=int(match[3] or 0))
    if match := re.fullmatch(_PERIOD, words):
        return _beginning(match[2], today, is_last=match[1] == "last")
    return None


def _days_since(name: str, weekday: int) -> int:
    """Return the days from the named day to one of this weekday: a last one is not the same."""
    if name in ("today", "yesterday"):
        return int(name == "yesterday")
    days = (weekday - _WEEKDAYS.index(name.removeprefix("last "))) % 7
    return days or (7 if name.startswith("last ") else 0)


def _beginning(period: str, today: datetime, *, is_last: bool) -> datetime:
    if period == "week":
        return today - timedelta(days=today.weekday() + 7 * is_last)
    first = today.replace(day=1) if period == "month" else today.replace(month=1, day=1)
    return _months_before(first, is_last * (1 if period == "month" else 12))


def _local(time: datetime) -> datetime:
    """Return the time as local clocks show it, without a zone."""
    return time.astimezone().replace(tzinfo=None)
