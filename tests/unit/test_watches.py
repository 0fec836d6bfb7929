"""Watches of sessions: which are updated when, by notifications and without them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import Any, cast
from uuid import UUID

import pytest

from askcli.errors import DatabaseUnavailable
from askcli.services.auth import watches
from askcli.services.auth.authentication import ALL_SCOPES, Caller
from askcli.services.auth.watches import Watches
from askcli.services.clock import new_id
from askcli.store.database import Database
from askcli.store.listener import Listener
from askcli.store.queries.notifications import Kind, Notification


class Sessions:
    """A database in which sessions end, and what is read of it."""

    is_sqlite = False

    def __init__(self) -> None:
        self.ended = set[UUID]()
        self.asked = list[set[UUID]]()
        self.is_away = False

    async def read(self, _work: Any, callers: list[Caller], *_: Any) -> set[UUID]:
        ids = {caller.session_id for caller in callers if caller.session_id}
        self.asked.append(ids)
        if self.is_away:
            raise DatabaseUnavailable()
        return ids - self.ended


def new_caller() -> Caller:
    return Caller(new_id(), ALL_SCOPES, session_id=new_id())


class Watching:
    """The watches of a process, whose notifications the test sends."""

    def __init__(self) -> None:
        self.database = Sessions()
        this = cast(Database, self.database)
        self.listener = Listener(this, new_id())
        self.watches = Watches(this, self.listener)
        self.watched = ExitStack()
        self.ends = list[UUID]()

    def watch(self, caller: Caller | None = None, events: int | None = None) -> Caller:
        watched, events = caller or new_caller(), self.watches.events if events is None else events
        on_end = lambda: self.ends.append(watched.user_id)  # noqa: E731
        self.watched.enter_context(self.watches.watching(watched, on_end, events))
        return watched

    async def asks(self) -> set[UUID]:
        """Wait until sessions are looked up; return which."""
        async with asyncio.timeout(30):
            while not self.database.asked:
                await asyncio.sleep(0)
        return self.database.asked.pop(0)

    def end(self, caller: Caller) -> None:
        assert caller.session_id
        self.database.ended.add(caller.session_id)

    def revoke(self, caller: Caller) -> None:
        self.end(caller)
        self.listener._handle(Notification(Kind.REVOKED, [caller.user_id]))


@pytest.fixture(autouse=True)
def _never_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watches, "WATCH_SECONDS", 3600)


def scenario(work: Callable[[Watching], Awaitable[None]]) -> None:
    async def run() -> None:
        watching = Watching()
        updating = asyncio.create_task(watching.watches.run())
        await work(watching)
        updating.cancel()

    asyncio.run(run())


def test_a_revocation_looks_up_the_sessions_of_its_user_alone() -> None:
    async def work(watching: Watching) -> None:
        watching.listener._turn(is_listening=True)
        alice, bob = watching.watch(), watching.watch()
        assert await watching.asks() == {alice.session_id, bob.session_id}  # as it begins
        watching.revoke(alice)
        assert await watching.asks() == {alice.session_id}
        watching.listener._handle(Notification(Kind.REVOKED, [new_id()]))
        watching.revoke(bob)
        assert await watching.asks() == {bob.session_id}  # of a stranger's nothing was asked
        assert {alice.user_id, bob.user_id} == set(watching.ends)

    scenario(work)


def test_watches_are_updated_when_notifications_may_have_been_missed() -> None:
    async def work(watching: Watching) -> None:
        alice = watching.watch()
        for is_listening in (True, False, True):
            watching.listener._turn(is_listening=is_listening)
            assert await watching.asks() == {alice.session_id}

    scenario(work)


def test_a_revocation_before_its_caller_is_watched_is_looked_up() -> None:
    """As long as it came after the caller was checked."""

    async def work(watching: Watching) -> None:
        watching.listener._turn(is_listening=True)
        bob = watching.watch()
        assert await watching.asks() == {bob.session_id}
        alice, events = new_caller(), watching.watches.events
        watching.revoke(alice)
        while watching.watches._is_due.is_set():
            await asyncio.sleep(0)
        watching.watch(alice, events)
        assert await watching.asks() == {alice.session_id}
        assert watching.ends == [alice.user_id]

    scenario(work)


def test_watches_are_updated_where_no_notification_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does one, on a connection that seems to be alive; however many arrive of others."""
    monkeypatch.setattr(watches, "WATCH_SECONDS", 0.05)

    async def work(watching: Watching) -> None:
        watching.listener._turn(is_listening=True)
        alice = watching.watch()
        await watching.asks()
        watching.end(alice)
        async with asyncio.timeout(30):
            while not watching.ends:
                watching.revoke(new_caller())
                await asyncio.sleep(0)

    scenario(work)


def test_nothing_is_asked_while_nobody_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watches, "WATCH_SECONDS", 0)

    async def work(watching: Watching) -> None:
        for is_listening in (True, False):
            watching.listener._turn(is_listening=is_listening)
            for _ in range(100):
                await asyncio.sleep(0)
        assert not watching.database.asked

    scenario(work)


def test_no_timer_runs_while_nobody_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first watch begins one."""
    monkeypatch.setattr(watches, "WATCH_SECONDS", 0.01)

    async def work(watching: Watching) -> None:
        watching.listener._turn(is_listening=True)
        for _ in range(10):
            await asyncio.sleep(0)
        loop: Any = asyncio.get_running_loop()
        assert not [timer for timer in loop._scheduled if not timer.cancelled()]
        alice = watching.watch()
        assert await watching.asks() == {alice.session_id}

    scenario(work)


def test_an_update_that_fails_is_done_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watches, "WATCH_SECONDS", 0.01)

    async def work(watching: Watching) -> None:
        watching.listener._turn(is_listening=True)
        alice = watching.watch()
        await watching.asks()
        watching.database.is_away = True
        watching.revoke(alice)
        for _ in range(3):
            assert await watching.asks() == {alice.session_id}
        assert not watching.ends
        watching.database.is_away = False
        while not watching.ends:
            await watching.asks()

    scenario(work)


def test_a_request_is_told_once_that_its_caller_has_left_and_nothing_after_its_end() -> None:
    async def work(watching: Watching) -> None:
        told = list[str]()
        with watching.watches.watching(new_caller(), lambda: told.append("end"), 0) as watch:
            watch.call_at_end(lambda: told.append("wake"))
            watch.leave()
            assert watch.has_left
        watch.leave()
        assert told == ["end", "wake"]

    scenario(work)
