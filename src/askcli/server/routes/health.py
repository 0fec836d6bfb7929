"""/healthz and /readyz: alive; database reachable and migrated."""

from __future__ import annotations

from fastapi import APIRouter

from askcli import __version__
from askcli.contract import Health
from askcli.errors import Unavailable
from askcli.server.dependencies import ServicesHere
from askcli.server.documented import problems
from askcli.store import migrations

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def healthz() -> Health:
    """The process is alive."""
    return Health(status="ok", version=__version__)


@router.get("/readyz", responses=problems(503))
async def readyz(here: ServicesHere) -> Health:
    """The database is reachable and migrated, and the server is not stopping: send requests."""
    here.runs.check_open()
    if await here.database.read(migrations.current) != migrations.head():
        raise Unavailable("The database is not migrated; its host must run `askcli migrate`.")
    return Health(status="ok", version=__version__)
