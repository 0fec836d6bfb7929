"""Times as a terminal shows them; elsewhere they stay as they are, RFC 3339 in UTC."""

from __future__ import annotations

from datetime import UTC, datetime

from askcli.cli.output.terminal import console

# Columns of the longest in a table: 10 min ago, 2026-01-31.
WIDTH = 10

_MINUTE, _HOUR, _HALF_DAY, _WEEK_DAYS = 60, 3600, 43_200, 7


def ago(timestamp: str, now: datetime | None = None) -> str:
    """Return how long ago it was for a table, or the day if that is a week or more.

    Days are those of the local calendar: what was asked before midnight is not yet yesterday's.
    """
    if not console.is_terminal():
        return timestamp
    then, now = datetime.fromisoformat(timestamp).astimezone(), (now or datetime.now(UTC))
    seconds = (now - then).total_seconds()
    days = (now.astimezone().date() - then.date()).days
    if abs(seconds) < _MINUTE:  # the server's clock may be ahead
        return "just now"
    if seconds < 0 or days >= _WEEK_DAYS:
        return then.date().isoformat()
    if seconds < _HOUR:
        return f"{seconds // _MINUTE:.0f} min ago"
    if days == 0 or seconds < _HALF_DAY:
        return f"{seconds // _HOUR:.0f} h ago"
    return "yesterday" if days == 1 else f"{days} days ago"


def in_full(timestamp: str) -> str:
    """Return the local time to the second with its distance to UTC."""
    return local(timestamp) if console.is_terminal() else timestamp


def local(timestamp: str) -> str:
    """Return the local time to the second with its distance to UTC, wherever it is for."""
    return datetime.fromisoformat(timestamp).astimezone().isoformat(" ", "seconds")
