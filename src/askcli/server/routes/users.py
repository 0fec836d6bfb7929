"""/api/users: registration, one's account, its password."""

from __future__ import annotations

from fastapi import Response

from askcli.contract.shapes import User
from askcli.server.dependencies import (
    Anybody,
    Owner,
    ServicesHere,
    UserId,
    login_of,
    own_id,
)
from askcli.server.http.json_response import JsonResponse
from askcli.server.http.route import new_router
from askcli.server.openapi import problems
from askcli.server.schemas.bodies import NewUser, PasswordChange

router = new_router(["users"], "/api/users")


@router.post(
    "",
    status_code=201,
    responses=problems(400, 403, 409, 413, 415, 429, 503),
)
async def register_user(body: NewUser, services: ServicesHere, response: Response) -> User:
    """Make an account."""
    user = await services.accounts.register(body.name, body.email, body.password, body.invite)
    response.headers["location"] = f"{router.prefix}/{user['id']}"
    return user


@router.get("/{user_id}", response_model=User, responses=problems(401, 403, 404))
async def get_user(user_id: UserId, caller: Anybody, services: ServicesHere) -> Response:
    """Your account."""
    return JsonResponse(await services.accounts.get(own_id(user_id, caller)))


@router.post(
    "/{user_id}/password",
    status_code=204,
    responses=problems(400, 401, 403, 404, 413, 415, 429, 503),
)
async def change_password(
    user_id: UserId, body: PasswordChange, caller: Owner, services: ServicesHere
) -> None:
    """Change your password; your other sessions end, and your API tokens unless you keep them."""
    own_id(user_id, caller)
    await services.logins.change_password(
        login_of(caller),
        body.current_password,
        body.new_password,
        keep_tokens=body.keep_tokens,
    )
