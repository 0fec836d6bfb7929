"""The terms of a search, and the places in a text that they match."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from askcli import search_terms
from askcli.search_terms import MAX_WORD_CHARACTERS, Term, fold, matches, terms, words
from tests.support.search_cases import CASES, STORED


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
    assert [word.folded for word in words(text)] == folded


def test_ideographs_in_a_row_are_the_same_words_as_each_alone() -> None:
    """Each character that the quick way takes is a word that folding leaves as it is."""
    every = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x110000)]))
    ideographs = "".join(run[0] for run in search_terms.IDEOGRAPHS.finditer(every))
    assert len(ideographs) > 80_000
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
