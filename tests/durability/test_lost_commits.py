"""Transactions whose commit, or the reply to it, was lost or came late."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest

from askcli.errors import DatabaseUnavailable
from askcli.server.bootstrap import build
from askcli.services.questions.ask import Ask
from askcli.services.questions.history import Filters
from askcli.services.runs.storage import answer_log
from askcli.settings import Settings
from askcli.store import database as database_module
from tests.support.databases import NewDatabase
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.meanwhile import waits
from tests.support.people import NewPerson, Person, new_user
from tests.support.proxy import Proxy
from tests.support.secrets import SECRET
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
    database = urlsplit(new_database("postgres")).path
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


@pytest.mark.parametrize("end", ["committed", "rolled back", "committed without a key"])
def test_a_commit_that_comes_late_is_waited_for(
    proxy: Proxy, new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    monkeypatch.setattr(answer_log, "TICK_SECONDS", 0.01)
    url = new_database("postgres")
    key = None if "without" in end else uuid4().hex

    async def scenario() -> None:
        through_proxy = f"postgresql://postgres@{urlsplit(proxy.url).netloc}{urlsplit(url).path}"
        settings = Settings(db_conn_string=through_proxy, jwt_secret=SECRET, answerer="scripted")
        services = build(settings)
        try:
            user_id = await services.database.write(new_user, "somebody@example.org")
            proxy.hold(b"INSERT INTO questions", b"COMMIT")
            services.database.unit_seconds = 0.5  # of this unit: others need more on a busy machine
            with pytest.raises(DatabaseUnavailable):
                await services.questions.ask(user_id, Ask("hello"), key)
            services.database.unit_seconds = database_module.UNIT_SECONDS["postgresql"]
            await asyncio.to_thread(eventually, lambda: waits(url) or not services.runs.active)
            if end == "rolled back":
                proxy.cut()
            else:
                proxy.release()
            while services.runs.active:
                await asyncio.sleep(0.02)
            if end == "rolled back":
                assert not (await services.history.page(user_id, Filters(10)))["items"]
                await (await services.questions.ask(user_id, Ask("hello"), key)).result()
            (question,) = (await services.history.page(user_id, Filters(10)))["items"]
            assert question["status"] == ("answered" if key else "interrupted")
            (usage,) = await services.history.usage(user_id, None, None)
            assert (usage["questions"], usage["input_tokens"] > 0) == (1, key is not None)
        finally:
            await services.close()

    asyncio.run(asyncio.wait_for(scenario(), 60))
