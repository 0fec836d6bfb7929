"""/api/models: the models of this server."""

from __future__ import annotations

from askcli.contract.shapes import ModelList
from askcli.server.dependencies import Anybody, ServicesHere
from askcli.server.http.route import new_router
from askcli.server.openapi import problems

router = new_router(["models"], "/api/models")


@router.get("", responses=problems(401, 403))
async def list_models(_caller: Anybody, services: ServicesHere) -> ModelList:
    """The models, and which one answers when a question names none."""
    items, default = services.questions.models()
    return ModelList(items=items, default=default)
