"""Readiness: whether this server can serve requests now."""

from __future__ import annotations

import logging

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from askcli import __version__
from askcli.contract import health
from askcli.contract.health import Readiness
from askcli.errors import DatabaseUnavailable, Unavailable
from askcli.services.runs.registry import Runs
from askcli.settings.registration import Registration
from askcli.store import checks, deadline, migrations
from askcli.store.database import Database

log = logging.getLogger("askcli.readiness")

DEADLINE_SECONDS = 3.0  # shorter than that of a request: who asks has to decide


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
        self._runs.check_staying()
        try:
            with deadline.within(DEADLINE_SECONDS):
                version = await self._check_database()
        except DBAPIError as error:
            log.warning("the database refuses work: %s", str(error.orig).splitlines()[0])
            raise DatabaseUnavailable(
                "The server is not ready: its database answers, and refuses work; its host must "
                "see the log, and check the tables and the rights of the server's user."
            ) from None
        if problem := migrations.problem(version):
            raise Unavailable(f"The server is not ready: {problem.detail}")
        return Readiness(
            status="ok",
            version=__version__,
            database="sqlite" if self._database.is_sqlite else "postgresql",
            registration=self._registration,
        )

    async def _check_database(self) -> str | None:
        """Return the schema's version, once something was read and written."""
        version, reason = await self._database.read(_state)
        if reason:
            if not self._database.is_sqlite:
                self._database.writing.renew()
            raise DatabaseUnavailable(f"The server is not ready: {reason}.")
        await self._database.check_writing(checks.write)
        return version


def _state(connection: Connection) -> tuple[str | None, str | None]:
    return migrations.current(connection), checks.unwritable_reason(connection)
