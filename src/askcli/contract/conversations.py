"""The JSON objects of conversations, as those in `shapes`."""

from __future__ import annotations

from typing_extensions import TypedDict  # pydantic supports typing's from Python 3.12 on

from askcli.contract.shapes import Id, Time


class Conversation(TypedDict):
    """A conversation; `title` is the one it was given, or the beginning of its first question.

    `cost_usd` is what its questions have cost here, null where no price is known; the times are
    those of its first and its last question, to the millisecond.
    """

    id: Id
    title: str
    turns: int
    cost_usd: float | None
    created_at: Time
    last_activity_at: Time
    last_question_id: Id


class ConversationPage(TypedDict):
    """Conversations, the last active first; `next_cursor` as that of questions."""

    items: list[Conversation]
    next_cursor: str | None


class Imported(TypedDict):
    """What became of questions that were to be imported.

    `present` are those that were there before, `expired` those that are kept no longer.
    """

    imported: int
    present: int
    expired: int
