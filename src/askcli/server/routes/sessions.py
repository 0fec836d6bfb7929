"""/api/sessions: list and end sessions."""

from __future__ import annotations

from uuid import UUID

from fastapi import Response

from askcli.contract.shapes import SessionList
from askcli.server.dependencies import Owner, ServicesHere
from askcli.server.http.json_response import JsonResponse
from askcli.server.http.route import new_router
from askcli.server.openapi import problems

router = new_router(["auth"], "/api/sessions")


@router.get("", response_model=SessionList, responses=problems(401, 403))
async def list_sessions(caller: Owner, services: ServicesHere) -> Response:
    """Your sessions, the newest first."""
    items = await services.sessions.of_user(caller.user_id, caller.session_id)
    return JsonResponse(SessionList(items=items))


@router.delete("", status_code=204, responses=problems(401, 403))
async def end_sessions(caller: Owner, services: ServicesHere) -> None:
    """End all your sessions, this one too."""
    await services.sessions.end_all(caller.user_id)


@router.delete("/{session_id}", status_code=204, responses=problems(401, 403, 404))
async def end_session(session_id: UUID, caller: Owner, services: ServicesHere) -> None:
    """End one of your sessions."""
    await services.sessions.end(caller.user_id, session_id)
