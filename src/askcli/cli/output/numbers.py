"""Numbers with their units, in the singular or the plural."""

from __future__ import annotations

# From here on a table has a rounded number.
LONG = 1_000_000
_UNITS = ((10**6, "M"), (10**9, "B"), (10**12, "T"))


def counted(count: int, noun: str, width: int = 0) -> str:
    """Return the count and its noun: 1 token, 1,200 tokens; the count fills `width`."""
    return f"{count:>{width},} {noun}{'' if count == 1 else 's'}"


def rounded(count: int, noun: str, width: int = 0) -> str:
    """Return the count and its noun for a table: 1,200 tokens, 1.2 M tokens."""
    if abs(count) < LONG:
        return counted(count, noun, width)
    # What would be rounded to 1,000.0 M is 1.0 B.
    fitting = (unit for unit in _UNITS if abs(count) < 1000 * unit[0] - unit[0] // 20)
    size, letter = next(fitting, _UNITS[-1])
    tenths = (abs(count) * 10 + size // 2) // size
    figure = f"{'-' * (count < 0)}{tenths // 10:,}.{tenths % 10} {letter}"
    return f"{figure:>{width}} {noun}s"
