"""The estimate of tokens is an upper bound, however a tokenizer splits the text."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from askcli.services.usage.metering import estimate_tokens


@given(st.text(st.characters()), st.data())
def test_no_split_of_a_texts_bytes_has_more_tokens_than_estimated(
    text: str, data: st.DataObject
) -> None:
    content = text.encode("utf-8", "surrogatepass")
    cuts = data.draw(st.sets(st.integers(1, max(1, len(content) - 1))))
    bounds = [0, *sorted(cut for cut in cuts if cut < len(content)), len(content)]
    tokens = [content[start:end] for start, end in pairwise(bounds)]
    assert estimate_tokens(text) >= len(tokens)


@pytest.mark.parametrize("text", ["31415926535", "x=(a[i]<<1)^~b;", "龘靐齉爩", "👩‍👩‍👧", "\ud800"])
def test_a_token_a_byte_is_the_worst_case(text: str) -> None:
    assert estimate_tokens(text) >= len(text.encode("utf-8", "surrogatepass"))
