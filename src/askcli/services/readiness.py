"""Readiness: whether this server can serve requests now."""

from __future__ import annotations

from typing import Literal

from askcli.errors import Unavailable
from askcli.services.runs.registry import Runs
from askcli.store import migrations
from askcli.store.database import Database


class ReadinessCheck:
    """Checks the database and whether the server is stopping."""

    def __init__(self, database: Database, runs: Runs) -> None:
        self._database = database
        self._runs = runs

    async def check(self) -> Literal["sqlite", "postgresql"]:
        """Return the kind of the database. Raises Unavailable or a subclass when not ready."""
        self._runs.check_open()
        if await self._database.read(migrations.current) != migrations.HEAD:
            raise Unavailable("The database is not migrated; its host must run `askcli migrate`.")
        return "sqlite" if self._database.is_sqlite else "postgresql"
