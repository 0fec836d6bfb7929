"""Idempotency keys: what is replayed, and what is asked again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest

from askcli.answerers.base import Piece
from askcli.errors import ProviderOverloaded, ProviderRejected
from askcli.services import request_info
from askcli.services.questions.ask import Ask
from askcli.services.request_info import RequestInfo
from askcli.services.usage.metering import MESSAGE_TOKENS
from tests.support.cli import Cli
from tests.support.databases import NewDatabase
from tests.support.fake_anthropic import BUSY, FAULT, FakeAnthropic
from tests.support.in_app import access_token, client_of, services_on
from tests.support.people import Person, new_user
from tests.support.processes import ServerProcess
from tests.support.streams import STREAM

PING = {"type": "ping"}
ASK = "/api/questions"


def ask(http: httpx2.Client, key: str, accept: dict[str, str] | None = None) -> httpx2.Response:
    headers = {"idempotency-key": key} | (accept or {})
    return http.post("/api/questions", json={"question": key}, headers=headers)


def replayed(answer: httpx2.Response) -> tuple[str | None, str | None]:
    return answer.headers.get("idempotency-replayed"), answer.headers.get("retry-after")


def test_a_stored_failure_is_replayed_without_retry_after(
    alice: Person, fake: FakeAnthropic
) -> None:
    """The provider had begun to answer, and may bill that: it is not asked again."""
    key = uuid4().hex
    fake.on(key, "half of", " an answer", fault="overloaded", fault_after=1)
    first, again = ask(alice.http, key), ask(alice.http, key)
    assert (first.status_code, replayed(first)) == (503, (None, "10"))
    assert (again.status_code, replayed(again)) == (503, ("true", None))
    assert again.json()["question_id"] == first.json()["question_id"]
    assert "ask it as a new one" in again.json()["detail"]  # under this key it is replayed for ever
    stream = ask(alice.http, key, STREAM)
    assert replayed(stream) == ("true", None)
    assert "event: error" in stream.text
    assert len(fake.asked(key)) == 1


@pytest.mark.parametrize(
    "loss",
    [
        {"fault": "reset", "edit": lambda _: [PING, FAULT]},
        {"raw": b"HTTP/1.1 200 OK\r\nc"},
        # A gateway has passed the request on, or may have.
        *[{"html": True, "status": status} for status in (500, 501, 502, 520)],
        *[{"html": True, "status": status} for status in (408, 499, 504, 524, 598, 599)],
    ],
)
def test_an_attempt_that_was_lost_before_the_answer_began_is_charged(
    alice: Person, fake: FakeAnthropic, loss: dict[str, Any]
) -> None:
    """The provider had taken the request, and may bill it."""
    key = uuid4().hex
    fake.on(key, "whole", **loss)
    first, again = ask(alice.http, key), ask(alice.http, key)
    assert first.status_code == again.status_code in (502, 504)
    assert replayed(again) == ("true", None)
    assert len(fake.asked(key)) == 1
    (usage,) = alice.http.get("/api/users/me/usage").json()["items"]
    assert usage["input_tokens"] == len(key) + MESSAGE_TOKENS * 2


def test_an_answer_is_replayed_as_such(alice: Person) -> None:
    first, again = ask(alice.http, key := uuid4().hex), ask(alice.http, key)
    assert (replayed(first), replayed(again)) == ((None, None), ("true", None))
    assert again.json() == first.json()


def test_a_question_that_no_provider_took_is_asked_again_under_its_key(
    alice: Person, twin: ServerProcess, fake: FakeAnthropic
) -> None:
    key = uuid4().hex
    fake.on(key, **BUSY)
    first = ask(alice.http, key)
    assert (first.status_code, replayed(first)) == (503, (None, "3600"))
    fake.on(key, "Now I can.")
    with alice.at(twin) as elsewhere, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: ask(alice.http if n % 2 else elsewhere, key), range(8)))
    assert {(answer.status_code, answer.json()["answer"]) for answer in answers} == {
        (201, "Now I can.")
    }
    assert sorted(map(replayed, answers), key=str) == [("true", None)] * 7 + [(None, None)]
    assert len(fake.asked(key)) == 2
    (stored,) = alice.questions()
    assert (stored["id"], stored["status"]) == (first.json()["question_id"], "answered")
    (usage,) = alice.http.get("/api/users/me/usage").json()["items"]
    assert (usage["questions"], usage["input_tokens"], usage["output_tokens"]) == (1, 11, 7)


def test_a_repeated_request_is_not_refused_for_what_its_first_one_reserved(
    alice: Person, twin: ServerProcess, host: Cli, fake: FakeAnthropic
) -> None:
    assert host.in_process("users", "quota", alice.email, "--tokens-day", "100").code == 0
    reply = fake.on(key := uuid4().hex, "begun", " and ended", hold_after=1)
    with alice.at(twin) as elsewhere, ThreadPoolExecutor(12) as pool:
        asks = [pool.submit(ask, alice.http if n % 2 else elsewhere, key) for n in range(12)]
        assert reply.reached.wait(30)
        assert ask(alice.http, uuid4().hex).status_code == 429  # the quota is reserved
        reply.release()
        statuses = [future.result().status_code for future in asks]
    assert statuses == [201] * 12
    assert len(fake.asked(key)) == 1


def when_called(owner: object, name: str) -> asyncio.Event:
    """An event that is set once this method has returned."""
    method, is_called = getattr(owner, name), asyncio.Event()

    def note(*args: Any) -> Any:
        result = method(*args)
        is_called.set()
        return result

    setattr(owner, name, note)
    return is_called


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
@pytest.mark.parametrize("is_elsewhere", [True, False])
def test_a_failure_that_is_waited_for_again_says_when_to_try(
    new_database: NewDatabase, kind: str, is_elsewhere: bool
) -> None:
    """As after a lost connection, here or at another server: the same key asks it once more."""

    async def scenario() -> None:
        url, may_fail = new_database(kind), asyncio.Event()

        async def overload(*_: Any) -> AsyncGenerator[Piece, None]:
            await may_fail.wait()
            raise ProviderOverloaded
            yield ""

        settings = {"upstream_attempts": 1}
        async with services_on(url, **settings) as first, services_on(url, **settings) as other:
            second = other if is_elsewhere else first
            header = await access_token(first, "a@example.org")
            first.answerer.stream = overload  # type: ignore[method-assign, assignment]
            has_started = when_called(first.questions._runs, "start")
            has_joined = when_called(second.questions._runs, "join")
            async with client_of(first) as here, client_of(second) as there:
                body, headers = {"question": "hello"}, header | {"idempotency-key": "key"}
                asks = [asyncio.create_task(here.post(ASK, json=body, headers=headers))]
                await has_started.wait()
                asks.append(asyncio.create_task(there.post(ASK, json=body, headers=headers)))
                await has_joined.wait()
                may_fail.set()
                answers = [await ask for ask in asks]
            assert [answer.status_code for answer in answers] == [503, 503]
            assert [replayed(answer) for answer in answers] == [(None, "10"), ("true", "10")]

    asyncio.run(scenario())


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
@pytest.mark.parametrize("was_there", [True, False])
def test_a_question_that_is_deleted_as_it_is_sent_again_is_asked_anew(
    new_database: NewDatabase, kind: str, was_there: bool
) -> None:
    """It has failed, and is deleted before it starts again; or it was stored at that moment."""

    async def refuse(*_: Any) -> AsyncGenerator[Piece, None]:
        raise ProviderRejected
        yield ""

    async def scenario() -> None:
        async with services_on(new_database(kind)) as services:
            me = await services.database.write(new_user, "a@example.org")
            request_info.bind(RequestInfo("id", "client", None))
            storage, store, sent = (
                services.questions._storage,
                services.questions._storage.store,
                [],
            )

            async def ask() -> str:
                stream = await services.questions.ask(me, Ask("hello"), "key")
                await stream.wait()
                sent.append(stream.question["id"])
                return stream.question["status"]

            async def store_meanwhile(*args: Any, **more: Any) -> bool:
                storage.store = store  # type: ignore[method-assign]
                if was_there:
                    await services.history.remove(me, UUID(sent[0]))
                    return await store(*args, **more)
                await ask()
                is_stored = await store(*args, **more)
                await services.history.remove(me, UUID(sent[0]))
                return is_stored

            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(services.answerer, "stream", refuse)
                if was_there:
                    assert await ask() == "failed"
            storage.store = store_meanwhile  # type: ignore[method-assign]
            assert await ask() == "answered"
            first, second = sent
            assert first != second

    asyncio.run(scenario())
