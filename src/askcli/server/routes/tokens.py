"""/api/tokens: tokens for scripts."""

from __future__ import annotations

from uuid import UUID

from fastapi import Response

from askcli.contract.shapes import ApiTokenList, NewApiToken
from askcli.server.dependencies import Owner, ServicesHere, login_of
from askcli.server.http.route import new_router
from askcli.server.openapi import problems
from askcli.server.schemas.bodies import TokenRequest

router = new_router(["auth"], "/api/tokens")


@router.post(
    "",
    status_code=201,
    responses=problems(400, 401, 403, 409, 413, 415, 429),
)
async def create_token(
    body: TokenRequest, caller: Owner, services: ServicesHere, response: Response
) -> NewApiToken:
    """Make a token for scripts; it is shown here and never again."""
    token = await services.api_tokens.create(
        login_of(caller), body.name, set(body.scopes), body.expires_in_days
    )
    response.headers["location"] = f"{router.prefix}/{token['id']}"
    return token


@router.get("", responses=problems(401, 403))
async def list_tokens(caller: Owner, services: ServicesHere) -> ApiTokenList:
    """Your tokens, the newest first."""
    return ApiTokenList(items=await services.api_tokens.of_user(caller.user_id))


@router.delete("/{token_id}", status_code=204, responses=problems(401, 403, 404))
async def revoke_token(token_id: UUID, caller: Owner, services: ServicesHere) -> None:
    """End one of your tokens, at once and everywhere."""
    await services.api_tokens.revoke(caller.user_id, token_id)
