"""A question of a process that gives no sign of life, and what checks it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from askcli.answerers.base import Message, Request
from askcli.errors import DatabaseUnavailable
from askcli.server.bootstrap import Services, build
from askcli.services.clock import new_id, now
from askcli.services.questions.ask import Ask, new_row
from askcli.services.runs.orphans import CHECKS_PER_TIMEOUT, Orphans
from askcli.services.usage import quotas
from askcli.services.usage.metering import Metering
from askcli.settings import Settings
from askcli.store.database import Database
from askcli.store.queries import answer_parts, processes, questions
from tests.support.people import new_user
from tests.support.secrets import SECRET

REQUEST = Request("scripted", (Message("user", "hello"),), None, 4000)


@dataclass
class Silent:
    """A question of another process that gives no sign of life, and what checks it."""

    services: Services
    database: Database
    orphans: Orphans
    metering: Metering
    user_id: UUID
    question_id: UUID
    process_id: UUID

    async def status(self, question_id: UUID | None = None) -> str:
        id_ = question_id or self.question_id
        row = await self.database.read(questions.by_id, self.user_id, id_)
        assert row
        return str(row["status"])

    async def another(self) -> UUID:
        """Store a question of another dead process."""
        stored = await _stored(self.services, self.metering, self.user_id, is_queued=False)
        return stored["id"]  # type: ignore[no-any-return]

    async def checks(self) -> None:
        """Check as often as it takes to find an orphan."""
        for _ in range(CHECKS_PER_TIMEOUT + 1):
            with suppress(DatabaseUnavailable):
                await self.orphans.check()


@asynccontextmanager
async def silent_question(
    url: str, *, is_queued: bool = False, has_beaten: bool = True, timeout: float = 60.0
) -> AsyncIterator[Silent]:
    settings = Settings(db_conn_string=url, jwt_secret=SECRET, answerer="scripted")
    services = build(settings)
    database = services.database
    metering = Metering(quotas.from_settings(settings), services.answerer.cost_usd)
    orphans = Orphans(database, services.runs, metering, services.indexing, new_id(), timeout)
    user_id = await database.write(new_user, "somebody@example.org")
    row = await _stored(services, metering, user_id, is_queued=is_queued, has_beaten=has_beaten)
    try:
        ids = user_id, row["id"], row["process_id"]
        yield Silent(services, database, orphans, metering, *ids)
    finally:
        await services.close()


async def _stored(
    services: Services,
    metering: Metering,
    user_id: UUID,
    *,
    is_queued: bool,
    has_beaten: bool = True,
) -> dict[str, Any]:
    """Store a question as its process does, and the sign of life and the text of its first tick."""
    row = new_row(user_id, Ask("hello"), REQUEST)
    row |= {"request_hash": "", "is_queued": is_queued, "process_id": new_id()}
    await services.database.write(metering.reserve, row, REQUEST, at=now())
    entry = await services.indexing.new(user_id, "hello")
    await services.database.write(questions.add, row, entry)
    part = {"question_id": row["id"], "position": 0, "text": "begun"}
    await services.database.write(answer_parts.add, [part])
    if has_beaten:
        await services.database.write(processes.beat, row["process_id"], now())
    return row
