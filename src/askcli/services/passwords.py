"""Passwords: bcrypt in a bounded pool of threads, never on the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import bcrypt

from askcli.errors import InvalidInput

T = TypeVar("T")

MAX_BYTES = 72  # what bcrypt reads; more is refused and never cut
MIN_CHARACTERS = 10
COST = 12

# Compared against when the email is unknown, so that both failures take the same time.
_NOBODY = bcrypt.hashpw(b"nobody's password", bcrypt.gensalt(4)).replace(b"$04$", b"$12$")


class Passwords:
    """Hashes and checks passwords, two at a time."""

    def __init__(self, threads: int = 2, cost: int = COST) -> None:
        self._cost = cost
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="bcrypt")

    async def hash(self, password: str) -> str:
        """The hash to keep. Raises InvalidInput for a password that is too short or too long."""
        check_allowed(password)
        return await self._run(
            lambda: bcrypt.hashpw(password.encode(), bcrypt.gensalt(self._cost)).decode()
        )

    async def matches(self, password: str, hashed: str | None) -> bool:
        """Whether the password is the hashed one; as slow when there is none to compare with."""
        known = hashed.encode() if hashed else _NOBODY
        given = password.encode()[:MAX_BYTES]  # a longer one matches none: they are refused
        right = await self._run(lambda: bcrypt.checkpw(given, known))
        return right and hashed is not None and len(password.encode()) <= MAX_BYTES

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def close(self) -> None:
        """Wait for what is under way."""
        self._pool.shutdown()


def check_allowed(password: str) -> None:
    """Raises InvalidInput, saying why, for a password that may not be used."""
    if len(password) < MIN_CHARACTERS:
        raise InvalidInput(f"The password is too short: use at least {MIN_CHARACTERS} characters.")
    if len(password.encode()) > MAX_BYTES:
        raise InvalidInput(f"The password is too long: use at most {MAX_BYTES} bytes.")
    if "\0" in password:
        raise InvalidInput("The password must not contain a NUL character.")
