"""The first unit of work of a request, with what its caller needs, and what its failure says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from askcli.errors import DatabaseUnavailable
from askcli.store import deadline
from askcli.store.database import Database, admission
from askcli.store.database.admission import Admission, Unsettled
from tests.support.databases import migrated_file

UNIT_SECONDS = 10.0


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(migrated_file(tmp_path / "askcli.db"))
    opened.unit_seconds = UNIT_SECONDS
    yield opened
    opened.close()


def unsettled(_: Connection) -> None:
    raise Unsettled


def test_settling_takes_no_time_beyond_that_of_one_unit(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of the three units takes three seconds of this clock."""
    seconds, left = [0.0], list[float | None]()
    monkeypatch.setattr(deadline, "time", SimpleNamespace(monotonic=lambda: seconds[0]))

    def take(_: Connection) -> None:
        left.append(deadline.remaining())
        seconds[0] += 3

    def check(connection: Connection) -> None:
        if seconds[0] == 0:
            take(connection)
        raise Unsettled

    async def scenario() -> None:
        admission.bind(Admission(check, lambda: database.write(take)))
        await database.read(take)

    asyncio.run(scenario())
    assert left == [UNIT_SECONDS, UNIT_SECONDS - 3, UNIT_SECONDS - 6]


def test_a_caller_who_is_unsettled_after_settling_is_admitted(database: Database) -> None:
    """Another request may have unsettled them meanwhile: that is not settled again and again."""
    settled = list[int]()

    async def settle() -> None:
        settled.append(1)

    async def scenario() -> None:
        admission.bind(Admission(unsettled, settle))
        assert await database.read(lambda _: "read") == "read"
        assert admission.pending() is None

    asyncio.run(scenario())
    assert settled == [1]


@pytest.mark.parametrize("kind", ["handed back", "does not answer", "settling"])
def test_a_read_that_fails_never_says_that_it_may_be_done(
    database: Database, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    reading: Callable[[], Connection] = database.reading

    @contextmanager
    def lost_as_it_is_handed_back() -> Iterator[Connection]:
        with reading() as connection:
            yield connection
        raise OperationalError("", {}, Exception("server closed the connection"))

    async def settle() -> None:
        raise DatabaseUnavailable(may_be_done=True)

    async def scenario() -> None:
        if kind == "settling":
            admission.bind(Admission(unsettled, settle))
        with pytest.raises(DatabaseUnavailable) as failed:
            await database.read(lambda _: None)
        assert not failed.value.may_be_done
        assert "may have been made" not in failed.value.detail

    if kind == "handed back":
        monkeypatch.setattr(database, "reading", lost_as_it_is_handed_back)
    if kind == "does not answer":
        monkeypatch.setattr("askcli.store.database.GRACE_SECONDS", 0)
        monkeypatch.setattr(database, "unit_seconds", 0)
        monkeypatch.setattr("askcli.store.database.unit.Unit.is_over", False)
    asyncio.run(scenario())
