"""What routes depend on: the services, and who is calling."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends, Path, Request, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from askcli.contract import HEADER_ACCESS_TOKEN
from askcli.errors import InvalidToken, NotAuthenticated, NotFound, UnsupportedMedia
from askcli.server.wiring import Services
from askcli.services.tokens import Caller

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
    return await here.sessions.authenticate(given.pop())


CallerHere = Annotated[Caller, Depends(caller)]


async def own(
    user_id: Annotated[UUID | Literal["me"], Path(description="Your id, or `me`")],
    here: CallerHere,
) -> UUID:
    """The caller's own id. Another's is as if it did not exist."""
    if user_id not in ("me", here.user_id):
        raise NotFound("There is no such user.")
    return here.user_id


OwnId = Annotated[UUID, Depends(own)]


async def json_body(request: Request) -> None:
    """Raises UnsupportedMedia unless the body says that it is JSON."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise UnsupportedMedia("Send the body as JSON, with Content-Type: application/json.")


JsonBody = Depends(json_body)
