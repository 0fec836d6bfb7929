"""Conversations to look at: their pages, titles and deletion, as docs/http.md says."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, select, update

from askcli.services.clock import now
from askcli.services.housekeeping import Housekeeping
from askcli.store.queries import conversations
from askcli.store.tables import questions, usage
from tests.support.databases import NewDatabase
from tests.support.owners import LIST, TODAY, Owner, owner_on, run
from tests.support.search_work import statements

both = pytest.mark.parametrize("kind", ["sqlite", "postgres"])


@both
def test_conversations_are_listed_by_their_last_questions(
    new_database: NewDatabase, kind: str
) -> None:
    async def scenario(owner: Owner) -> None:
        owner.ask(1, 0, "How do I\n  exit vim? " + "x" * 100)
        owner.ask(2, 1)
        last = owner.ask(1, 2)
        owner.ask(3, 3)
        items = await owner.listed(limit=1)
        assert [UUID(item["id"]).int for item in items] == [3, 1, 2]
        one = items[1]
        assert (one["turns"], one["cost_usd"]) == (2, pytest.approx(0.2))
        assert one["title"] == "How do I exit vim? " + "x" * 60 + "…"
        assert one["created_at"] == "2026-01-31T12:00:00.000000Z"
        assert one["last_activity_at"] == "2026-01-31T12:02:00.000000Z"
        assert one["last_question_id"] == str(last)
        assert (await owner.http.get(f"/api/conversations/{one['id']}")).json() == one
        for since, until, expected in (
            (2, 3, [1]),
            (1, 3, [1, 2]),
            (3, None, [3]),
            (None, 2, [2]),
            (None, 0, []),
        ):
            times = {
                name: (TODAY + timedelta(minutes=minute)).isoformat()
                for name, minute in (("since", since), ("until", until))
                if minute is not None
            }
            found = [UUID(item["id"]).int for item in await owner.listed(limit=1, **times)]
            assert found == expected, (since, until)

    run(new_database(kind), scenario)


@both
def test_a_page_looks_at_a_bounded_number_of_questions(
    new_database: NewDatabase, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then it has few conversations, or none, and a cursor."""
    monkeypatch.setattr(conversations, "EXAMINED", 4)
    monkeypatch.setattr(conversations, "PORTION", 2)
    monkeypatch.setattr(conversations, "COUNTED", 2)
    monkeypatch.setattr(conversations, "BATCH", 1)

    async def scenario(owner: Owner) -> None:
        for minute in range(3):
            owner.ask(minute, minute)
        for minute in range(3, 13):
            owner.ask(7, minute)
        pages, cursor = list[int](), None
        while cursor or not pages:
            params: dict[str, str] = {"cursor": cursor} if cursor else {}
            page = (await owner.http.get(LIST, params=params)).json()
            pages.append(len(page["items"]))
            cursor = page["next_cursor"]
        assert pages == [1, 0, 2, 1]
        for minute in range(13, 16):
            owner.ask(minute - 13, minute)
            owner.ask(minute - 13, minute)
        page = (await owner.http.get(LIST)).json()
        assert [item["turns"] for item in page["items"]] == [3]  # more were counted than COUNTED
        assert [item["turns"] for item in await owner.listed()] == [3, 3, 3, 10]

    run(new_database(kind), scenario)


@both
def test_a_title_goes_with_the_last_question(new_database: NewDatabase, kind: str) -> None:
    """By each way in which questions are deleted."""

    async def scenario(owner: Owner) -> None:
        async def titled(number: int) -> str:
            path = f"/api/conversations/{UUID(int=number)}"
            renamed = await owner.http.patch(path, json={"title": f" {number} ☕ "})
            assert (renamed.status_code, renamed.json()["title"]) == (200, f"{number} ☕")
            assert (await owner.http.get(path)).json() == renamed.json()
            return path

        first, second = owner.ask(1, 0, "one"), owner.ask(1, 1)
        path = await titled(1)
        await owner.http.delete(f"/api/questions/{first}")
        assert owner.titles() == ["1 ☕"]
        await owner.http.delete(f"/api/questions/{second}")
        assert owner.titles() == []
        assert (await owner.http.patch(path, json={"title": "x"})).status_code == 404
        owner.ask(2, 2)
        await titled(2)
        until = (TODAY + timedelta(hours=1)).isoformat()
        removed = await owner.http.delete("/api/users/me/questions", params={"until": until})
        assert (removed.json(), owner.titles()) == ({"deleted": 1}, [])
        owner.ask(3, 3, answered_at=TODAY)
        await titled(3)
        await Housekeeping(owner.database, 90, 1)._clean()
        assert (owner.titles(), await owner.listed()) == ([], [])
        owner.ask(4, 4, "four")
        path = await titled(4)
        without = (await owner.http.patch(path, json={"title": ""})).json()
        assert (without["title"], owner.titles()) == ("four", [])
        for title in ("a\nb", "\u202ea", "a\0", " ", "x" * 201, None):
            refused = await owner.http.patch(path, json={"title": title})
            assert refused.status_code == 422, title

    run(new_database(kind), scenario)


@both
def test_a_conversation_is_deleted_with_all_its_questions(
    new_database: NewDatabase, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In batches, and what is being answered is stopped; a price that was paid stays."""
    monkeypatch.setattr("askcli.services.questions.conversations.DELETE_BATCH", 2)

    async def scenario(owner: Owner) -> None:
        for minute in range(5):
            owner.ask(1, minute)
        running = owner.ask(1, 5, status="answering", answered_at=None, is_queued=True)
        kept = owner.ask(2, 6)
        with owner.database.transaction() as connection:
            connection.execute(
                update(usage).where(usage.c.question_id == running).values(settled=False)
            )
        path = f"/api/conversations/{UUID(int=1)}"
        await owner.http.patch(path, json={"title": "mine"})
        assert (await owner.http.delete(path)).status_code == 204
        assert (await owner.http.delete(path)).status_code == 404
        assert (await owner.http.get(path)).status_code == 404
        with owner.database.transaction() as connection:
            assert list(connection.scalars(select(questions.c.id))) == [kept]
            assert reserved(connection, running) == 0
        assert owner.titles() == []
        assert len(await owner.listed()) == 1

    def reserved(connection: Connection, question_id: UUID) -> int | None:
        return connection.scalar(
            select(usage.c.input_tokens).where(usage.c.question_id == question_id)
        )

    run(new_database(kind), scenario)


def test_no_turns_are_counted_while_a_title_is_written(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On SQLite all other writes wait then: of 100,000 turns for a tenth of a second."""
    written: list[str] = []

    async def scenario(owner: Owner) -> None:
        owner.ask(1, 0)
        write = owner.database.write

        async def noted(work: Any, *values: Any) -> Any:
            def run(connection: Connection) -> Any:
                with statements(connection) as executed:
                    result = work(connection, *values)
                written.extend(statement for statement, _ in executed)
                return result

            return await write(run)

        monkeypatch.setattr(owner.database, "write", noted)
        path = f"/api/conversations/{UUID(int=1)}"
        assert (await owner.http.patch(path, json={"title": "mine"})).json()["turns"] == 1
        assert any("INSERT INTO conversation_titles" in statement for statement in written)
        assert not any("count(" in statement for statement in written)

    run(new_database("sqlite"), scenario)


def test_anothers_conversation_is_none(new_database: NewDatabase) -> None:
    url = new_database("sqlite")

    async def scenario(owner: Owner) -> None:
        owner.ask(1, 0)
        path = f"/api/conversations/{UUID(int=1)}"
        await owner.http.patch(path, json={"title": "mine"})
        before = await owner.listed()
        async with owner_on(url) as other:
            for response in (
                await other.http.get(path),
                await other.http.patch(path, json={"title": "theirs"}),
                await other.http.delete(path),
                await other.http.get(f"/api/users/{owner.id}/conversations"),
            ):
                assert (response.status_code, response.json()["code"]) == (404, "not_found")
            assert await other.listed() == []
        assert await owner.listed() == before
        assert before[0]["title"] == "mine"
        assert now() > TODAY

    run(url, scenario)
