"""Questions that were asked elsewhere: imported once, whole, and at no cost."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import select, update

from askcli.services.clock import now
from askcli.services.questions import importing
from askcli.store import search
from askcli.store.tables import questions, usage, users
from tests.support.databases import NewDatabase
from tests.support.owners import LIST, Owner, owner_on, run

both = pytest.mark.parametrize("kind", ["sqlite", "postgres"])
PATH = "/api/users/me/questions"


def item(key: object = 1, conversation: object = 1, **fields: Any) -> dict[str, Any]:
    basic = {"question": f"lantern {key}", "answer": "so", "model": "gpt-4o"}
    times = {"created_at": "2026-01-31T12:00:00.123Z"}
    return {"key": f"k{key}", "conversation": f"c{conversation}"} | basic | times | fields


async def add(owner: Owner, *items: dict[str, Any]) -> tuple[int, int, int]:
    """Import; return how many are imported, were present, have expired."""
    response = await owner.http.post(PATH, json={"items": items})
    assert response.status_code == 200, response.text
    counts = response.json()
    return counts["imported"], counts["present"], counts["expired"]


async def listed(owner: Owner, **params: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await owner.http.get(PATH, params=params)).json()["items"]
    return items


@both
def test_questions_are_imported_once(new_database: NewDatabase, kind: str) -> None:
    async def scenario(owner: Owner) -> None:
        whole = item(
            2,
            title="Lamps",
            system="Be brief.",
            status="interrupted",
            stop_reason="end_turn",
            error="x",
            max_tokens=9,
            input_tokens=3,
            output_tokens=7,
            cost_usd=0.5,
            answered_at="2026-01-31T12:01:00Z",
        )
        items = [item(1), whole, item(3, 2), item(3, 2)]
        assert await add(owner, *items) == (3, 1, 0)
        assert await add(owner, *items, item(4, 2, created_at="2026-02-01")) == (1, 4, 0)
        stored = await listed(owner, search="lantern")
        assert len(stored) == 4
        (two,) = (one for one in stored if one["question"] == "lantern 2")
        for name in whole.keys() - {"key", "conversation", "title", "created_at", "answered_at"}:
            assert two[name] == whole[name], name
        assert two["created_at"] == "2026-01-31T12:00:00.123000Z"
        assert UUID(two["id"]).version == 7
        first, second = await owner.listed()
        assert {first["title"], second["title"]} == {"Lamps", "lantern 3"}
        assert {first["turns"], second["turns"]} == {2}
        assert (first["cost_usd"], second["cost_usd"]) == (None, None)
        with owner.database.transaction() as connection:
            assert connection.scalars(select(usage.c.question_id)).all() == []

    run(new_database(kind), scenario)


@both
def test_the_events_of_an_imported_question_end_as_its_status_says(
    new_database: NewDatabase, kind: str
) -> None:
    """Whatever another program has called its error."""
    ends = {
        ("failed", None): "provider_failed",
        ("failed", "no idea"): "provider_failed",
        ("failed", "provider_timeout"): "provider_timeout",
        ("interrupted", None): "interrupted",
        ("cancelled", None): "cancelled",
        ("answered", "a warning"): None,
    }

    async def scenario(owner: Owner) -> None:
        items = [
            item(number, status=status, error=error) for number, (status, error) in enumerate(ends)
        ]
        assert await add(owner, *items) == (len(ends), 0, 0)
        for question in await listed(owner):
            response = await owner.http.get(f"/api/questions/{question['id']}/events")
            *_, end = response.text.strip().split("\n\n")
            code = ends[question["status"], question["error"]]
            assert end.startswith("event: error" if code else "event: done")
            assert code is None or f'"code":"{code}"' in end

    run(new_database(kind), scenario)


@both
def test_what_was_exported_from_here_comes_back_to_its_place(
    new_database: NewDatabase, kind: str
) -> None:
    """The keys are the ids that it had; of another user's they are nothing but keys."""
    url = new_database(kind)

    async def scenario(owner: Owner) -> None:
        kept, gone = owner.ask(1, 0), owner.ask(1, 1)
        exported = [
            item(key=id_, conversation=UUID(int=1))
            | {"key": str(id_), "conversation": str(UUID(int=1))}
            for id_ in (kept, gone)
        ]
        await owner.http.delete(f"/api/questions/{gone}")
        for counts in ((1, 1, 0), (0, 2, 0)):
            assert await add(owner, *exported) == counts
        (conversation,) = await owner.listed()
        assert conversation["turns"] == 2
        async with owner_on(url) as other:
            assert await add(other, *exported) == (2, 0, 0)
            (theirs,) = await other.listed()
            assert theirs["id"] != conversation["id"]

    run(url, scenario)


@both
def test_questions_of_one_time_stay_in_the_order_of_their_request(
    new_database: NewDatabase, kind: str
) -> None:
    """Also where some of them are there already, or they are too long for one transaction."""
    words = {"short": "word " * 10, "long": "word " * 1000}

    async def scenario(owner: Owner) -> None:
        for text, answer in words.items():
            items = [item(f"{text} {number}", text, answer=answer) for number in range(25)]
            assert await add(owner, *items[:10]) == (10, 0, 0)
            assert await add(owner, *items) == (15, 10, 0)
            (conversation, *_) = (await owner.http.get(LIST)).json()["items"]
            stored = await listed(owner, limit=100, conversation_id=conversation["id"])
            asked = [one["question"] for one in reversed(stored)]
            assert asked == [one["question"] for one in items]
            await owner.http.delete(f"/api/conversations/{conversation['id']}")

    run(new_database(kind), scenario)


def test_the_name_of_a_model_is_one_line(new_database: NewDatabase) -> None:
    async def scenario(owner: Owner) -> None:
        for model in ("a\nb", "\x1b[2J", " ", "a\u202eb"):
            refused = await owner.http.post(PATH, json={"items": [item(model=model)]})
            assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")

    run(new_database("sqlite"), scenario)


@both
def test_what_is_kept_no_longer_is_not_imported(new_database: NewDatabase, kind: str) -> None:
    async def scenario(owner: Owner) -> None:
        with owner.database.transaction() as connection:
            own = update(users).where(users.c.id == owner.id)
            connection.execute(own.values(retention_days=10))
        times = [(now() - timedelta(days=days)).isoformat() for days in (1, 20)]
        new = [item(number, created_at=time) for number, time in enumerate(times)]
        assert await add(owner, *new, item(3, created_at=times[1], answered_at=times[0])) == (
            2,
            0,
            1,
        )
        for time in ((now() + timedelta(hours=1)).isoformat(), "1969-12-31", "yesterday"):
            refused = await owner.http.post(PATH, json={"items": [item(5, created_at=time)]})
            assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")

    run(new_database(kind), scenario)


def test_what_a_user_imports_in_a_day_is_bounded(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In bytes of what is new; in one request, too."""
    monkeypatch.setattr(importing, "BYTES_A_DAY", 100_000)

    async def scenario(owner: Owner) -> None:
        for _ in range(3):
            assert sum(await add(owner, item(1, answer="x" * 60_000))) == 1
        items = [item(2), item(3, answer="y" * 60_000)]
        refused = await owner.http.post(PATH, json={"items": items})
        assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
        assert 15_000 < int(refused.headers["retry-after"]) < 20_000
        assert await add(owner, item(2)) == (0, 1, 0)  # it came before
        many = await owner.http.post(PATH, json={"items": [item(n) for n in range(26)]})
        assert many.status_code == 422

    run(new_database("sqlite"), scenario)


def test_a_short_question_counts_with_all_that_its_import_stores(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or hundreds in a second, some kilobytes of the disk each, would have no limit."""
    monkeypatch.setattr(importing, "BYTES_A_DAY", 19_000)

    async def scenario(owner: Owner) -> None:
        words = {"question": "a", "answer": "", "title": "t" * 200, "model": "m" * 200}
        short = [item(number, number, **words) for number in range(14)]
        assert await add(owner, *short[:13]) == (13, 0, 0)
        refused = await owner.http.post(PATH, json={"items": short})
        assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")

    run(new_database("sqlite"), scenario)


def test_a_request_has_room_for_the_most_questions(new_database: NewDatabase) -> None:
    """With all fields, as any JSON library writes them."""
    times = {"created_at": "2026-01-31T12:00:00.123456+00:00", "answered_at": None}
    numbers = dict.fromkeys(("max_tokens", "input_tokens", "output_tokens"), 99_999)
    texts = dict.fromkeys(("title", "system", "stop_reason", "error"), "end_turn")

    async def scenario(owner: Owner) -> None:
        items = [
            item(n, status="answered", cost_usd=0.123456789012, **times, **numbers, **texts)
            for n in range(25)
        ]
        assert await add(owner, *items) == (25, 0, 0)
        with owner.database.transaction() as connection:
            rows = connection.execute(select(questions.c.requested_model)).scalars().all()
        assert rows == [None] * 25  # the next question has the server's default

    run(new_database("sqlite"), scenario)


@both
def test_imports_wait_in_a_short_line(
    new_database: NewDatabase, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of them may have megabytes."""
    may_go_on, entry = threading.Event(), search.entry

    def split(*texts: Any) -> search.Entry:
        assert may_go_on.wait(60)
        return entry(*texts)

    async def scenario(owner: Owner) -> None:
        def import_one(key: int) -> asyncio.Task[httpx2.Response]:
            body = {"items": [item(key, answer="word " * 1000)]}
            return asyncio.create_task(owner.http.post(PATH, json=body))

        requests = [import_one(key) for key in range(4)]
        try:
            refused, rest = await asyncio.wait(requests, return_when=asyncio.FIRST_COMPLETED)
        finally:
            may_go_on.set()
        (response,) = [task.result() for task in refused]
        assert (response.status_code, response.headers["retry-after"]) == (503, "2")
        assert {(await task).status_code for task in rest} == {200}
        assert len(await listed(owner)) == 3

    monkeypatch.setattr(search, "entry", split)
    run(new_database(kind), scenario)
