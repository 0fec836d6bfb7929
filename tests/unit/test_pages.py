"""Pages of a list: a server decides how many there are, and not that there is no end of them."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from askcli.client import api
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
