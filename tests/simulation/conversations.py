"""What must hold of conversations: what goes along to the provider is its own turns, in order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tests.simulation.provider import Call
from tests.simulation.users import Asked

if TYPE_CHECKING:
    from tests.simulation.night import Stage


def wrong(stage: Stage) -> Iterator[str]:
    """Compare each call of the model with what its user knows of the conversation."""
    asked = {one.marker: one for user in stage.users for one in user.asked}
    texts = {call.marker: call.text for call in stage.provider.calls if call.has_finished}
    deleted = {question_id for user in stage.users for question_id in user.deleting}
    for call in stage.provider.calls:
        one = asked[call.marker]
        turns = [message.content.split()[0] for message in call.request.messages[:-1:2]]
        answers = [message.content for message in call.request.messages[1::2]]
        yield from _turns(one, [asked[marker] for marker in turns])
        if answers != [texts.get(marker) for marker in turns]:
            yield f"{call.marker}: the turns {turns} went along with the answers {answers}"
        missing = {m for m in one.before if asked[m].question_id not in deleted} - set(turns)
        if missing:
            yield f"{call.marker} goes on without {sorted(missing)}"
        opener = _opener(one, list(asked.values()))
        if opener is not None:
            yield from _carried(call, opener)


def _turns(one: Asked, turns: list[Asked]) -> Iterator[str]:
    conversation_id = one.body.get("conversation_id")
    ids = [turn.question_id for turn in [*turns, one] if turn.question_id]
    if ids != sorted(ids):
        yield f"{one.marker} goes on after turns in the order {[turn.marker for turn in turns]}"
    for turn in turns:
        is_known = turn.conversation_id is not None
        if turn.user != one.user or (is_known and turn.conversation_id != conversation_id):
            yield f"{one.marker} was sent with {turn.marker}, which is not of its conversation"


def _opener(one: Asked, asked: list[Asked]) -> Asked | None:
    """The first question of its conversation."""
    conversation_id = one.body.get("conversation_id")
    if conversation_id is None:
        return one
    own = (a for a in asked if a.conversation_id == conversation_id)
    return next((a for a in own if "conversation_id" not in a.body), None)


def _carried(call: Call, opener: Asked) -> Iterator[str]:
    request, body = call.request, opener.body
    if request.system != body.get("system"):
        yield f"{call.marker} was sent with {request.system!r} of {body.get('system')!r}"
    for name, value in (("model", request.model), ("max_tokens", request.max_tokens)):
        if name in body and value != body[name]:
            yield f"{call.marker} was sent with the {name} {value}, not {body[name]}"
