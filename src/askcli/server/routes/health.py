"""/healthz, /readyz and /metrics."""

from __future__ import annotations

import asyncio

from fastapi.responses import PlainTextResponse

from askcli import __version__
from askcli.contract.health import Health, Readiness
from askcli.metrics import exposition
from askcli.server import gauges
from askcli.server.dependencies import ServicesHere
from askcli.server.http.route import new_router
from askcli.server.openapi import problems

router = new_router(["health"])


@router.get("/healthz")
async def get_health() -> Health:
    """The process is alive."""
    return Health(status="ok", version=__version__)


@router.get("/metrics", response_class=PlainTextResponse)
async def get_metrics(services: ServicesHere) -> PlainTextResponse:
    """What this server counts, as Prometheus reads it; of all its workers together."""
    await gauges.look(services)
    # In a thread: with many labels and workers it takes as long as a hundred reads.
    page = await asyncio.to_thread(exposition.page)
    return PlainTextResponse(page, media_type=exposition.CONTENT_TYPE)


@router.get("/readyz", responses=problems(503))
async def get_readiness(services: ServicesHere) -> Readiness:
    """The database is reachable, migrated and takes changes, and the server is not stopping."""
    return await services.readiness.check()
