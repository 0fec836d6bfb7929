"""Dependencies of routes: the services, and the authenticated caller with the scope needed.

A route gets its caller only through a dependency that checks a scope, so no check can be forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends, Path, Request, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer
from fastapi.security.utils import get_authorization_scheme_param

from askcli.contract.protocol import HEADER_ACCESS_TOKEN
from askcli.errors import InvalidToken, NotAuthenticated, NotFound, ScopeMissing
from askcli.server.bootstrap import Services
from askcli.services.auth.authentication import Caller
from askcli.services.auth.tokens import Login

_ABOUT = (
    "The access_token of a login, or a token for scripts. A login has all scopes (ask, read and "
    "account), a token for scripts those that it was made with (ask, read)."
)
_NAME = HEADER_ACCESS_TOKEN.encode()
_header = APIKeyHeader(
    name=HEADER_ACCESS_TOKEN, auto_error=False, scheme_name="AccessToken", description=_ABOUT
)
_bearer = HTTPBearer(auto_error=False, scheme_name="Bearer", bearerFormat="JWT", description=_ABOUT)


async def get_services(request: Request) -> Services:
    """Return the services of this app."""
    services: Services = request.app.state.services
    return services


ServicesHere = Annotated[Services, Depends(get_services)]


async def admit(request: Request, scopes: Sequence[str]) -> Caller:
    """Return whom the request's token names, who must have one of these scopes.

    The request's first unit of work checks them. Raises NotAuthenticated, or a subclass, without a
    token that can be valid, and ScopeMissing.
    """
    services = await get_services(request)
    caller = await services.authentication.claim(_token(request))
    request.state.caller = caller
    if caller.scopes.isdisjoint(scopes):
        detail = f"This needs an API token with the scope {' or '.join(scopes)}, or a login."
        if "account" in scopes:
            detail = "This needs a login: no API token may do it."
        raise ScopeMissing(detail, scopes=tuple(scopes))
    return caller


def _token(request: Request) -> str:
    tokens = {*_tokens(request)}
    if len(tokens) > 1:
        raise InvalidToken("There are several tokens, which differ; send one of them.")
    if not tokens:
        raise NotAuthenticated("Not logged in: send an access token, from POST /api/auth/login.")
    return tokens.pop()


def _tokens(request: Request) -> Iterator[str]:
    """Yield the tokens of all headers: the first of two must not hide the other."""
    headers: list[tuple[bytes, bytes]] = request.scope["headers"]
    yield from (value.decode("latin-1") for name, value in headers if name == _NAME and value)
    for name, value in headers:
        if name != b"authorization":
            continue
        scheme, credentials = get_authorization_scheme_param(value.decode("latin-1"))
        if scheme.lower() == "bearer" and credentials:
            yield credentials


async def get_caller(
    request: Request,
    _in_header: Annotated[str | None, Security(_header)],
    _as_bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
) -> Caller:
    """Return the caller, whom the route has admitted by the scopes of this dependency."""
    caller: Caller = request.state.caller
    return caller


Anybody = Annotated[Caller, Security(get_caller, scopes=["ask", "read"])]
Asker = Annotated[Caller, Security(get_caller, scopes=["ask"])]
Reader = Annotated[Caller, Security(get_caller, scopes=["read"])]
Owner = Annotated[Caller, Security(get_caller, scopes=["account"])]


def login_of(owner: Caller) -> Login:
    """Return the login of a caller with the account scope, which only sessions have."""
    assert owner.session_id
    return Login(owner.user_id, owner.session_id)


UserId = Annotated[
    UUID | Literal["me"],
    Path(description="Your id, or `me`", openapi_examples={"me": {"value": "me"}}),
]


def own_id(user_id: UUID | Literal["me"], caller: Caller) -> UUID:
    """Return the caller's own id. Raises NotFound for any other, as if it did not exist."""
    if user_id not in ("me", caller.user_id):
        raise NotFound("user")
    return caller.user_id
