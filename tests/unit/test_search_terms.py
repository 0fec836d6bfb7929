"""The terms of a search, and the places in a text that they match."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from askcli import search_terms
from askcli.normalization import MAX_MARKS, composed
from askcli.search_terms import (
    MAX_FOLDED_CHARACTERS,
    MAX_WORD_CHARACTERS,
    Term,
    fold,
    folded_words,
    matches,
    terms,
    words,
)
from tests.support.search_cases import CASES, STORED
from tests.support.soak import SOAK


@pytest.mark.parametrize(("query", "name"), [case for case in CASES if case[1]])
def test_what_is_found_can_be_marked(query: str, name: str) -> None:
    query_terms = terms(query)
    whole = "\n".join(STORED[name])
    marked = [whole[start:end] for start, end in matches(whole, query_terms)]
    assert marked
    assert all(matches(part, query_terms) for part in marked)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Hello, World", ["hello", "world"]),
        ("Don't", ["don", "t"]),
        ("Café STRASSE straße", ["cafe", "strasse", "strasse"]),
        ("東京x", ["東", "京", "x"]),
        ("ﬁle ＡＢＣ x²", ["file", "abc", "x2"]),
        ("a🎉b", ["a", "🎉", "b"]),
        ("x" * 100, ["x" * MAX_WORD_CHARACTERS]),
        ("!!! ...", []),
    ],
)
def test_the_words_of_a_text(text: str, folded: list[str]) -> None:
    assert [word.folded for word in words(text)] == folded == folded_words(text)


def test_ideographs_in_a_row_are_the_same_words_as_each_alone() -> None:
    """Each character that the quick way takes is a word that folding leaves as it is."""
    every = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x110000)]))
    ideographs = "".join(run[0] for run in search_terms.IDEOGRAPHS.finditer(every))
    assert len(ideographs) > 80_000
    ideographs = ideographs if SOAK else ideographs[::9]
    for text in (ideographs, " ".join(ideographs)):
        assert [word.folded for word in words(text)] == list(ideographs)
    assert [word.folded for word in words("東京\ufe00x")] == ["東", "京", "x"]


@pytest.mark.parametrize(
    ("query", "parsed"),
    [
        ("", ()),
        ("one", (Term(("one",)),)),
        ('"two words"', (Term(("two", "words")),)),
        ('"not closed', (Term(("not", "closed")),)),
        ("begin*", (Term(("begin",), is_prefix=True),)),
        ("-no yes", (Term(("no",), is_excluded=True), Term(("yes",)))),
        ('-"no such"', (Term(("no", "such"), is_excluded=True),)),
        ("foo_bar", (Term(("foo", "bar")),)),
        ('- * ""', ()),
    ],
)
def test_the_terms_of_a_query(query: str, parsed: tuple[Term, ...]) -> None:
    assert terms(query) == parsed


def test_matches_are_in_order_and_do_not_overlap() -> None:
    text = "one two one two three"
    spans = matches(text, terms('"one two" "two one"'))
    assert [text[start:end] for start, end in spans] == ["one two one two"]
    assert matches(text, terms("-one")) == []
    assert [text[a:b] for a, b in matches(text, terms("thr*"))] == ["three"]


@given(st.text(max_size=200))
def test_no_text_and_no_query_is_an_error(text: str) -> None:
    for start, end in matches(text, terms(text)):
        assert 0 <= start < end <= len(text)
    assert all(word.folded == fold(word.folded) for word in words(text))


# Marks that have an order of their own, which normalization finds with time that grows with the
# square of their number; the last is two such marks in one character.
HOSTILE_MARKS = ["\u0301\u0316", "\u0316\ufe0f\u0301", "\u05b0\u0301", "\u0f73"]


class Normalizations:
    """What is normalized."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.texts: list[str] = []
        self._normalize = unicodedata.normalize
        fold.cache_clear()
        patch.setattr(unicodedata, "normalize", self._noting)

    def _noting(self, form: Literal["NFC", "NFKD"], text: str) -> str:
        self.texts.append(text)
        assert longest_run_of_marks(text) <= 2 * MAX_MARKS  # each may be two when decomposed
        return self._normalize(form, text)


def longest_run_of_marks(text: str) -> int:
    longest = run = 0
    for char in text:
        run = run + 1 if unicodedata.category(char)[0] == "M" else 0
        longest = max(longest, run)
    return longest


@pytest.mark.parametrize("marks", HOSTILE_MARKS)
@pytest.mark.parametrize(
    "used", [composed, terms, lambda text: list(words(text)), lambda text: matches(text, ())]
)
def test_no_long_run_of_marks_is_normalized(
    monkeypatch: pytest.MonkeyPatch, marks: str, used: Callable[[str], object]
) -> None:
    normalizations = Normalizations(monkeypatch)
    used(f"a{marks * 1000}b a{marks * 1000}")
    assert normalizations.texts


def test_a_word_is_found_with_any_number_of_marks_on_its_letters() -> None:
    text = "a" + "\u0301\u0316" * 1000 + "b"
    assert [word.folded for word in words(composed(text))] == ["ab"]
    assert matches(text, terms("ab")) == matches(text, terms(text)) == [(0, len(text))]


@pytest.mark.parametrize(
    "text", ["é" * MAX_MARKS * 2, "—" * 100, "हिन्दी " * 30, "\u1112\u1161" * 50]
)
def test_text_without_long_runs_of_marks_is_composed_as_it_is(text: str) -> None:
    assert composed(text) == unicodedata.normalize("NFC", text)
    decomposed = unicodedata.normalize("NFD", text)
    assert composed(decomposed) == unicodedata.normalize("NFC", text)


def test_no_long_text_is_kept_as_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    folded: list[str] = []

    def noting(text: str) -> str:
        folded.append(text)
        return fold(text)

    monkeypatch.setattr(search_terms, "fold", noting)
    whole = [word.folded for word in words("é" * 100_000 + " " + "a\u0301\u0316" * 1000)]
    assert whole == ["e" * MAX_WORD_CHARACTERS, "a" * MAX_WORD_CHARACTERS]
    assert max(map(len, folded)) <= MAX_FOLDED_CHARACTERS
    assert [term.words for term in terms("é" * 1000)] == [(whole[0],)]


def test_what_is_not_indexed_of_a_text_is_not_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_terms, "MAX_TEXT_CHARACTERS", 11)
    assert matches("one two one two one", terms("one")) == [(0, 3), (8, 11)]
