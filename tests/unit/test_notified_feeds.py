"""An answer that another process follows: what is notified, and what it costs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import ExitStack, aclosing, asynccontextmanager
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event

from askcli.answerers.base import Request
from askcli.fair_queue import Place
from askcli.services.clock import new_id, now
from askcli.services.questions.ask import Ask, new_row
from askcli.services.runs.elsewhere import followers, remote
from askcli.services.runs.elsewhere.remote import Feeds
from askcli.services.runs.run import Run
from askcli.services.runs.storage import answer_log
from askcli.services.runs.storage.answer_log import AnswerLog
from askcli.services.runs.storage.progress import Progress
from askcli.services.runs.stream import AnswerStream
from askcli.services.shapes import as_question
from askcli.store import search
from askcli.store.database import Database
from askcli.store.listener import Listener
from askcli.store.queries import notifications, questions
from askcli.store.queries.notifications import Kind
from tests.support.databases import NewDatabase
from tests.support.people import new_user

REQUEST = Request("scripted", (), None, 10)


class Replica:
    """What a process has to answer, and to follow answers of others."""

    def __init__(self, url: str) -> None:
        self.database = Database(url)
        self.process_id = new_id()
        self.listener = Listener(self.database, self.process_id)
        self.log = AnswerLog(self.database, self.process_id)
        self.feeds = Feeds(self.database, self.listener, self.process_id)
        self.listener.on(Kind.FOLLOW, self.log.add_followers)
        self.statements = list[str]()
        self.running = ExitStack()
        event.listen(self.database.engine, "after_cursor_execute", self._note)

    def _note(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        self.statements.append(statement)

    @property
    def sent(self) -> int:
        """How many notifications it has sent."""
        return sum("pg_notify" in statement for statement in self.statements)

    async def run(self, user_id: UUID) -> Run:
        """Store a question and start its run."""
        row = new_row(user_id, Ask("hello"), REQUEST)
        row |= {"request_hash": "", "is_queued": False, "process_id": self.process_id}
        entry = search.entry(self.database.dialect, user_id, "hello", "")
        await self.database.write(questions.add, row, entry)
        run = Run(row, REQUEST, Place(lambda _: None))
        self.log.begin(run)
        self.running.callback(self.log.end, run)
        return run

    async def follow(self, run: Run) -> AnswerStream:
        """Follow a run of another process."""
        row = await self.database.read(questions.by_id, run.user_id, run.question_id)
        assert row
        stream = AnswerStream(as_question(row))
        self.running.enter_context(stream.followed())
        feeding = asyncio.create_task(self.feeds.feed(stream))
        self.running.callback(feeding.cancel)
        return stream

    async def is_told(self, run: Run) -> None:
        """Wait until the process of a run has said that it tells of its news."""
        await until(lambda: (feed := self.feeds._feeds.get(run.question_id)) and feed.is_told)
        await until(lambda: not self.feeds._one_at_a_time.locked())


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.005)


async def quiet(owner: Replica, other: Replica) -> None:
    """Wait until both have dealt with all that they have notified each other of."""
    arrived, has_changed = list[UUID](), True
    for this in (owner, other):
        this.listener.on(Kind.TEST, arrived.extend)
    while has_changed:
        before, sent = len(other.statements), owner.sent
        for sender, receiver in ((other, owner), (owner, other)):
            token = new_id()  # it arrives after all that was sent before it
            await sender.database.write(notifications.test, receiver.process_id, token)
            await until(partial(arrived.__contains__, token))
            ticks = len(owner.statements)  # one at a time, those that reply to a follower too
            await until(lambda ticks=ticks: len(owner.statements) > ticks + 10)  # type: ignore[misc]
        await until(lambda: not other.feeds._one_at_a_time.locked())
        has_changed = (len(other.statements), owner.sent) != (before + 1, sent + 1)


@asynccontextmanager
async def replica(url: str) -> AsyncIterator[Replica]:
    this = Replica(url)
    listening = asyncio.create_task(this.listener.run())
    try:
        if not this.database.is_sqlite:
            await until(lambda: this.listener.is_listening)
        yield this
    finally:
        this.running.close()
        await this.log.close()
        listening.cancel()
        await asyncio.wait([listening])
        this.database.close()


def scenario(url: str, work: Callable[[Replica, Replica, UUID], Awaitable[None]]) -> None:
    async def run() -> None:
        async with replica(url) as owner, replica(url) as other:
            await work(owner, other, await owner.database.write(new_user, "a@example.org"))

    asyncio.run(run())


@pytest.fixture
def url(new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(remote, "FOLLOW_SECONDS", 3600)
    monkeypatch.setattr(followers, "LEASE_SECONDS", 7200)
    return new_database("postgres")


def test_an_answer_in_which_nothing_happens_costs_its_followers_nothing(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what happens is one notification and one statement, however many answers it is in."""
    monkeypatch.setattr(answer_log, "TICK_SECONDS", 0.05)

    async def work(owner: Replica, other: Replica, user_id: UUID) -> None:
        runs = [await owner.run(user_id) for _ in range(20)]
        streams = [await other.follow(run) for run in runs]
        for run in runs:
            await other.is_told(run)
        await quiet(owner, other)
        before, sent = len(other.statements), owner.sent
        ticks = len(owner.statements)
        await until(lambda: len(owner.statements) > ticks + 10)  # its signs of life
        assert (len(other.statements), owner.sent) == (before, sent)
        for run in runs:
            run.stream.append("text")
        for stream in streams:
            async with aclosing(stream.follow()) as texts:
                assert await anext(texts) == "text"
        assert (len(other.statements), owner.sent) == (before + 1, sent + 1)

    scenario(url, work)


def test_what_nobody_follows_elsewhere_is_notified_of_to_nobody(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit with a notification would wait for all others of the PostgreSQL server."""
    monkeypatch.setattr(answer_log, "TICK_SECONDS", 3600)

    async def work(owner: Replica, other: Replica, user_id: UUID) -> None:
        followed, alone, ended = [await owner.run(user_id) for _ in range(3)]
        sent = owner.sent
        alone.stream.append("text")
        await owner.log._tick()
        del owner.log._progress[ended.id]
        owner.log.begin(ended)
        await owner.log._tick()
        owner.log.end(ended)
        assert owner.sent == sent
        owner.log._progress[ended.id] = Progress(ended)
        stream = await other.follow(followed)
        followed.stream.append("text")
        async with aclosing(stream.follow()) as texts:
            assert await anext(texts) == "text"
        assert owner.sent > sent
        assert alone.stream.characters  # which waits for its tick

    scenario(url, work)


@pytest.mark.parametrize("is_late", [False, True])
def test_who_follows_an_answer_as_it_ends_misses_nothing(
    url: str, monkeypatch: pytest.MonkeyPatch, is_late: bool
) -> None:
    """Also where its process hears of that after the end: it replies all the same."""
    monkeypatch.setattr(remote, "POLL_SECONDS", 3600)

    async def work(owner: Replica, other: Replica, user_id: UUID) -> None:
        run = await owner.run(user_id)
        heard = list[Sequence[UUID]]()
        if is_late:
            owner.listener._handlers[Kind.FOLLOW] = [heard.append]
        stream = await other.follow(run)
        await (until(lambda: heard) if is_late else other.is_told(run))
        end = {"answer": "text", "status": "answered", "answered_at": now()}
        entry = search.entry(owner.database.dialect, user_id, "hello", "text")
        ids = run.question_id, run.id
        assert await owner.database.write(questions.finish, *ids, end, entry)
        owner.running.close()
        for follow in heard:
            owner.log.add_followers(follow)
        async with asyncio.timeout(30):
            await stream.wait()
        assert stream.question["answer"] == "text"

    scenario(url, work)


def test_a_process_that_replies_no_more_is_polled_for(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "FOLLOW_SECONDS", 0.3)
    monkeypatch.setattr(remote, "POLL_SECONDS", 0.01)

    async def work(owner: Replica, other: Replica, user_id: UUID) -> None:
        run = await owner.run(user_id)
        await other.follow(run)
        await other.is_told(run)
        owner.listener._handlers.clear()
        feed = other.feeds._feeds[run.question_id]
        await until(lambda: feed.has_asked and not feed.is_told)
        before = len(other.statements)
        await until(lambda: len(other.statements) > before + 3)

    scenario(url, work)


def test_a_notification_of_many_ids_is_several(url: str) -> None:
    ids = [new_id() for _ in range(2 * notifications.MAX_IDS + 1)]
    received = list[UUID]()

    async def work(owner: Replica, other: Replica, _user_id: UUID) -> None:
        other.listener.on(Kind.NEWS, received.extend)
        await owner.database.write(notifications.news, {other.process_id: ids})
        await until(lambda: len(received) == len(ids))
        assert owner.sent == 3 + 1  # and its own test

    scenario(url, work)
    assert received == ids
