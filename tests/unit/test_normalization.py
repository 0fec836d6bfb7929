"""Texts of any length are normalized in pieces, as they would be in one."""

from __future__ import annotations

import sys
import unicodedata
from random import Random

import pytest

from askcli import normalization
from tests.support.soak import SOAK


@pytest.fixture(scope="module")
def characters() -> list[str]:
    """All that have a meaning, and in the soak the other million: no other test needs them."""
    assigned = [*range(0x30000), *range(0xE0000, 0xE0200)]
    codes = range(sys.maxunicode + 1) if SOAK else assigned
    return [chr(code) for code in codes if not 0xD800 <= code < 0xE000]


def test_what_is_joined_with_the_character_before_it_is_known(characters: list[str]) -> None:
    decomposed = [unicodedata.normalize("NFD", char) for char in characters]
    joined = {char for text in decomposed for char in text[1:]}
    moved = {char for char in characters if unicodedata.combining(char)}
    starts = {unicodedata.normalize("NFD", char)[0] for char in characters}
    assert {char for char in joined | moved if not normalization._may_be_joined(char)} == set()
    assert any(not normalization._may_be_joined(char) for char in starts)


def test_pieces_are_normalized_as_the_whole(
    characters: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(normalization, "PIECE_CHARACTERS", 3)
    random = Random(7)
    special = [char for char in characters if unicodedata.decomposition(char)] + list("aeo \n가")
    marks = [char for char in characters if normalization._may_be_joined(char)]
    for _ in range(3000 if SOAK else 1000):
        kinds = (random.choice((special, marks, characters)) for _ in range(20))
        text = "".join(random.choice(kind) for kind in kinds)
        assert normalization.composed(text) == unicodedata.normalize("NFC", text)


def test_no_piece_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = list[int]()
    normalize = unicodedata.normalize

    def noted(form: str, text: str) -> str:
        sizes.append(len(text))
        return normalize("NFC" if form == "NFC" else "NFD", text)

    monkeypatch.setattr(unicodedata, "normalize", noted)
    normalization.composed("\U0001d160" * 100_000)
    assert max(sizes) <= normalization.PIECE_CHARACTERS
