"""Splitting of texts and queries into words, for search.

Not by the databases, because each has other rules and neither supports all scripts: here SQLite,
PostgreSQL and the client, which highlights matches, have the same words. Case, accents and
compatibility forms make no difference. In scripts without spaces each character is a word, so that
any part of a text is found; a symbol such as an emoji is a word of its own.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from askcli.normalization import MAX_MARKS, composed, with_few_marks

# Indexed of each text; the client looks no further for matches.
MAX_TEXT_CHARACTERS = 400_000
# Longer words (a line of base64) are found by their beginning.
MAX_WORD_CHARACTERS = 64
# Of a word before it is folded, which removes accents. The rest is no part of the word: folded
# words are kept in memory, and a text of any length may be one word.
MAX_FOLDED_CHARACTERS = 8 * MAX_WORD_CHARACTERS

_RUN = re.compile(r"[0-9A-Za-z\u0080-\U0010ffff]+")
# Each is a word, and folding leaves it as it is: they need no look at each character, which takes
# eight times as long.
IDEOGRAPHS = re.compile(r"[\u3400-\u4dbf\u4e00-\u9ffc\uac00-\ud7a3\U00020000-\U0002a6d6]{2,}")
_NOT_IN_A_WORD = re.compile(r"[\x00-\x2f\x3a-\x60\x7b-\x7f]")  # made by folding, such as "(1)"
_QUERY = re.compile(r'(-?)(?:"([^"]*)"?|(\S+))')

# Accents and points that are ignored; other marks are parts of letters.
_ACCENTS = ((0x300, 0x36F), (0x591, 0x5C7), (0x64B, 0x65F), (0x670, 0x670))
# Scripts without spaces between words: Thai to Myanmar, Khmer, kana, Han; and Hangul, whose words
# include their particles.
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
    """A folded word, and its position in the text."""

    folded: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Term:
    """Words that must (or must not) follow one another; the last may be a prefix."""

    words: tuple[str, ...]
    is_prefix: bool = False
    is_excluded: bool = False

    @property
    def prefix(self) -> str:
        """The beginning of a word that is searched for, empty where the last word is whole.

        A character that is a word of its own is whole even so: no longer word begins with it.
        """
        last = self.words[-1]
        return last if self.is_prefix and _part(last[-1]) != "alone" else ""


def words(text: str) -> Iterator[Word]:
    """Yield the words of a text, in their order."""
    for run in _RUN.finditer(text):
        if run[0].isascii():
            yield Word(run[0].lower()[:MAX_WORD_CHARACTERS], *run.span())
        else:
            yield from _words_of(text, *run.span())


def folded_words(text: str) -> list[str]:
    """Return the words of a text, folded and without their positions."""
    if text.isascii():
        return [run[:MAX_WORD_CHARACTERS] for run in _RUN.findall(text.lower())]
    return [word.folded for word in words(text)]


def _words_of(text: str, start: int, end: int) -> Iterator[Word]:
    at = start
    for run in IDEOGRAPHS.finditer(text, start, end):
        yield from _classified(text, at, run.start())
        at = run.end() - 1  # marks may follow the last one
        yield from (Word(text[index], index, index + 1) for index in range(run.start(), at))
    yield from _classified(text, at, end)


def _classified(text: str, start: int, end: int) -> Iterator[Word]:
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
def _part(char: str) -> str:
    """Classify a character: letter, a word alone, mark on another character, or gap."""
    kind = unicodedata.category(char)
    if kind[0] == "M" or kind == "Cf":
        return "mark"
    if kind == "So" or (kind[0] in "LN" and _is_in(char, _UNSPACED)):
        return "alone"
    return "letter" if kind[0] in "LN" else "gap"


def _folded(text: str, start: int, end: int) -> Iterator[Word]:
    word = text[start:end]
    if end - start > MAX_MARKS:  # else neither changes it
        word = with_few_marks(word)[:MAX_FOLDED_CHARACTERS]
    if folded := fold(word):
        yield Word(folded, start, end)


@lru_cache(10_000)
def fold(text: str) -> str:
    """Return the text without case, accents, compatibility forms and invisible characters."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    characters = "".join(
        char
        for char in decomposed
        if not _is_in(char, _ACCENTS)
        and unicodedata.category(char) != "Cf"
        and not 0xFE00 <= ord(char) <= 0xFE0F  # variation selectors
    )
    folded = unicodedata.normalize("NFC", characters.casefold())
    return _NOT_IN_A_WORD.sub("", folded)[:MAX_WORD_CHARACTERS]


def _is_in(char: str, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(low <= ord(char) <= high for low, high in ranges)


def terms(query: str) -> tuple[Term, ...]:
    """Parse a query: words, "words in a row", prefixes*, and -excluded terms.

    Never fails: parts without a word are ignored.
    """
    parsed = []
    for minus, quoted, plain in _QUERY.findall(composed(query)):
        phrase = quoted or plain
        folded = tuple(word.folded for word in words(phrase))
        if folded:
            is_prefix = bool(plain) and plain.endswith("*")
            parsed.append(Term(folded, is_prefix, is_excluded=bool(minus)))
    return tuple(parsed)


def matches(text: str, search_terms: tuple[Term, ...]) -> list[tuple[int, int]]:
    """Return the matches of the terms in a text as ordered spans (start, end), none overlapping."""
    text_words = list(words(text[:MAX_TEXT_CHARACTERS]))
    spans = []
    for index in range(len(text_words)):
        lengths = [
            len(term.words)
            for term in search_terms
            if not term.is_excluded and _at(text_words, index, term)
        ]
        if lengths:
            spans.append((text_words[index].start, text_words[index + max(lengths) - 1].end))
    return _merged(spans)


def _at(text_words: list[Word], index: int, term: Term) -> bool:
    end = index + len(term.words) - 1
    if end >= len(text_words):
        return False
    found, last = text_words[end].folded, term.words[-1]
    if not (found.startswith(last) if term.is_prefix else found == last):
        return False
    return tuple(word.folded for word in text_words[index:end]) == term.words[:-1]


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in spans:
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
