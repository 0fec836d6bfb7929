"""/api/users/{user_id}/questions and /usage: what a user has asked, and what it has cost."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from askcli.contract import MAX_PAGE, MAX_SEARCH_CHARACTERS, QuestionPage, Removed, UsageList
from askcli.server.dependencies import Owner, Reader, ServicesHere, UserId, own
from askcli.server.openapi import problems
from askcli.server.schemas import Moment
from askcli.store.listing import Filter

router = APIRouter(prefix="/api/users", tags=["users"])

Since = Annotated[Moment | None, Query(description="Asked at this time or later")]
Until = Annotated[Moment | None, Query(description="Asked before this time")]
SEARCH = 'Words that must all be in it, "words in a row", beginnings*, -what must not be in it'


@router.get("/{user_id}/questions", responses=problems(401, 403, 404))
async def questions(
    user_id: UserId,
    caller: Reader,
    here: ServicesHere,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 20,
    cursor: Annotated[UUID | None, Query(description="A page's next_cursor")] = None,
    conversation_id: UUID | None = None,
    since: Since = None,
    until: Until = None,
    search: Annotated[
        str | None, Query(min_length=1, max_length=MAX_SEARCH_CHARACTERS, description=SEARCH)
    ] = None,
    id_prefix: Annotated[
        str | None, Query(pattern=r"^[0-9a-fA-F-]{1,36}$", description="How their ids begin")
    ] = None,
) -> QuestionPage:
    """Your questions, newest first; those that a search finds, the best first."""
    ids = _beginning_with(id_prefix) if id_prefix else None
    wanted = Filter(limit, cursor, conversation_id, since, until, ids)
    if search is not None:
        return await here.history.search(own(user_id, caller), search, wanted)
    return await here.history.page(own(user_id, caller), wanted)


def _beginning_with(prefix: str) -> tuple[UUID, UUID]:
    """The first and the last id that begins so."""
    digits = prefix.replace("-", "")[:32]
    return UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))


@router.delete("/{user_id}/questions", responses=problems(401, 403, 404))
async def remove(
    user_id: UserId,
    until: Annotated[Moment, Query(description="Asked before this time")],
    caller: Owner,
    here: ServicesHere,
) -> Removed:
    """Delete your questions from before a time; those that are being answered stay."""
    return Removed(deleted=await here.history.remove_older(own(user_id, caller), until))


@router.get("/{user_id}/usage", responses=problems(401, 403, 404))
async def usage(
    user_id: UserId,
    caller: Reader,
    here: ServicesHere,
    since: Since = None,
    until: Until = None,
) -> UsageList:
    """What your questions have cost, by day (UTC) and model, the newest day first.

    Questions that you have deleted count, those being answered not yet.
    """
    return UsageList(items=await here.history.usage(own(user_id, caller), since, until))
