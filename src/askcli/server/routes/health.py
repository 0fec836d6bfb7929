"""/healthz, /readyz and /metrics."""

from __future__ import annotations

import asyncio

from fastapi.responses import PlainTextResponse

from askcli import __version__
from askcli.contract.health import Health, Readiness
from askcli.server.dependencies import ServicesHere
from askcli.server.http.route import new_router
from askcli.server.openapi import problems

router = new_router(["health"])

_METRICS = """\
# HELP askcli_answers_running Answers that this process is making or that wait for their turn.
# TYPE askcli_answers_running gauge
askcli_answers_running {running}
# HELP askcli_answers_waiting Answers that wait for their turn at the model.
# TYPE askcli_answers_waiting gauge
askcli_answers_waiting {waiting}
# HELP askcli_tasks Tasks on the event loop.
# TYPE askcli_tasks gauge
askcli_tasks {tasks}
# HELP askcli_listening Whether PostgreSQL's notifications arrive here; 0 where this process polls.
# TYPE askcli_listening gauge
askcli_listening {listening:d}
"""


@router.get("/healthz")
async def get_health() -> Health:
    """The process is alive."""
    return Health(status="ok", version=__version__)


@router.get("/metrics", response_class=PlainTextResponse)
async def get_metrics(services: ServicesHere) -> PlainTextResponse:
    """How busy this process is, as Prometheus reads it."""
    text = _METRICS.format(
        running=services.runs.active,
        waiting=services.queue.waiting,
        tasks=len(asyncio.all_tasks()),
        listening=services.listener.is_listening,
    )
    return PlainTextResponse(text, media_type="text/plain; version=0.0.4")


@router.get("/readyz", responses=problems(503))
async def get_readiness(services: ServicesHere) -> Readiness:
    """The database is reachable, migrated and takes changes, and the server is not stopping."""
    return await services.readiness.check()
