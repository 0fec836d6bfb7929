"""Transactions that were committed, and whose reply was lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest

from tests.support.databases import NewDatabase, migrated
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import NewPerson, Person
from tests.support.proxy import Proxy
from tests.support.servers import serving
from tests.support.waiting import eventually


@pytest.fixture(scope="module")
def proxy(postgres: str) -> Iterator[Proxy]:
    """A proxy before PostgreSQL."""
    (directory,) = parse_qs(urlsplit(postgres).query)["host"]
    with Proxy(f"{directory}/.s.PGSQL.5432") as proxy:
        yield proxy


@pytest.fixture
def person(
    proxy: Proxy,
    new_database: NewDatabase,
    fake: FakeAnthropic,
    new_person: NewPerson,
    tmp_path: Path,
) -> Iterator[Person]:
    """A user of a server whose PostgreSQL is behind the proxy."""
    database = urlsplit(migrated(new_database("postgres"))).path
    url = f"postgresql://postgres@{urlsplit(proxy.url).netloc}{database}"
    server = serving(tmp_path, fake, url)
    yield new_person(server)
    assert server.stop() == 0


@pytest.mark.parametrize("is_keyed", [True, False])
def test_a_question_whose_commit_was_not_confirmed_is_answered_once_for_its_key(
    person: Person, proxy: Proxy, fake: FakeAnthropic, is_keyed: bool
) -> None:
    """Without a key nobody can ask for it again, so that it is not sent at all."""
    marker = uuid4().hex
    headers, body = {"idempotency-key": marker} if is_keyed else {}, {"question": marker}
    proxy.lose_the_reply_to(b"INSERT INTO questions", b"COMMIT")
    lost = person.http.post("/api/questions", json=body, headers=headers)
    assert (lost.status_code, lost.json()["code"]) == (503, "database_unavailable")
    assert "may have been made" in lost.json()["detail"]
    if is_keyed:
        again = person.http.post("/api/questions", json=body, headers=headers)
        assert (again.status_code, again.json()["question"]) == (201, marker)
    statuses = {"answered"} if is_keyed else {"interrupted"}
    eventually(lambda: {row["status"] for row in person.questions()} == statuses)
    assert len(fake.asked(marker)) == (1 if is_keyed else 0)
    (usage,) = person.http.get("/api/users/me/usage").json()["items"]
    assert (usage["questions"], usage["input_tokens"]) == (1, 11 if is_keyed else 0)
