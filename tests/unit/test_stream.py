"""The stream of an answer, followed from anywhere."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from askcli.services.runs.stream import AnswerStream


class CountedPiece(str):
    """A piece that counts how often it is looked at."""

    __slots__ = ()
    looks = 0

    def __len__(self) -> int:
        CountedPiece.looks += 1
        return super().__len__()


def test_who_joins_late_looks_at_no_piece_that_was_before(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = AnswerStream(cast(Any, {}))
    for number in range(1000):
        stream.append(CountedPiece(f"{number:>4}"))
    stream.end(stream.question, None)

    async def followed(after: int) -> str:
        return "".join([text async for text in stream.follow(after)])

    monkeypatch.setattr(CountedPiece, "looks", 0)
    assert asyncio.run(followed(3996)) == " 999"
    assert asyncio.run(followed(3990)) == "97 998 999"
    assert asyncio.run(followed(4001)) == ""
    assert CountedPiece.looks == 0
    assert asyncio.run(followed(0)) == stream.text
