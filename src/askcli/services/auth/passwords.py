"""Password rules, and bcrypt in a bounded thread pool, never on the event loop."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache, partial
from importlib.resources import files
from typing import TypeVar

import bcrypt

from askcli.contract.limits import MAX_PASSWORD_BYTES, MIN_PASSWORD_CHARACTERS
from askcli.errors import InvalidInput, Unavailable
from askcli.fair_queue import FairQueue
from askcli.services import executors, request_info

T = TypeVar("T")

COST = 12
# Waiting hashes for each thread: at a quarter of a second each, more would wait too long.
MAX_WAITING = 32
NICENESS = 10

_full = partial(Unavailable, "Too many people log in just now; try again.", retry_after=5)
_no_thread = partial(Unavailable, "No password can be checked now; try again.", retry_after=5)


class Passwords:
    """Hashes and compares passwords with a thread for each two processors, fair by site."""

    def __init__(self) -> None:
        self._threads = max(1, (os.cpu_count() or 1) // 2)
        self._pool = ThreadPoolExecutor(self._threads, "bcrypt", initializer=_lower_priority)
        self._queue = FairQueue(self._threads, MAX_WAITING * self._threads, _full)

    def start_threads(self) -> None:
        """Start all threads, so that none is started later, when memory may be short."""
        executors.start(self._pool, self._threads)

    async def hash(self, password: str, email: str) -> str:
        """Return the hash to store. Raises InvalidInput for a password that may not be used."""
        check_allowed(password, email)
        return await self._run(lambda: hash_password(password))

    async def matches(self, password: str, password_hash: str | None) -> bool:
        """Whether the password has this hash; as slow when there is no hash to compare with.

        Raises Unavailable when too many comparisons wait, in all or from this site.
        """
        expected = password_hash.encode() if password_hash else _dummy_hash()
        data = password.encode()[:MAX_PASSWORD_BYTES]
        is_equal = await self._run(lambda: _has_hash(data, expected))
        is_short = len(password.encode()) <= MAX_PASSWORD_BYTES
        return is_equal and password_hash is not None and is_short

    async def _run(self, work: Callable[[], T]) -> T:
        site = request_info.current().site or ""
        async with self._queue.turn(site):
            try:
                result = asyncio.get_running_loop().run_in_executor(self._pool, work)
            except (RuntimeError, MemoryError) as error:  # no thread can be started
                raise _no_thread() from error
            return await result

    def close(self) -> None:
        """Wait for the hashes under way."""
        self._pool.shutdown(cancel_futures=True)


def hash_password(password: str) -> str:
    """Return the bcrypt hash of a password: a quarter of a second of work for each guess."""
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(COST)).decode()


@cache
def _dummy_hash() -> bytes:
    """A hash for unknown emails to be compared with, so that both failures take the same time."""
    cheap = bcrypt.hashpw(b"nobody's password", bcrypt.gensalt(4))
    return cheap.replace(b"$04$", b"$%02d$" % COST)


def _has_hash(password: bytes, expected: bytes) -> bool:
    try:
        return bcrypt.checkpw(password, expected)
    except ValueError:  # what is stored is no hash, so that no password has it
        return False


def _lower_priority() -> None:
    """Let the event loop's thread go first, where threads have priorities (Linux).

    It never fails: an executor whose initializer has failed does no work any more.
    """
    if sys.platform == "linux":
        with suppress(OSError, MemoryError):
            thread = threading.get_native_id()
            # Who may not raise a priority is refused any that is higher than its own.
            niceness = max(NICENESS, os.getpriority(os.PRIO_PROCESS, thread))
            os.setpriority(os.PRIO_PROCESS, thread, niceness)


@cache
def _common_passwords() -> frozenset[str]:
    path = files("askcli.services.auth").joinpath("common_passwords.txt")
    return frozenset(line for line in path.read_text().splitlines() if not line.startswith("#"))


def check_allowed(password: str, email: str = "") -> None:
    """Raise InvalidInput, with the reason, for a password that may not be used."""
    if len(password) < MIN_PASSWORD_CHARACTERS:
        raise InvalidInput(
            f"The password is too short: use at least {MIN_PASSWORD_CHARACTERS} characters."
        )
    if len(password.encode()) > MAX_PASSWORD_BYTES:
        raise InvalidInput(f"The password is too long: use at most {MAX_PASSWORD_BYTES} bytes.")
    if "\0" in password:
        raise InvalidInput("The password must not contain a NUL character.")
    if password.lower() in _common_passwords() or len(set(password)) == 1:
        raise InvalidInput("The password is one of the commonest: use one that nobody else has.")
    if password.lower() == email.lower():
        raise InvalidInput("The password must not be the email.")
