"""Which turns of others a chat looks for, and what a look costs the server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from queue import SimpleQueue
from typing import Any

import pytest

from askcli.cli.commands.chat import elsewhere
from askcli.cli.commands.chat.elsewhere import Elsewhere
from askcli.errors import AskcliError, Unreachable


class FakeApi:
    """A conversation's turns by their ids; `calls` are the requests, in order."""

    def __init__(self) -> None:
        self.turns: dict[str, str] = {}
        self.calls: SimpleQueue[str] = SimpleQueue()
        self.failure: AskcliError | None = None

    def connect(self) -> Any:
        if self.failure:
            failure, self.failure = self.failure, None
            self.calls.put("failed")
            raise failure
        return self

    def conversation(self, _id: str) -> dict[str, str]:
        self.calls.put("conversation")
        return {"last_question_id": max(self.turns)}

    def questions(self, *, conversation_id: str, limit: int) -> dict[str, Any]:
        newest = sorted(self.turns, reverse=True)[:limit]
        items = [{"id": id_, "status": self.turns[id_]} for id_ in newest]
        self.calls.put(f"questions {conversation_id}")
        return {"items": items, "next_cursor": None}

    def next_calls(self, count: int) -> list[str]:
        return [self.calls.get(timeout=10) for _ in range(count)]


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


@pytest.fixture
def looking(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> Iterator[Elsewhere]:
    monkeypatch.setattr(elsewhere, "FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(elsewhere, "LONGEST_PAUSE_SECONDS", 0.001)
    one = Elsewhere(api.connect, lambda: api.calls.put("found"))
    yield one
    one.rest()


def test_a_chat_that_goes_on_shows_no_earlier_turn_again(api: FakeApi, looking: Elsewhere) -> None:
    api.turns = {f"{number}": "answered" for number in range(1, 9)}
    looking.begin("c", after="4")
    for number in range(4, 8):
        looking.know(f"{number}")
    looking.look()
    while api.next_calls(1) != ["found"]:
        pass
    assert [turn["id"] for turn in looking.take()] == ["8"]


def test_a_look_asks_for_texts_only_where_there_is_a_turn(api: FakeApi, looking: Elsewhere) -> None:
    """Or one that is still answered: else each idle chat would fetch its last turns for ever."""
    api.turns = {"1": "answered", "2": "answering"}
    looking.begin("c", after="1")
    looking.know("1")
    looking.look()
    assert api.next_calls(4) == ["conversation", "questions c"] * 2
    api.turns["2"] = "answered"
    while api.next_calls(1) != ["found"]:
        pass
    assert api.next_calls(3) == ["conversation"] * 3


def test_a_chat_without_a_server_looks_again(api: FakeApi, looking: Elsewhere) -> None:
    api.failure, api.turns = Unreachable(), {"1": "answered"}
    looking.begin("c")
    looking.look()
    assert api.next_calls(2) == ["failed", "conversation"]


def test_without_a_thread_a_chat_looks_for_no_turns(
    api: FakeApi, looking: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    api.turns = {"1": "answered"}
    looking.begin("c")
    with monkeypatch.context() as limited:
        limited.setattr(threading.Thread, "start", fail)
        looking.look()
    assert looking.take() == []
    looking.look()
    assert api.next_calls(1) == ["conversation"]


def test_a_chat_left_open_keeps_no_local_server_from_its_idle_end(api: FakeApi) -> None:
    api.turns = {"1": "answered"}
    one = Elsewhere(api.connect, lambda: None, most_seconds=1e-9)
    one.begin("c")
    one.look()
    assert not one.may_look()
