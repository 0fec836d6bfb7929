"""/api/tokens: tokens for scripts."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter

from askcli.contract.shapes import ApiTokenList, NewApiToken
from askcli.server.dependencies import JsonBody, Owner, ServicesHere, login_of
from askcli.server.openapi import problems
from askcli.server.schemas import TokenRequest

router = APIRouter(prefix="/api/tokens", tags=["auth"])


@router.post(
    "",
    status_code=201,
    dependencies=[JsonBody],
    responses=problems(400, 401, 403, 409, 413, 415),
)
async def create_token(body: TokenRequest, caller: Owner, services: ServicesHere) -> NewApiToken:
    """Make a token for scripts; it is shown here and never again."""
    return await services.api_tokens.create(
        login_of(caller), body.name, set(body.scopes), body.expires_in_days
    )


@router.get("", responses=problems(401, 403))
async def list_tokens(caller: Owner, services: ServicesHere) -> ApiTokenList:
    """Your tokens, the newest first."""
    return ApiTokenList(items=await services.api_tokens.of_user(caller.user_id))


@router.delete("/{token_id}", status_code=204, responses=problems(401, 403, 404))
async def revoke_token(token_id: UUID, caller: Owner, services: ServicesHere) -> None:
    """End one of your tokens, at once and everywhere."""
    await services.api_tokens.revoke(caller.user_id, token_id)
