"""The text of an answer that is being generated, as its owner reads it on any process."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from sqlalchemy import select, update

from askcli.store.database import Database
from askcli.store.queries import answer_parts, listing, sizes
from askcli.store.tables import questions
from tests.support.databases import NewDatabase
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import Person, new_user
from tests.support.processes import ServerProcess
from tests.support.search_cases import store_question
from tests.support.waiting import eventually


@contextmanager
def held(person: Person, fake: FakeAnthropic, *words: str) -> Iterator[str]:
    """A running answer that has so many words; its question."""
    marker = uuid4().hex
    reply = fake.on(marker, *words, " and its end", hold_after=len(words))
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(person.ask, marker)
        assert reply.reached.wait(30)
        try:
            yield marker
        finally:
            reply.release()
        assert asking.result().json()["answer"] == "".join(words) + " and its end"


def test_the_text_so_far_is_read_in_every_way_on_every_process(
    server: ServerProcess, twin: ServerProcess, alice: Person, fake: FakeAnthropic
) -> None:
    with alice.at(twin) as other, held(alice, fake, "só", " far") as marker:
        for http in (alice.http, other):
            item = eventually(lambda http=http: text_of(http, marker, "só far"))  # type: ignore[misc]
            assert item
            assert http.get(f"/api/questions/{item['id']}").json() == item
            found = http.get("/api/users/me/questions", params={"search": marker}).json()["items"]
            assert found == [item]


def text_of(http: httpx2.Client, marker: str, text: str) -> dict[str, Any] | None:
    """The question in the list of its user, once it has that text."""
    items: list[dict[str, Any]] = http.get("/api/users/me/questions").json()["items"]
    return next((i for i in items if (i["question"], i["answer"]) == (marker, text)), None)


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_page_counts_the_text_so_far(new_database: NewDatabase, kind: str) -> None:
    database = Database(new_database(kind))
    with database.transaction() as connection:
        user_id = new_user(connection, "a@example.org")
        ids = [UUID(store_question(connection, str(user_id), "", "é")) for _ in range(3)]
        running = update(questions).where(questions.c.id == ids[1]).values(status="answering")
        connection.execute(running)
        half = "é" * (sizes.MAX_BYTES // 4)  # in bytes
        parts = [{"position": 1 + n * len(half), "text": half} for n in range(2)]
        answer_parts.add(connection, [part | {"question_id": ids[1]} for part in parts])
        sizes_ = select(questions.c.id, sizes.of_texts(kind.replace("postgres", "postgresql")))
        assert [size for _, size in connection.execute(sizes_.order_by(questions.c.id))] == [
            2,
            2 + sizes.MAX_BYTES,
            2,
        ]
        pages, cursor = list[list[int]](), None
        while not pages or cursor:
            page = listing.page(connection, user_id, listing.Filter(10, cursor))
            pages.append([len(row["answer"]) for row in page.rows])
            cursor = page.cursor
        assert pages == [[1], [1 + 2 * len(half)], [1]]
    database.close()
