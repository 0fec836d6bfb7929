"""/api/auth: log in, refresh, log out."""

from __future__ import annotations

from contextlib import suppress

from fastapi import Request

from askcli.contract.shapes import Tokens
from askcli.errors import NotFound
from askcli.server.dependencies import Owner, ServicesHere, login_of
from askcli.server.http.route import new_router
from askcli.server.openapi import problems
from askcli.server.schemas.bodies import Login, Refresh

router = new_router(["auth"], "/api/auth")
_problems = problems(400, 401, 403, 413, 415, 429, 503)


@router.post("/login", responses=_problems)
async def log_in(body: Login, services: ServicesHere) -> Tokens:
    """Start a session."""
    return await services.logins.login(body.email, body.password)


@router.post("/refresh", responses=_problems)
async def refresh_tokens(body: Refresh, services: ServicesHere, request: Request) -> Tokens:
    """Rotate the refresh token; a retry within the grace period gets the same successor."""
    return await services.sessions.refresh(body.refresh_token, request.is_disconnected)


@router.post("/logout", status_code=204, responses=problems(401, 403))
async def log_out(caller: Owner, services: ServicesHere) -> None:
    """End this session, at once and everywhere."""
    with suppress(NotFound):  # another request has ended it since its caller was checked
        await services.sessions.end(caller.user_id, login_of(caller).session_id)
