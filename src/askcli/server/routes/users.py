"""/api/users: register, read one's account, list one's questions."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from askcli.contract import MAX_PAGE, QuestionPage, User
from askcli.server.bodies import Moment, Registration
from askcli.server.dependencies import JsonBody, OwnId, ServicesHere
from askcli.server.documented import problems
from askcli.store.questions import Filter

router = APIRouter(prefix="/api/users", tags=["users"])


@router.post(
    "", status_code=201, dependencies=[JsonBody], responses=problems(400, 403, 409, 413, 415)
)
async def register(body: Registration, here: ServicesHere) -> User:
    """Make an account."""
    return await here.accounts.register(body.name, body.email, body.password)


@router.get("/{user_id}", responses=problems(401, 404))
async def get(user_id: OwnId, here: ServicesHere) -> User:
    """Your account."""
    return await here.accounts.get(user_id)


@router.get("/{user_id}/questions", responses=problems(401, 404))
async def questions(
    user_id: OwnId,
    here: ServicesHere,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 20,
    cursor: Annotated[UUID | None, Query(description="A page's next_cursor")] = None,
    conversation_id: UUID | None = None,
    since: Annotated[Moment | None, Query(description="Asked at this time or later")] = None,
    until: Annotated[Moment | None, Query(description="Asked before this time")] = None,
) -> QuestionPage:
    """Your questions, newest first."""
    wanted = Filter(limit, cursor, conversation_id, since, until)
    return await here.questions.page(user_id, wanted)
