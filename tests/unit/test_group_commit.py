"""SQLite's writer commits what has queued up together; what fails of it fails alone."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from askcli.errors import DatabaseUnavailable
from askcli.store import database as module
from askcli.store import deadline
from askcli.store.database import Database, group_commit
from askcli.store.search import LONG_CHARACTERS
from tests.support.databases import migrated_file
from tests.support.small_disk import fill, small_disk
from tests.support.writer import Commits, held, put, stored, together

caller: ContextVar[str] = ContextVar("caller")

LONG = {"question": "w" * (LONG_CHARACTERS + 1)}


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """A database whose groups are bounded by the number of units alone."""
    monkeypatch.setattr(group_commit, "GROUP_SECONDS", 60)
    opened = Database(migrated_file(tmp_path / "askcli.db"))
    yield opened
    opened.close()


def test_what_has_queued_is_committed_together_before_any_of_it_is_acknowledged(
    database: Database,
) -> None:
    commits, keys = Commits(database), [f"{number:02}" for number in range(30)]

    async def write(key: str) -> bool:
        return key in stored(database) if await database.write(put, key) == key else False

    writes = [partial(write, key) for key in keys]
    assert asyncio.run(together(database, *writes)) == [True] * 30
    assert commits.number == 1
    assert stored(database) == keys


def test_each_unit_runs_in_the_context_of_its_caller(database: Database) -> None:
    async def write(name: str) -> str:
        caller.set(name)
        return await database.write(lambda _: caller.get())

    calls = [partial(write, name) for name in "abc"]
    assert asyncio.run(together(database, *calls)) == ["a", "b", "c"]


def duplicate(connection: Connection) -> None:
    put(connection, "half")
    put(connection, "half")


def error(connection: Connection) -> None:
    put(connection, "half")
    raise LookupError


def too_slow(connection: Connection) -> None:
    put(connection, "half")
    deadline.start(0)


@pytest.mark.parametrize(
    ("work", "raised", "words"),
    [
        (duplicate, IntegrityError, "UNIQUE"),
        (error, LookupError, ""),
        (too_slow, DatabaseUnavailable, "is too slow; nothing was changed"),
    ],
)
def test_a_unit_that_fails_fails_alone(
    database: Database, work: Callable[[Connection], None], raised: type[Exception], words: str
) -> None:
    commits = Commits(database)
    outcomes = asyncio.run(
        together(
            database,
            partial(database.write, put, "before"),
            partial(database.write, work),
            partial(database.write, put, "with it"),
        )
    )
    assert [outcomes[0], outcomes[2]] == ["before", "with it"]
    assert isinstance(outcomes[1], raised)
    assert words in str(outcomes[1])
    assert stored(database) == ["before", "with it"]
    assert commits.number == 1


def test_a_unit_that_is_interrupted_as_it_writes_takes_no_other_with_it(database: Database) -> None:
    """SQLite rolls back the whole transaction then."""
    runs: list[str] = []

    def noted(connection: Connection, key: str) -> str:
        runs.append(key)
        return put(connection, key)

    def endless(connection: Connection) -> None:
        runs.append("endless")
        deadline.start(0.1)
        numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
        connection.execute(text(f"{numbers} INSERT INTO limits SELECT i, 1 FROM n"))

    calls: list[Callable[[], Any]] = [
        partial(database.write, noted, "a"),
        partial(database.write, endless),
        partial(database.write, noted, "b"),
    ]
    a, failure, b = asyncio.run(together(database, *calls))
    assert (a, b, stored(database)) == ("a", "b", ["a", "b"])
    assert "is too slow; nothing was changed" in failure.detail
    assert runs == ["a", "endless", "a", "b"]


def test_a_unit_for_which_the_disk_has_no_space_takes_no_other_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite finds it out when it commits all of them."""
    monkeypatch.setattr(group_commit, "GROUP_SECONDS", 60)
    with small_disk(tmp_path / "disk", "4m") as disk:
        database = Database(migrated_file(disk / "askcli.db"))
        filler = fill(disk)
        with filler.open("ab") as file:
            file.truncate(filler.stat().st_size - 300_000)
        keys = ["a", "b" * 500_000, "c"]
        calls = [partial(database.write, put, key) for key in keys]
        a, failure, c = asyncio.run(together(database, *calls))
        assert (a, c, stored(database)) == ("a", "c", ["a", "c"])
        assert "has no disk space left; nothing was changed" in failure.detail
        assert not failure.may_be_done
        database.close()


def test_a_commit_that_has_changed_nothing_is_tried_again_for_each_unit(
    database: Database,
) -> None:
    commits = Commits(database)
    commits.error = sqlite3.SQLITE_FULL
    commits.applies = lambda connection: bool(
        connection.execute(text("SELECT 1 FROM limits WHERE key = 'large'")).scalar()
    )
    calls = [partial(database.write, put, key) for key in ("a", "large", "b")]
    a, failure, b = asyncio.run(together(database, *calls))
    assert (a, b, stored(database)) == ("a", "b", ["a", "b"])
    assert "nothing was changed" in failure.detail
    assert commits.number == 1 + 4  # that of all, and one for each, the holding one included


def test_after_a_commit_that_may_have_happened_no_unit_runs_again(database: Database) -> None:
    commits = Commits(database)
    commits.error = sqlite3.SQLITE_IOERR
    calls = [partial(database.write, put, key) for key in ("a", "a", "b")]
    outcomes = asyncio.run(together(database, *calls))
    assert commits.number == 1
    # That "a" is stored already, as the second one has found, may not be so.
    assert all(isinstance(outcome, DatabaseUnavailable) for outcome in outcomes)
    assert [outcome.may_be_done for outcome in outcomes] == [True, False, True]


def test_a_unit_for_which_nobody_waits_is_not_run(database: Database) -> None:
    async def scenario() -> None:
        async with held(database):
            cancelled = asyncio.create_task(database.write(put, "cancelled"))
            wanted = asyncio.create_task(database.write(put, "wanted"))
            await asyncio.sleep(0)
            cancelled.cancel()
            await asyncio.wait([cancelled])
        await wanted

    asyncio.run(scenario())
    assert stored(database) == ["wanted"]


@pytest.mark.parametrize("grace", [0, 60])
def test_a_unit_whose_time_is_over_before_it_begins_is_not_run(
    database: Database, monkeypatch: pytest.MonkeyPatch, grace: int
) -> None:
    """Whether or not its error has been raised before."""
    monkeypatch.setattr(module, "GRACE_SECONDS", grace)

    async def late() -> None:
        monkeypatch.setattr(database, "unit_seconds", 0)
        with pytest.raises(DatabaseUnavailable, match="too busy; nothing was changed"):
            await database.write(put, "late")

    calls: list[Callable[[], Any]] = [partial(database.write, put, "a"), late]
    assert asyncio.run(together(database, *calls)) == ["a", None]
    assert stored(database) == ["a"]


def test_a_group_has_a_number_of_units(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "GROUP_UNITS", 3)
    commits = Commits(database)
    asyncio.run(together(database, *(partial(database.write, put, key) for key in "abcdef")))
    assert commits.number == 3  # of seven units, with the one that has held the writer


def test_a_group_waits_for_a_time_and_no_longer(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "GROUP_SECONDS", -1)
    commits = Commits(database)
    asyncio.run(together(database, *(partial(database.write, put, key) for key in "abc")))
    assert commits.number == 4


def test_a_long_entry_is_committed_alone(database: Database) -> None:
    commits = Commits(database)
    calls: list[Callable[[], Any]] = [
        partial(database.write, put, "a"),
        partial(database.write_entry, LONG, put, "long"),
        partial(database.write, put, "b"),
        partial(database.write, put, "c"),
    ]
    assert asyncio.run(together(database, *calls)) == ["a", "long", "b", "c"]
    assert commits.number == 3  # the holding one with "a", the long one, "b" with "c"
