"""Numbers with their units, in the singular or the plural."""

from __future__ import annotations


def counted(count: int, noun: str, width: int = 0) -> str:
    """Return the count and its noun: 1 token, 1,200 tokens; the count fills `width`."""
    return f"{count:>{width},} {noun}{'' if count == 1 else 's'}"
