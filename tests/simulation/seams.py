"""Where the product meets the world: clocks, random numbers, ids, threads, signals and sockets.

All clocks of the standard library show the time of the process that runs. Everything random comes
from the seed.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import random
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, tzinfo
from random import Random
from typing import Any
from unittest.mock import patch
from uuid import UUID

import bcrypt
import httpcore2
import jwt.api_jwt
from httpx2._transports import default as httpx2_transport

from askcli.server.http.access_log import AccessLog
from askcli.services import clock
from askcli.services.auth import passwords
from askcli.store.database import bounded_connection, engines, group_commit, pool, shared_clock
from askcli.store.listener import Listener
from tests.simulation.loop import InlineThreads
from tests.simulation.shell import Shell
from tests.simulation.world import EPOCH, World

CHEAPEST = 4  # bcrypt's least cost


@contextmanager
def of(world: World, connect: Any, seed: int) -> Iterator[Watcher]:
    """Let the product live in this world during the block; `connect` opens its connections."""
    numbers = Random(f"numbers {seed}")
    state = random.getstate()
    random.seed(f"product {seed}")
    with ExitStack() as stack:
        for target, name, value in _replacements(world, connect, numbers):
            stack.enter_context(patch.object(target, name, value))
        # Nothing else of this process' environment, which the client searches for proxies.
        stack.enter_context(patch.dict(os.environ, {"NO_PROXY": "*"}, clear=True))
        watch = stack.enter_context(_watched_log(world))
        try:
            yield watch
        finally:
            random.setstate(state)


def _replacements(world: World, connect: Any, numbers: Random) -> list[tuple[Any, str, Any]]:
    def monotonic() -> float:
        return world.current.clock.monotonic(world.now) if world.current else world.now

    def wall() -> float:
        actor = world.current
        # Of whole microseconds, as a datetime has.
        return round(actor.clock.wall(world.now) if actor else world.now, 6)

    def sleep(seconds: float) -> None:
        assert isinstance(world.current, Shell)
        world.current.sleep(seconds)

    class AsDatetime(type):
        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, datetime)

    class Datetime(datetime, metaclass=AsDatetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return datetime.fromtimestamp(wall(), tz or UTC)

    return [
        # A server freezes what it has, and seldom collects; the nights end.
        (gc, "freeze", lambda: None),
        (gc, "set_threshold", lambda *_: None),
        (time, "time", wall),
        (time, "time_ns", lambda: int(wall() * 1_000_000) * 1000),
        (time, "monotonic", monotonic),
        (time, "sleep", sleep),
        # PostgreSQL's, also where the nights are on SQLite: replicas differ from it.
        (shared_clock, "microseconds", lambda _: int((EPOCH + world.now) * 1_000_000)),
        (clock, "datetime", Datetime),
        (jwt.api_jwt, "datetime", Datetime),
        (clock, "uuid7", _uuid7(wall, numbers)),
        (secrets, "token_bytes", lambda size=32: numbers.randbytes(size or 32)),
        (bcrypt, "gensalt", lambda *_: b"$2b$04$" + b"abcdefghijklmnopqrstuu"),
        (passwords, "COST", CHEAPEST),
        (group_commit, "Threads", InlineThreads),
        (pool, "Threads", InlineThreads),
        (
            httpcore2.SyncBackend,
            "connect_tcp",
            lambda _self, *args, **named: connect(*args, **named),
        ),
        # Nothing is encrypted: a context for it takes 3 % of a night.
        (httpx2_transport, "create_ssl_context", lambda **_: None),
        # Engines outlive a night, and its file does not.
        (engines, "file_identity", lambda _: None),
        # No shell is in the main thread, which alone takes signals.
        (threading, "main_thread", lambda: None),
        (AccessLog, "add", lambda *_: None),
        *_of_postgresql(),
    ]


def _of_postgresql() -> list[tuple[Any, str, Any]]:
    """Its time-outs are of the real clock. No notifications arrive, as through a pooler."""
    long, seconds = 60_000, {"connect_timeout": 60}

    async def listen(_: Any) -> None:
        await asyncio.Event().wait()

    return [
        (engines, "TIMEOUTS", dict.fromkeys(engines.TIMEOUTS, long)),
        (engines, "CONNECT_OPTIONS", engines.CONNECT_OPTIONS | seconds),
        (bounded_connection, "LEAST_SECONDS", 60.0),
        (Listener, "_keep_listening", listen),
    ]


def _uuid7(wall: Any, numbers: Random) -> Any:
    """Ids as UUIDv7 has them; those of one millisecond are counted."""
    count = 0

    def uuid7() -> UUID:
        nonlocal count
        count += 1
        value = int(wall() * 1000) << 80 | 7 << 76 | (count & 0xFFF) << 64
        return UUID(int=value | 2 << 62 | numbers.getrandbits(62))

    return uuid7


class Watcher(logging.Handler):
    """Adds what the product logs to the story, and keeps what it says of errors."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world
        self.errors: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = f"log: {record.levelname} {record.getMessage()}"
        if record.exc_info and record.exc_info[1]:
            text += f" ({record.exc_info[1]!r:.200})"
        self._world.tell(text)
        if record.levelno >= logging.ERROR:
            name = self._world.current.name if self._world.current else "world"
            self.errors.append(f"{name}: {text}")


@contextmanager
def _watched_log(world: World) -> Iterator[Watcher]:
    watcher, quiet = Watcher(world), logging.getLogger("uvicorn.error")
    root = logging.getLogger("askcli")
    before = root.level, root.propagate, quiet.propagate
    root.addHandler(watcher)
    quiet.addHandler(watcher)
    root.setLevel(logging.WARNING)
    root.propagate = quiet.propagate = False
    try:
        yield watcher
    finally:
        root.removeHandler(watcher)
        quiet.removeHandler(watcher)
        root.level, root.propagate, quiet.propagate = before
