"""What routes depend on: the services, who is calling, and what for.

A route says by its dependency what a caller must be allowed: there is no other way to learn who
calls, so none can be forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Depends, Header, Path, Request, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from askcli.contract import HEADER_ACCESS_TOKEN
from askcli.errors import InvalidToken, NotAuthenticated, NotFound, ScopeMissing, UnsupportedMedia
from askcli.server.bootstrap import Services
from askcli.services.auth.authentication import Caller
from askcli.services.auth.tokens import Login
from askcli.services.request_info import Visit

_header = APIKeyHeader(name=HEADER_ACCESS_TOKEN, auto_error=False, scheme_name="AccessToken")
_bearer = HTTPBearer(auto_error=False, scheme_name="Bearer", bearerFormat="JWT")


async def services(request: Request) -> Services:
    """The services of this app."""
    found: Services = request.app.state.services
    return found


ServicesHere = Annotated[Services, Depends(services)]


async def caller(
    here: ServicesHere,
    header: Annotated[str | None, Security(_header)],
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
) -> Caller:
    """Who is calling. Raises NotAuthenticated, or a kind of it, when nobody valid is."""
    given = {token for token in (header, bearer.credentials if bearer else None) if token}
    if len(given) > 1:
        raise InvalidToken("x-access-token and Authorization disagree; send one of them.")
    if not given:
        raise NotAuthenticated("Not logged in: send an access token, from POST /api/auth/login.")
    return await here.access.caller(given.pop())


def _allowed(*scopes: str) -> Callable[[Caller], Coroutine[Any, Any, Caller]]:
    """A caller with one of these scopes, or ScopeMissing."""

    async def allowed(found: Annotated[Caller, Depends(caller)]) -> Caller:
        if found.scopes.isdisjoint(scopes):
            need = " or ".join(scopes) if "account" not in scopes else "a login, which no token is"
            raise ScopeMissing(f"This token may not be used for this: it takes {need}.")
        return found

    return allowed


Anybody = Annotated[Caller, Depends(_allowed("ask", "read"))]
Asker = Annotated[Caller, Depends(_allowed("ask"))]
Reader = Annotated[Caller, Depends(_allowed("read"))]
Owner = Annotated[Caller, Depends(_allowed("account"))]


def login_of(owner: Caller) -> Login:
    """The session that makes the caller an owner."""
    assert owner.session_id  # only a session has the scope
    return Login(owner.user_id, owner.session_id)


UserId = Annotated[UUID | Literal["me"], Path(description="Your id, or `me`")]


def own(user_id: UUID | Literal["me"], here: Caller) -> UUID:
    """The caller's own id. Raises NotFound for another's: it is as if it did not exist."""
    if user_id not in ("me", here.user_id):
        raise NotFound("user")
    return here.user_id


async def visit(
    request: Request, user_agent: Annotated[str, Header(include_in_schema=False)] = "unknown"
) -> Visit:
    """Where the request comes from; the middleware tells what is left of its limit."""
    address = request.client.host if request.client else None
    found = Visit(request.state.request_id, user_agent, address or None)
    request.state.visit = found
    return found


VisitHere = Annotated[Visit, Depends(visit)]


async def json_body(request: Request) -> None:
    """Raises UnsupportedMedia unless the body says that it is JSON."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise UnsupportedMedia("Send the body as JSON, with Content-Type: application/json.")


JsonBody = Depends(json_body)
