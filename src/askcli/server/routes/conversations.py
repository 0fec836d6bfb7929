"""/api/conversations, and a user's list of them: look at, title, delete."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from askcli.contract.shapes import Conversation, ConversationPage
from askcli.server.dependencies import Asker, Owner, Reader, ServicesHere, UserId, own_id
from askcli.server.http.json_response import JsonResponse
from askcli.server.http.route import new_router
from askcli.server.openapi import problems
from askcli.server.schemas.bodies import NewTitle
from askcli.server.schemas.queries import ConversationQuery

router = new_router(["conversations"], "/api")


@router.get(
    "/users/{user_id}/conversations",
    response_model=ConversationPage,
    responses=problems(401, 403, 404),
)
async def list_conversations(
    user_id: UserId,
    caller: Reader,
    services: ServicesHere,
    query: Annotated[ConversationQuery, Query()],
) -> Response:
    """Your conversations, the last active first."""
    page = await services.conversations.page(own_id(user_id, caller), query.to_filter())
    return JsonResponse(page)


@router.get(
    "/conversations/{conversation_id}",
    response_model=Conversation,
    responses=problems(401, 403, 404),
)
async def get_conversation(
    conversation_id: UUID, caller: Reader, services: ServicesHere
) -> Response:
    """One of your conversations."""
    return JsonResponse(await services.conversations.get(caller.user_id, conversation_id))


@router.patch(
    "/conversations/{conversation_id}",
    response_model=Conversation,
    responses=problems(400, 401, 403, 404, 413, 415),
)
async def rename_conversation(
    conversation_id: UUID, body: NewTitle, caller: Asker, services: ServicesHere
) -> Response:
    """Give one of your conversations a title, or take it away."""
    renamed = await services.conversations.rename(caller.user_id, conversation_id, body.title)
    return JsonResponse(renamed)


@router.delete(
    "/conversations/{conversation_id}", status_code=204, responses=problems(401, 403, 404)
)
async def delete_conversation(conversation_id: UUID, caller: Owner, services: ServicesHere) -> None:
    """Delete one of your conversations with all its questions."""
    await services.conversations.remove(caller.user_id, conversation_id)
