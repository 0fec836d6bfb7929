"""Readiness: whether this server can serve requests now."""

from __future__ import annotations

from sqlalchemy import Connection

from askcli import __version__
from askcli.contract import health
from askcli.contract.health import Readiness
from askcli.errors import DatabaseUnavailable, Unavailable
from askcli.services.runs.registry import Runs
from askcli.settings.registration import Registration
from askcli.store import checks, migrations
from askcli.store.database import Database


class ReadinessCheck:
    """Checks the database and whether the server is stopping."""

    def __init__(self, database: Database, runs: Runs, registration: Registration) -> None:
        self._database = database
        self._runs = runs
        self._registration = health.Registration(
            policy=registration.policy, reason=registration.reason
        )

    async def check(self) -> Readiness:
        """Return the server's state. Raises Unavailable or a subclass when it is not ready."""
        self._runs.check_open()
        version, reason = await self._database.read(_state)
        if reason:
            raise DatabaseUnavailable(f"The server is not ready: {reason}.")
        await self._database.check_writing(checks.write)
        if error := migrations.problem(version):
            raise Unavailable(f"The server is not ready: {error.detail}")
        return Readiness(
            status="ok",
            version=__version__,
            database="sqlite" if self._database.is_sqlite else "postgresql",
            registration=self._registration,
        )


def _state(connection: Connection) -> tuple[str | None, str | None]:
    return migrations.current(connection), checks.unwritable_reason(connection)
