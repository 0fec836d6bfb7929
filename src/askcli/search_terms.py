"""Words: what a search takes a text and a query apart into.

Not the databases' own way, because each has another, and neither knows all scripts: here SQLite,
PostgreSQL and the client, which marks what was found, take the same characters for the same words.
Case, accents and compatibility forms make no difference. A script that writes no spaces counts by
the character, so that any part of its text is found; a symbol such as an emoji is a word of its
own.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

# Longer ones (a line of base64) are found by their beginning.
MAX_WORD_CHARACTERS = 64

_RUN = re.compile(r"[0-9A-Za-z\u0080-\U0010ffff]+")
_NOT_IN_A_WORD = re.compile(r"[\x00-\x2f\x3a-\x60\x7b-\x7f]")  # what folding made, such as "(1)"
_QUERY = re.compile(r'(-?)(?:"([^"]*)"?|(\S+))')

# Accents and points that readers leave out when they search; other marks are letters' bodies.
_ACCENTS = ((0x300, 0x36F), (0x591, 0x5C7), (0x64B, 0x65F), (0x670, 0x670))
# Scripts without spaces between words: Thai to Myanmar, Khmer, kana, Han, and Hangul, whose words
# carry their particles.
_UNSPACED = (
    (0x0E00, 0x0EFF),
    (0x1000, 0x109F),
    (0x1780, 0x17FF),
    (0x3040, 0x30FF),
    (0x31F0, 0x31FF),
    (0x3400, 0x9FFF),
    (0xAC00, 0xD7AF),
    (0xF900, 0xFAFF),
    (0xFF66, 0xFF9F),
    (0x20000, 0x3FFFF),
)


class Word(NamedTuple):
    """A word as it is searched for, and where in the text it stands."""

    folded: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Term:
    """Words that must (or must not) stand one after another; the last may be a beginning only."""

    words: tuple[str, ...]
    is_prefix: bool = False
    is_excluded: bool = False


def words(text: str) -> Iterator[Word]:
    """The words of a text, in their order."""
    for run in _RUN.finditer(text):
        if run[0].isascii():
            yield Word(run[0].lower()[:MAX_WORD_CHARACTERS], *run.span())
        else:
            yield from _words_of(text, *run.span())


def _words_of(text: str, start: int, end: int) -> Iterator[Word]:
    begin = start  # of the word under way, which ends before `at`
    for at in range(start, end):
        part = _part(text[at])
        if part == "mark":
            continue
        if begin < at and not part == _part(text[begin]) == "letter":
            yield from _folded(text, begin, at)
            begin = at
        if part == "gap":
            begin = at + 1
    yield from _folded(text, begin, end)


@lru_cache(10_000)
def _part(sign: str) -> str:
    """What a character is of words: a letter, a whole word alone, a mark on another, or a gap."""
    kind = unicodedata.category(sign)
    if kind[0] == "M" or kind == "Cf":
        return "mark"
    if kind == "So" or (kind[0] in "LN" and _is_in(sign, _UNSPACED)):
        return "alone"
    return "letter" if kind[0] in "LN" else "gap"


def _folded(text: str, start: int, end: int) -> Iterator[Word]:
    found = fold(text[start:end])
    if found:
        yield Word(found, start, end)


@lru_cache(10_000)
def fold(text: str) -> str:
    """The text without case, accents, compatibility forms and invisible characters."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    kept = "".join(
        sign
        for sign in apart
        if not _is_in(sign, _ACCENTS)
        and unicodedata.category(sign) != "Cf"
        and not 0xFE00 <= ord(sign) <= 0xFE0F  # how an emoji is to look
    )
    whole = unicodedata.normalize("NFC", kept.casefold())
    return _NOT_IN_A_WORD.sub("", whole)[:MAX_WORD_CHARACTERS]


def _is_in(sign: str, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(low <= ord(sign) <= high for low, high in ranges)


def terms(query: str) -> tuple[Term, ...]:
    """What a query asks for: words, "words in a row", beginnings*, and -what must not be there.

    Never an error: what no word is in asks for nothing.
    """
    found = []
    for minus, quoted, plain in _QUERY.findall(unicodedata.normalize("NFC", query)):
        said = quoted or plain
        folded = tuple(word.folded for word in words(said))
        if folded:
            is_prefix = bool(plain) and plain.endswith("*")
            found.append(Term(folded, is_prefix, is_excluded=bool(minus)))
    return tuple(found)


def matches(text: str, wanted: tuple[Term, ...]) -> list[tuple[int, int]]:
    """Where in a text the terms stand, as (start, end), in their order, none overlapping."""
    there = list(words(text))
    found = []
    for index in range(len(there)):
        lengths = [
            len(term.words) for term in wanted if not term.is_excluded and _at(there, index, term)
        ]
        if lengths:
            found.append((there[index].start, there[index + max(lengths) - 1].end))
    return _merged(found)


def _at(there: list[Word], index: int, term: Term) -> bool:
    stretch = [word.folded for word in there[index : index + len(term.words)]]
    if len(stretch) < len(term.words) or stretch[:-1] != list(term.words[:-1]):
        return False
    last = term.words[-1]
    return stretch[-1].startswith(last) if term.is_prefix else stretch[-1] == last


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in spans:
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
