"""The stream of an answer, followed from anywhere."""

from __future__ import annotations

import asyncio
import tracemalloc
from typing import Any, cast

import pytest

from askcli.services.runs.stream import BLOCK_CHARACTERS, AnswerStream


class CountedPiece(str):
    """A piece that counts how often it is looked at."""

    __slots__ = ()
    looks = 0

    def __len__(self) -> int:
        CountedPiece.looks += 1
        return super().__len__()


async def followed(stream: AnswerStream, after: int) -> str:
    return "".join([text async for text in stream.follow(after)])


def test_who_joins_late_looks_at_no_piece_that_was_before(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = AnswerStream(cast(Any, {}))
    for number in range(1000):
        stream.append(CountedPiece(f"{number:>{BLOCK_CHARACTERS}}"))
    stream.end(stream.question, None)
    monkeypatch.setattr(CountedPiece, "looks", 0)
    last = 999 * BLOCK_CHARACTERS
    assert asyncio.run(followed(stream, stream.characters - 4)) == " 999"
    assert asyncio.run(followed(stream, last - 2)) == "98" + f"{999:>{BLOCK_CHARACTERS}}"
    assert asyncio.run(followed(stream, stream.characters + 1)) == ""
    assert CountedPiece.looks == 0
    assert asyncio.run(followed(stream, 0)) == stream.text


def test_words_take_little_more_memory_than_their_characters() -> None:
    stream, words = AnswerStream(cast(Any, {})), [f"{number:>6}" for number in range(10_000)]
    tracemalloc.start()
    for word in words:
        stream.append(word)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size < 1.5 * stream.characters
    stream.end(stream.question, None)
    for after in (0, 5, BLOCK_CHARACTERS - 1, BLOCK_CHARACTERS, 30_001):
        assert asyncio.run(followed(stream, after)) == "".join(words)[after:]
