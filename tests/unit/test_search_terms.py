"""The terms of a search, and the places in a text that they match."""

from __future__ import annotations

import pytest

from askcli.search_terms import matches, terms
from tests.support.search_cases import CASES, STORED


@pytest.mark.parametrize(("query", "name"), [case for case in CASES if case[1]])
def test_what_is_found_can_be_marked(query: str, name: str) -> None:
    wanted = terms(query)
    whole = "\n".join(STORED[name])
    marked = [whole[start:end] for start, end in matches(whole, wanted)]
    assert marked
    assert all(matches(part, wanted) for part in marked)
