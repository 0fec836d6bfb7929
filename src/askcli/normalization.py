"""Unicode normalization in a time that grows with the length of a text, and no faster.

It puts the marks on a character in order, in a time that grows with the square of their number, and
no other thread runs meanwhile. So a text has as many marks in a row as in Unicode's Stream-Safe
Text Format (UAX #15); those after them, which no writing has, are left out. A long text is
normalized in pieces, between which other threads run.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

MAX_MARKS = 30
PIECE_CHARACTERS = 10_000  # which take 5 ms at most

# Vowels and final consonants of Hangul, vowels of Kirat Rai.
_JOINED_LETTERS = re.compile("[\u1160-\u11ff\U00016d63-\U00016d6a]")

# Where more marks in a row may be: all of them are neither letters nor digits.
_MAYBE_MARKS = re.compile(rf"[^\w\x00-\x7f]{{{MAX_MARKS + 1},}}")


def composed(text: str) -> str:
    """Return the text in NFC, with few marks in a row."""
    return "".join(unicodedata.normalize("NFC", piece) for piece in _pieces(with_few_marks(text)))


def _pieces(text: str) -> Iterator[str]:
    """Yield the text in pieces of about PIECE_CHARACTERS, which NFC does not join."""
    start = 0
    while len(text) - start > PIECE_CHARACTERS:
        end = start + PIECE_CHARACTERS
        while end < len(text) and _may_be_joined(text[end]):
            end += 1
        yield text[start:end]
        start = end
    yield text[start:]


def _may_be_joined(char: str) -> bool:
    """Whether NFC may join the character with the one before it, or put it before that."""
    first = unicodedata.normalize("NFD", char)[0]
    return unicodedata.category(first)[0] == "M" or bool(_JOINED_LETTERS.match(first))


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
