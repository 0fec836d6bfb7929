"""JSON from outside: bounded in the values that it has."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from askcli.contract import bounded_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.sampled_from('a"\\,[]{}:é😀\n')),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.sampled_from('a"\\,')), inner),
)


@given(VALUES)
def test_what_fits_is_read_as_it_is(value: object) -> None:
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False)):
        assert bounded_json.parse(text.encode()) == value
        assert bounded_json.parse(text.encode("utf-8-sig")) == value


@pytest.mark.parametrize("item", ["[]", '""', "7", "{}", '"[\\""'])
def test_more_values_than_a_page_has_are_refused(item: str) -> None:
    assert bounded_json.parse(f"[{item},{item}]", 300)
    with pytest.raises(bounded_json.TooManyValues):
        bounded_json.parse("[" + ",".join([item] * 310) + "]", 300)
    assert bounded_json.parse('["' + ",[]" * 310 + '"]', 300)  # of one text


@pytest.mark.parametrize("end", ["", "\\", "\\\n"])
def test_a_string_without_an_end_is_read_once(end: str) -> None:
    """Not once for each quote in it: that would take hours."""
    with pytest.raises(json.JSONDecodeError):
        bounded_json.parse('"' + r"\"" * 1_000_000 + end)
    with pytest.raises(bounded_json.TooManyValues):  # nor are strings that nothing is between
        bounded_json.parse('""' * 1_000_000)


@pytest.mark.parametrize("content", [b"\xff", '"a"'.encode("utf-16"), b'"a'])
def test_what_is_no_json_in_utf_8_is_refused(content: bytes) -> None:
    with pytest.raises((UnicodeDecodeError, json.JSONDecodeError)):
        bounded_json.parse(content)
