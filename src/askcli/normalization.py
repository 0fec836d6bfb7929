"""Unicode normalization in a time that grows with the length of a text, and no faster.

It puts the marks on a character in order, in a time that grows with the square of their number, and
no other thread runs meanwhile. So a text has as many marks in a row as in Unicode's Stream-Safe
Text Format (UAX #15); those after them, which no writing has, are left out.
"""

from __future__ import annotations

import re
import unicodedata

MAX_MARKS = 30

# Where more marks in a row may be: all of them are neither letters nor digits.
_MAYBE_MARKS = re.compile(rf"[^\w\x00-\x7f]{{{MAX_MARKS + 1},}}")


def composed(text: str) -> str:
    """Return the text in NFC, with few marks in a row."""
    return unicodedata.normalize("NFC", with_few_marks(text))


def with_few_marks(text: str) -> str:
    """Return the text without the marks that follow too many others."""
    if len(text) <= MAX_MARKS or text.isascii():
        return text
    return _MAYBE_MARKS.sub(_first_marks, text)


def _first_marks(run: re.Match[str]) -> str:
    kept, marks = [], 0
    for char in run[0]:
        # Not by its combining class: a character without one may be two marks that have one.
        marks = marks + 1 if unicodedata.category(char)[0] == "M" else 0
        if marks <= MAX_MARKS:
            kept.append(char)
    return "".join(kept)
