"""Passwords: which may be used, and bcrypt in a bounded pool, never on the event loop."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.resources import files
from typing import TypeVar

import bcrypt

from askcli.errors import InvalidInput, Unavailable
from askcli.services.fair_queue import Turns

T = TypeVar("T")

MAX_BYTES = 72  # what bcrypt reads; more is refused and never cut
MIN_CHARACTERS = 10
COST = 12
# How many hashes may be made or wait: at a quarter of a second each, more would wait too long.
MAX_WAITING = 32
NICENESS = 10

# Compared against when the email is unknown, so that both failures take the same time.
_NOBODY = bcrypt.hashpw(b"nobody's password", bcrypt.gensalt(4)).replace(b"$04$", b"$12$")


_FULL = Unavailable("Too many people log in just now; try again.", retry_after=5)


class Passwords:
    """Hashes and checks passwords, one at a time for each two processors; networks take turns."""

    def __init__(self) -> None:
        threads = max(1, (os.cpu_count() or 1) // 2)
        self._pool = ThreadPoolExecutor(threads, "bcrypt", initializer=_make_way)
        self._turns = Turns(threads, MAX_WAITING * threads, _FULL)

    async def hash(self, password: str, email: str, network: str) -> str:
        """The hash to keep. Raises InvalidInput for a password that may not be used."""
        check_allowed(password, email)
        return await self._run(network, lambda: hashed(password))

    async def matches(self, password: str, kept: str | None, network: str) -> bool:
        """Whether the password is the kept one; as slow when there is none to compare with.

        Raises Unavailable when too many wait, all together or of this network.
        """
        known = kept.encode() if kept else _NOBODY
        given = password.encode()[:MAX_BYTES]  # a longer one matches none: they are refused
        right = await self._run(network, lambda: bcrypt.checkpw(given, known))
        return right and kept is not None and len(password.encode()) <= MAX_BYTES

    async def _run(self, network: str, work: Callable[[], T]) -> T:
        self._turns.check_room(network)
        async with self._turns.turn(network):
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def close(self) -> None:
        """Wait for what is under way."""
        self._pool.shutdown(cancel_futures=True)


def hashed(password: str) -> str:
    """What is kept of a password: a quarter of a second of work for each guess."""
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(COST)).decode()


def _make_way() -> None:
    """Let the event loop go first, where a thread can be told so (Linux)."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


@cache
def _common() -> frozenset[str]:
    lines = files("askcli.services.auth").joinpath("common_passwords.txt").read_text().splitlines()
    return frozenset(line for line in lines if not line.startswith("#"))


def check_allowed(password: str, email: str = "") -> None:
    """Raises InvalidInput, saying why, for a password that may not be used."""
    if len(password) < MIN_CHARACTERS:
        raise InvalidInput(f"The password is too short: use at least {MIN_CHARACTERS} characters.")
    if len(password.encode()) > MAX_BYTES:
        raise InvalidInput(f"The password is too long: use at most {MAX_BYTES} bytes.")
    if "\0" in password:
        raise InvalidInput("The password must not contain a NUL character.")
    if password.lower() in _common() or len(set(password)) == 1:
        raise InvalidInput("The password is one of the commonest: use one that nobody else has.")
    if password.lower() == email.lower():
        raise InvalidInput("The password must not be the email.")
