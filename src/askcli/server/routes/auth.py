"""/api/auth: log in, refresh, log out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header

from askcli.contract import Tokens
from askcli.server.bodies import Login, Refresh
from askcli.server.dependencies import CallerHere, JsonBody, ServicesHere
from askcli.server.documented import problems

router = APIRouter(prefix="/api/auth", tags=["auth"])
_problems = problems(400, 401, 413, 415)


@router.post("/login", dependencies=[JsonBody], responses=_problems)
async def login(
    body: Login, here: ServicesHere, user_agent: Annotated[str, Header()] = "unknown"
) -> Tokens:
    """Start a session."""
    return await here.sessions.login(body.email, body.password, user_agent)


@router.post("/refresh", dependencies=[JsonBody], responses=_problems)
async def refresh(body: Refresh, here: ServicesHere) -> Tokens:
    """Rotate the refresh token; the retry of a rotation within the grace gets the same one."""
    return await here.sessions.refresh(body.refresh_token)


@router.post("/logout", status_code=204, responses=problems(401))
async def logout(caller: CallerHere, here: ServicesHere) -> None:
    """End this session, at once and everywhere."""
    await here.sessions.logout(caller.session_id)
