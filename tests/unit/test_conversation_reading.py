"""What is read of conversations at a shell: page by page, few of them in memory."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, cast

import pytest

from askcli.cli.commands.history.conversations import pages
from askcli.client.api import Api
from askcli.errors import BadResponse


class Server:
    """Pages of 10,000 conversations, and of one with as many questions."""

    def __init__(self, cursors: list[str | None] | None = None) -> None:
        self.requests = list[Any]()
        self._cursors = cursors

    def conversations(self, limit: int, cursor: str | None, **_: Any) -> dict[str, Any]:
        self.requests.append((limit, cursor))
        start = int(cursor or 0)
        items = [{"id": str(number)} for number in range(start, start + limit)]
        if self._cursors is not None:
            return {"items": [], "next_cursor": self._cursors[len(self.requests) - 1]}
        end = start + limit
        return {"items": items, "next_cursor": str(end) if end < 10_000 else None}

    def questions(self, limit: int, cursor: str | None, conversation_id: str) -> dict[str, Any]:
        assert (limit, conversation_id) == (100, "c")
        start = int(cursor or 10_000)
        items = [{"id": str(number)} for number in range(start, start - 100, -1)]
        return {"items": items, "next_cursor": str(start - 100) if start > 100 else None}


def read(server: Server, most: int | None = None) -> Iterator[dict[str, Any]]:
    return cast("Iterator[dict[str, Any]]", pages.conversations(cast(Api, server), {}, most))


def test_a_page_is_asked_for_when_it_is_needed() -> None:
    server = Server()
    items = read(server)
    assert [item["id"] for item in islice(items, 101)] == [str(number) for number in range(101)]
    assert server.requests == [(100, None), (100, "100")]
    assert sum(1 for _ in items) == 10_000 - 101
    assert len(server.requests) == 100
    assert len(list(read(limited := Server(), 150))) == 150
    assert limited.requests == [(100, None), (50, "100")]


def test_pages_without_conversations_are_followed_unless_they_never_end() -> None:
    assert list(read(Server(["1", "2", None]), 20)) == []
    with pytest.raises(BadResponse):
        list(read(Server(["1", "2", "1", "2"])))


def test_the_questions_of_a_long_conversation_come_in_their_order() -> None:
    questions = pages.questions(cast(Api, Server()), "c")
    assert [question["id"] for question in questions] == [str(n) for n in range(1, 10_001)]
