"""Pages of a list: a server decides how many there are, and not that there is no end of them."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from askcli.cli.commands.history.conversations import pages as conversation_pages
from askcli.client import api
from askcli.contract.limits import MAX_CURSOR
from askcli.contract.shapes import QuestionPage
from askcli.errors import BadResponse


def test_ever_new_cursors_of_empty_pages_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "MAX_EMPTY_PAGES", 10)
    numbers = count()

    def some_items(every: int) -> Any:
        def listing(**_: object) -> QuestionPage:
            number = next(numbers)
            items: list[Any] = [] if number % every else [{"id": str(number)}]
            return {"items": items, "next_cursor": str(number) if number < 200 else None}

        return listing

    assert len(list(api.pages(some_items(1)))) == 201
    numbers = count()
    with pytest.raises(BadResponse):
        list(api.pages(some_items(50)))
    assert next(numbers) == 12


@pytest.mark.parametrize("cursor", ["same", "1" * (MAX_CURSOR + 1)])
def test_the_same_cursor_or_too_long_a_one_ends(cursor: str) -> None:
    sent: list[str | None] = []

    def listing(**request: Any) -> Any:
        sent.append(request["cursor"])
        return {"items": [{"id": str(len(sent))}], "next_cursor": cursor}

    with pytest.raises(BadResponse):
        list(api.pages(listing))
    assert sent == ([None, cursor] if cursor == "same" else [None])


def test_a_conversation_that_moves_for_ever_ends_an_export(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All are read again while any has a later question than the last one that was known."""
    monkeypatch.setattr(conversation_pages, "MAX_EMPTY_PAGES", 10)
    questions = count(1)

    class Moving:
        def conversations(self, **_: object) -> Any:
            last = f"{next(questions):036}"
            return {"items": [{"id": "one", "last_question_id": last}], "next_cursor": None}

    exported = conversation_pages.all_conversations(Moving(), {})  # type: ignore[arg-type]
    assert next(exported)["id"] == "one"
    with pytest.raises(BadResponse):
        next(exported)
    assert next(questions) == 13
