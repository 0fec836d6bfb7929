"""Importing questions that were asked elsewhere: each once, without a cost or a quota of tokens."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection

from askcli.contract.shapes import Imported as Outcome
from askcli.errors import InvalidInput, NotFound, RateLimited
from askcli.services import request_info
from askcli.services.clock import now
from askcli.services.indexing import Indexing
from askcli.services.questions import queueing
from askcli.services.questions.imported import Imported
from askcli.services.usage.unbilled import DAY
from askcli.store.database import Database, admission, shared_clock
from askcli.store.queries import imports, limits, questions, titles, users
from askcli.store.queries.retention import FOR_EVER
from askcli.store.search import LONG_CHARACTERS, Entry

# What a user may store without being billed for it; a database of some ten thousand conversations
# has about a hundred megabytes.
BYTES_A_DAY = 256 * 1024 * 1024
# Clocks differ.
MAX_AHEAD = timedelta(minutes=1)
MAX_WAITING = 8
FIRST = datetime.fromisoformat("1970-01-01T00:00:00+00:00")

Entries = Sequence[tuple[Imported, Entry]]


class Importing:
    """Imports the users' questions; `retention_days` is the server's, None for ever."""

    def __init__(
        self, database: Database, indexing: Indexing, retention_days: int | None = None
    ) -> None:
        self._database = database
        self._indexing = indexing
        self._retention_days = retention_days
        # Each has up to four megabytes, and there may be as many requests as connections.
        self._queue = queueing.queue(1, MAX_WAITING, "imports")

    async def add(self, user_id: UUID, items: Sequence[Imported]) -> Outcome:
        """Store those questions that are not there yet, with their entries of the search index.

        Raises InvalidInput for a question of the future, RateLimited where the user has stored much
        today; what came before it is stored. Raises Unavailable where too many imports wait, of
        this user or of all together.
        """
        _check_times(items)
        async with queueing.turn(self._database, self._queue, user_id, is_one_unit=False):
            return await self._add(user_id, items)

    async def _add(self, user_id: UUID, items: Sequence[Imported]) -> Outcome:
        present = await self._database.read(_present, user_id, items)
        new = [item for item in items if item.key not in present]
        outcome = Outcome(imported=0, present=len(items) - len(new), expired=0)
        for portion in _portions(new):
            entries = [
                (item, await self._indexing.ended(user_id, item.question, item.answer))
                for item in portion
            ]
            admission.renew()  # it may wait now
            is_long = len(portion) > 1 or sum(map(_characters, portion)) > LONG_CHARACTERS
            write = self._database.write_long if is_long else self._database.write
            imported, expired = await write(self._store, user_id, entries)
            outcome["imported"] += imported
            outcome["expired"] += expired
            outcome["present"] += len(portion) - imported - expired
        return outcome

    def _store(self, connection: Connection, user_id: UUID, entries: Entries) -> tuple[int, int]:
        """Store them in one transaction; return how many are new, and how many not kept."""
        user = users.lock(connection, user_id)  # of two requests at once one stores a question
        if user is None:
            raise NotFound("user")
        days = user["retention_days"] or self._retention_days
        oldest = FIRST if days in (None, FOR_EVER) else now() - timedelta(days=days)
        kept = [(item, entry) for item, entry in entries if item.ended_at >= oldest]
        present = _present(connection, user_id, [item for item, _ in kept])
        new = [(item, entry) for item, entry in kept if item.key not in present]
        _take(connection, user_id, sum(item.size for item, _ in new))
        keys = {_uuid(item.conversation) for item, _ in new} - {None}
        own = imports.conversations(connection, user_id, [key for key in keys if key])
        stored = set[str]()
        for item, entry in new:
            if item.key in stored:  # twice in one request
                continue
            stored.add(item.key)
            row = item.row(user_id, _conversation_id(user_id, item, own))
            questions.add(connection, row, entry)
            if item.title and item.title.strip():
                titles.suggest(connection, user_id, row["conversation_id"], item.title.strip())
        return len(stored), len(entries) - len(kept)


def _check_times(items: Sequence[Imported]) -> None:
    latest = now() + MAX_AHEAD
    for number, item in enumerate(items):
        for name in ("created_at", "answered_at"):
            time = getattr(item, name)
            if time is not None and not FIRST <= time <= latest:
                raise InvalidInput(f"items.{number}.{name}: must be a time from 1970 until now.")


def _present(connection: Connection, user_id: UUID, items: Sequence[Imported]) -> set[str]:
    """Return the keys of those that were imported before, or exported from here and not deleted."""
    by_key = imports.present(connection, user_id, [item.idempotency_key for item in items])
    ids = {id_: item.key for item in items if (id_ := _uuid(item.key))}
    own = imports.own(connection, user_id, list(ids)) if ids else set()
    known = {item.key for item in items if item.idempotency_key in by_key}
    return known | {ids[id_] for id_ in own}


def _conversation_id(user_id: UUID, item: Imported, own: set[UUID]) -> UUID:
    """Return the conversation that was exported from here, if it is still there, or a new one."""
    key = _uuid(item.conversation)
    return key if key is not None and key in own else item.conversation_id(user_id)


def _uuid(key: str) -> UUID | None:
    try:
        return UUID(key)
    except ValueError:
        return None


def _portions(items: Sequence[Imported]) -> Iterator[list[Imported]]:
    """Yield them in portions of at most LONG_CHARACTERS, or of one question that is longer."""
    portion: list[Imported] = []
    room = LONG_CHARACTERS
    for item in items:
        length = _characters(item)
        if portion and length > room:
            yield portion
            portion, room = [], LONG_CHARACTERS
        portion.append(item)
        room -= length
    if portion:
        yield portion


def _characters(item: Imported) -> int:
    return len(item.question) + len(item.answer)


def _take(connection: Connection, user_id: UUID, size: int) -> None:
    """Count so many bytes. Raises RateLimited; never for this machine's own user."""
    request = request_info.current_or_none()
    if request is None or request.address is None or not size:
        return
    timestamp = shared_clock.microseconds(connection)
    interval = size * DAY // BYTES_A_DAY
    key = hashlib.sha256(f"import\0{user_id}".encode()).hexdigest()
    if limits.take(connection, key, timestamp, interval, DAY) is not None:
        return
    wait = limits.full_at(connection, key) + interval - timestamp - DAY
    seconds = max(1, -(-wait // 1_000_000))
    raise RateLimited(
        f"You have imported {BYTES_A_DAY // 2**20} MiB within a day; try again in {seconds} s.",
        retry_after=seconds,
    )
