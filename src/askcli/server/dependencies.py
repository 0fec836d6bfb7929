"""Dependencies of routes: the services, and the authenticated caller with the scope needed.

A route gets its caller only through a dependency that checks a scope, so no check can be forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Depends, Path, Request, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from askcli.contract.protocol import HEADER_ACCESS_TOKEN
from askcli.errors import InvalidToken, NotAuthenticated, NotFound, ScopeMissing, UnsupportedMedia
from askcli.server.bootstrap import Services
from askcli.services.auth.authentication import Caller
from askcli.services.auth.tokens import Login

_ABOUT = (
    "The access_token of a login, or a token for scripts. A login has all scopes (ask, read and "
    "account), a token for scripts those that it was made with (ask, read)."
)
_header = APIKeyHeader(
    name=HEADER_ACCESS_TOKEN, auto_error=False, scheme_name="AccessToken", description=_ABOUT
)
_bearer = HTTPBearer(auto_error=False, scheme_name="Bearer", bearerFormat="JWT", description=_ABOUT)


async def get_services(request: Request) -> Services:
    """Return the services of this app."""
    services: Services = request.app.state.services
    return services


ServicesHere = Annotated[Services, Depends(get_services)]


async def get_caller(
    services: ServicesHere,
    header: Annotated[str | None, Security(_header)],
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
) -> Caller:
    """Return the caller. Raises NotAuthenticated, or a subclass, without a valid token."""
    tokens = {token for token in (header, bearer.credentials if bearer else None) if token}
    if len(tokens) > 1:
        raise InvalidToken("x-access-token and Authorization disagree; send one of them.")
    if not tokens:
        raise NotAuthenticated("Not logged in: send an access token, from POST /api/auth/login.")
    return await services.authentication.authenticate(tokens.pop())


def _with_scope(*scopes: str) -> Callable[[Caller], Coroutine[Any, Any, Caller]]:
    """Return a dependency: a caller with one of these scopes. It raises ScopeMissing."""

    async def allowed(caller: Caller = Security(get_caller, scopes=scopes)) -> Caller:
        if caller.scopes.isdisjoint(scopes):
            need = " or ".join(scopes) if "account" not in scopes else "a login, which no token is"
            raise ScopeMissing(f"This token may not be used for this: it takes {need}.")
        return caller

    return allowed


Anybody = Annotated[Caller, Depends(_with_scope("ask", "read"))]
Asker = Annotated[Caller, Depends(_with_scope("ask"))]
Reader = Annotated[Caller, Depends(_with_scope("read"))]
Owner = Annotated[Caller, Depends(_with_scope("account"))]


def login_of(owner: Caller) -> Login:
    """Return the login of a caller with the account scope, which only sessions have."""
    assert owner.session_id
    return Login(owner.user_id, owner.session_id)


UserId = Annotated[UUID | Literal["me"], Path(description="Your id, or `me`", examples=["me"])]


def own_id(user_id: UUID | Literal["me"], caller: Caller) -> UUID:
    """Return the caller's own id. Raises NotFound for any other, as if it did not exist."""
    if user_id not in ("me", caller.user_id):
        raise NotFound("user")
    return caller.user_id


async def json_body(request: Request) -> None:
    """Raises UnsupportedMedia unless the body says that it is JSON."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise UnsupportedMedia("Send the body as JSON, with Content-Type: application/json.")


JsonBody = Depends(json_body)
