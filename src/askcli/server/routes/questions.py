"""/api/questions: ask, read, delete."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Annotated
from uuid import UUID

from fastapi import Header, Request, Response

from askcli.contract.shapes import Question
from askcli.server.dependencies import Anybody, Asker, Owner, Reader, ServicesHere
from askcli.server.http.json_response import JsonResponse
from askcli.server.http.no_response import NoResponse
from askcli.server.http.route import new_router
from askcli.server.openapi import EVENTS, Responses, problems
from askcli.server.schemas.bodies import AskBody
from askcli.server.sse import stream, wants_stream
from askcli.services.auth.watches import CallerLeft

router = new_router(["questions"], "/api/questions")

# The stream is documented at its own path alone: of a response with two media types, generated
# clients make one type, which is neither.
_ANSWERS: Responses = {201: {"description": "The answered question"}}
_FOLLOWS: Responses = {
    200: {"description": "The events", "content": EVENTS},
    204: {"description": "The answer has ended, and you have all of it"},
}


@router.post(
    "",
    status_code=201,
    response_model=Question,
    responses=_ANSWERS | problems(400, 401, 403, 404, 409, 413, 415, 429, 502, 503, 504),
)
async def ask_question(
    body: AskBody,
    caller: Asker,
    services: ServicesHere,
    request: Request,
    idempotency_key: Annotated[
        str | None, Header(min_length=1, max_length=200, description="Makes a retry safe")
    ] = None,
) -> Response:
    """Ask a question: JSON once it is answered, or with Accept: text/event-stream as it comes."""
    accept = ", ".join(request.headers.getlist("accept"))
    state, is_stream = request.state, wants_stream(accept)
    with ExitStack() as until_sent:
        if is_stream:
            if services.streams.is_full(caller.user_id):
                await services.authentication.confirm()  # before it ends another stream
            counted = services.streams.one(caller.user_id, state.abort_if_untaken)
            until_sent.enter_context(counted)
        asking = services.questions.ask(caller.user_id, body.to_ask(), idempotency_key)
        del body  # not kept while the question, or its answer, is waited for
        answer = await asking
        if is_stream:
            response = stream(answer, state.watch, state.request_id, counted=counted)
            until_sent.pop_all()
            return response
    state.watch.call_at_end(answer.wake)
    try:
        question = await answer.result(state.watch.check)
    except CallerLeft:  # the answer goes on, as that of a stream does
        return NoResponse()
    return JsonResponse(question, 201, {"location": f"{router.prefix}/{question['id']}"})


@router.get("/{question_id}", response_model=Question, responses=problems(401, 403, 404))
async def get_question(question_id: UUID, caller: Reader, services: ServicesHere) -> Response:
    """One of your questions."""
    return JsonResponse(await services.questions.get(caller.user_id, question_id))


@router.get(
    "/{question_id}/events",
    response_class=Response,  # FastAPI would take EventSourceResponse for a generator's
    responses=_FOLLOWS | problems(401, 403, 404, 429),
)
async def follow_answer(
    question_id: UUID,
    caller: Anybody,
    services: ServicesHere,
    request: Request,
    last_event_id: Annotated[
        int | None, Header(ge=0, description="Characters that you have already")
    ] = None,
) -> Response:
    """Join or rejoin an answer, running or ended: the event stream after `Last-Event-ID`.

    Past the end there is nothing more, which is 204: a browser's EventSource then stops.
    """
    state, after = request.state, last_event_id
    answer = await services.questions.follow(caller.user_id, question_id)
    with ExitStack() as until_sent:
        counted = services.streams.one(caller.user_id, state.abort_if_untaken)
        until_sent.enter_context(counted)
        if answer.ended and after is not None and after >= answer.characters:
            return Response(status_code=204)
        response = stream(answer, state.watch, state.request_id, after or 0, counted=counted)
        until_sent.pop_all()
    return response


@router.post("/{question_id}/cancel", response_model=Question, responses=problems(401, 403, 404))
async def cancel_answer(question_id: UUID, caller: Asker, services: ServicesHere) -> Response:
    """Stop an answer; the text so far is kept. One that has ended stays as it is."""
    return JsonResponse(await services.questions.cancel(caller.user_id, question_id))


@router.delete("/{question_id}", status_code=204, responses=problems(401, 403, 404))
async def delete_question(question_id: UUID, caller: Owner, services: ServicesHere) -> None:
    """Delete one of your questions."""
    await services.history.remove(caller.user_id, question_id)
