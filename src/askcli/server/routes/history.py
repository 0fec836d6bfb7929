"""/api/users/{user_id}/questions and /usage: a user's questions and usage."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request, Response

from askcli.contract.shapes import Imported, QuestionPage, Removed, UsageList
from askcli.server.dependencies import Owner, Reader, ServicesHere, UserId, own_id
from askcli.server.http.json_response import JsonResponse
from askcli.server.http.route import new_router
from askcli.server.openapi import problems
from askcli.server.schemas.imports import ImportBody
from askcli.server.schemas.queries import Moment, QuestionQuery, Since, Until, check_names

router = new_router(["users"], "/api/users")


@router.get("/{user_id}/questions", response_model=QuestionPage, responses=problems(401, 403, 404))
async def list_questions(
    user_id: UserId,
    caller: Reader,
    services: ServicesHere,
    query: Annotated[QuestionQuery, Query()],
) -> Response:
    """Your questions, newest first; those that a search finds, the best first."""
    page = await services.history.page(own_id(user_id, caller), query.to_filters())
    return JsonResponse(page)


@router.post("/{user_id}/questions", responses=problems(400, 401, 403, 404, 413, 415, 429, 503))
async def import_questions(
    user_id: UserId, body: ImportBody, caller: Owner, services: ServicesHere
) -> Imported:
    """Store questions that were asked elsewhere, each once; they cost nothing."""
    return await services.importing.add(own_id(user_id, caller), body.to_items())


@router.delete("/{user_id}/questions", responses=problems(401, 403, 404))
async def delete_questions(
    user_id: UserId,
    until: Annotated[
        Moment,
        Query(
            description="Asked before this time",
            openapi_examples={"time": {"value": "2026-01-01T00:00:00Z"}},
        ),
    ],
    caller: Owner,
    services: ServicesHere,
    request: Request,
) -> Removed:
    """Delete your questions from before a time; those that are being answered stay."""
    check_names(request.query_params, {"until"})  # ignored, a filter would delete more than meant
    return Removed(deleted=await services.history.remove_older(own_id(user_id, caller), until))


@router.get("/{user_id}/usage", response_model=UsageList, responses=problems(401, 403, 404))
async def get_usage(
    user_id: UserId,
    caller: Reader,
    services: ServicesHere,
    since: Since = None,
    until: Until = None,
) -> Response:
    """What your questions have cost, by day (UTC) and model, the newest day first.

    Questions that you have deleted count, those being answered not yet. A time with more than
    10,000 days and models is refused: name a shorter one.
    """
    items = await services.history.usage(own_id(user_id, caller), since, until)
    return JsonResponse(UsageList(items=items))
