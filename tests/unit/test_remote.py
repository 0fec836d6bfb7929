"""The stream of an answer that another process generates, fed from what that process stores."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, RowMapping, update

from askcli.answerers.base import Request
from askcli.errors import AskcliError, DatabaseUnavailable, NotFound, Unavailable
from askcli.services.clock import new_id, now
from askcli.services.questions.ask import Ask, new_row
from askcli.services.runs.elsewhere.feed import Feed
from askcli.services.runs.elsewhere.remote import Feeds
from askcli.services.runs.stream import AnswerStream
from askcli.services.shapes import as_question
from askcli.store import search, tables
from askcli.store.database import Database
from askcli.store.listener import Listener
from askcli.store.queries import answer_parts, questions
from tests.support.databases import NewDatabase
from tests.support.people import new_user

REQUEST = Request("scripted", (), None, 10)


@dataclass
class Followed:
    """A running question of another process, and the stream that follows it."""

    database: Database
    row: dict[str, Any]
    stream: AnswerStream
    feeds: Feeds
    feed: Feed

    async def add(self, position: int, text: str) -> None:
        part = {"question_id": self.row["id"], "position": position, "text": text}
        await self.database.write(answer_parts.add, [part])

    async def change(self, **values: Any) -> None:
        id_ = self.row["id"]

        def work(connection: Connection) -> None:
            answer_parts.end(connection, [id_], {})
            those = update(tables.questions).where(tables.questions.c.id == id_)
            connection.execute(those.values(**values))

        await self.database.write(work)

    async def polled(self) -> str:
        await self.feeds._read(self.feed)
        return self.stream.text


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, new_database: NewDatabase) -> Any:
    database = Database(new_database(request.param))
    yield database
    database.close()


def scenario(
    database: Database, work: Callable[[Followed], Awaitable[None]], *parts: tuple[int, str]
) -> None:
    """Do the work with a question that has these parts when it is joined."""

    async def run() -> None:
        user_id = await database.write(new_user, "a@example.org")
        row = new_row(user_id, Ask("hello"), REQUEST)
        row |= {"request_hash": "", "is_queued": False, "process_id": new_id()}
        entry = search.entry(database.dialect, user_id, "hello", "")
        await database.write(questions.add, row, entry)
        for position, text in parts:
            part = {"question_id": row["id"], "position": position, "text": text}
            await database.write(answer_parts.add, [part])
        stored = await database.read(questions.by_id, user_id, row["id"])
        assert stored
        stream = AnswerStream(as_question(stored))
        feeds = Feeds(database, Listener(database, new_id()), new_id())
        await work(Followed(database, row, stream, feeds, Feed(stream)))

    asyncio.run(run())


def test_a_follower_reads_what_is_new_and_not_the_text_before(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    news = answer_parts.news

    def counted(*args: Any) -> Sequence[RowMapping]:
        rows = news(*args)
        read.append(sum(len(row["text"] or "") for row in rows))
        return rows

    monkeypatch.setattr(answer_parts, "news", counted)

    async def work(followed: Followed) -> None:
        words = [f"é{number:>9}" for number in range(60)]
        for number, word in enumerate(words):
            await followed.add(10 * number, word)
            assert await followed.polled() == "".join(words[: number + 1])
            await followed.polled()
        assert max(read) == 10  # what is new, or else the last part, which may have become longer

    scenario(database, work)


def test_a_part_that_becomes_longer_is_followed(database: Database) -> None:
    """Its process had no reply to the commit of the shorter one."""

    async def work(followed: Followed) -> None:
        assert followed.stream.text == "one tw"  # what the reader has already
        assert await followed.polled() == "one tw"
        await followed.add(4, "two thr")
        assert await followed.polled() == "one two thr"
        await followed.add(4, "two three")
        await followed.add(13, " four")
        assert await followed.polled() == "one two three four"
        await followed.change(status="answered", answered_at=now(), answer="one two three four.")
        assert await followed.polled() == "one two three four."
        assert followed.stream.question["status"] == "answered"

    scenario(database, work, (0, "one "), (4, "tw"))


def test_an_answer_of_before_the_log_is_followed(database: Database) -> None:
    """Its text is in its row, and nobody adds to it any more."""

    async def work(followed: Followed) -> None:
        await followed.change(answer="of before")
        assert await followed.polled() == ""
        await followed.change(status="interrupted", error="interrupted", answered_at=now())
        assert await followed.polled() == "of before"
        assert followed.stream.error is not None

    scenario(database, work)


def test_a_read_that_fails_when_nobody_waits_for_it_any_more_is_no_error(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as at the end of a server whose database is away."""

    async def work(followed: Followed) -> None:
        unhandled, is_reading, may_fail = list[Any](), asyncio.Event(), asyncio.Event()
        asyncio.get_running_loop().set_exception_handler(lambda _, said: unhandled.append(said))

        async def read(*_: Any) -> Any:
            is_reading.set()
            await may_fail.wait()
            raise DatabaseUnavailable("away")

        monkeypatch.setattr(followed.database, "read", read)
        following = asyncio.create_task(followed.polled())
        await is_reading.wait()
        following.cancel()
        await asyncio.wait([following])
        may_fail.set()
        while len(asyncio.all_tasks()) > 1:
            await asyncio.sleep(0)
        gc.collect()
        assert unhandled == []

    scenario(database, work)


def ends_with(followed: Followed, kind: type[AskcliError]) -> bool:
    return followed.stream.ended and isinstance(followed.stream.error, kind)


async def start_again(followed: Followed, text: str) -> None:
    """Let another run answer the question from its beginning."""
    await followed.change(run_id=new_id(), answer="")
    await followed.add(0, text)


def test_a_later_run_is_followed_where_no_text_of_an_earlier_one_is_shown(
    database: Database,
) -> None:
    async def work(followed: Followed) -> None:
        assert await followed.polled() == ""
        await start_again(followed, "of the later run")
        assert await followed.polled() == "of the later run"
        await start_again(followed, "of the last run, which is longer")
        assert await followed.polled() == "of the later run"
        assert ends_with(followed, Unavailable)

    scenario(database, work)


def test_a_deleted_question_ends_its_stream(database: Database) -> None:
    async def work(followed: Followed) -> None:
        user_id: UUID = followed.row["user_id"]
        await followed.database.write(questions.remove, user_id, followed.row["id"])
        assert await followed.polled() == "text"
        assert ends_with(followed, NotFound)

    scenario(database, work, (0, "text"))
