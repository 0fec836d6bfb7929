"""A limit on what a user stores in a day without being billed for it.

Questions that the provider refuses are kept, and so are those that are cancelled before they are
sent. They cost no quota, and without a limit could fill the disk. One that is started again is
stored already: it is let in, its bytes are given back, and count again where it fails once more.
"""

from __future__ import annotations

import hashlib
from uuid import UUID

from sqlalchemy import Connection

from askcli.errors import RateLimited
from askcli.services import request_info
from askcli.services.request_info import Allowance
from askcli.store.database import shared_clock
from askcli.store.queries import limits

BYTES_A_DAY = 64 * 1024 * 1024
ROW_BYTES = 1024  # that a question takes besides its texts, in its tables and their indexes
DAY = 86_400 * 1_000_000  # in microseconds


def check(connection: Connection, full_at: int, size: int) -> None:
    """Raise RateLimited where a limit that is full again at `full_at` has no room for `size` bytes.

    `full_at` is 0 for a user of whom nothing was counted, which needs no look at the clock. This
    machine's own user has no limit.
    """
    request = request_info.current_or_none()
    if request is None or request.address is None or not full_at:
        return
    timestamp = shared_clock.microseconds(connection)
    # What is further ahead than `count` puts it was left by a clock that was wrong.
    is_ahead = timestamp < full_at <= timestamp + 2 * DAY + limits.MAX_SKEW
    wait = full_at + interval(size) - timestamp - DAY
    if is_ahead and wait > 0:
        seconds = -(-wait // 1_000_000)
        request.note(Allowance("unbilled", BYTES_A_DAY, 86_400, remaining=0, reset=seconds))
        raise RateLimited(
            "Too many of your questions were refused by the model's provider, or cancelled before "
            f"they were sent; try again in {seconds} s, or with a shorter question.",
            retry_after=seconds,
        )


def count(connection: Connection, user_id: UUID, size: int) -> None:
    """Count a question of `size` bytes, even beyond the limit: others may have run at once.

    `size` is 0 if it was counted before.
    """
    if not size:
        return
    timestamp = shared_clock.microseconds(connection)
    limits.take(connection, key(user_id), timestamp, interval(size), 2 * DAY)


def give_back(connection: Connection, user_id: UUID, size: int) -> None:
    """Take back what was counted for a stored question that is started again."""
    limits.give_back(connection, key(user_id), interval(size))


def key(user_id: UUID) -> str:
    """Key of the database row."""
    return hashlib.sha256(f"unbilled\0{user_id}".encode()).hexdigest()


def interval(size: int) -> int:
    """Microseconds after which a question of so many bytes counts no longer."""
    return (size + ROW_BYTES) * DAY // BYTES_A_DAY
