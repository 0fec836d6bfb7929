"""The JSON objects of the API.

A shape is a TypedDict, the JSON object itself: the client needs no model library, and the server
documents the same keys in OpenAPI. Ids are UUIDv7 strings, times RFC 3339 strings in UTC.

Clients check these shapes. A field that a released version does not send is `NotRequired`, so that
a newer client can read an older server.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from typing_extensions import TypedDict  # pydantic supports typing's from Python 3.12 on

Status = Literal["answering", "answered", "interrupted", "cancelled", "failed"]
Scope = Literal["ask", "read"]


@dataclass(frozen=True, slots=True)
class Format:
    """The format of a string, for OpenAPI."""

    name: str

    def __get_pydantic_json_schema__(self, core_schema: Any, handler: Any) -> dict[str, Any]:
        """Return the string's schema with its format; Pydantic's protocol, without Pydantic."""
        return {**handler(core_schema), "format": self.name}


Id = Annotated[str, Format("uuid")]
Time = Annotated[str, Format("date-time")]
Day = Annotated[str, Format("date")]


class User(TypedDict):
    """An account as its owner sees it."""

    id: Id
    name: str
    email: str
    created_at: Time


class Tokens(TypedDict):
    """The tokens of a login or a refresh; `expires_in` is the access token's life in seconds."""

    access_token: str
    refresh_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    user: User


class Session(TypedDict):
    """A session; `address` is the network it was opened from, null for this machine's user."""

    id: Id
    client: str
    address: str | None
    created_at: Time
    last_used_at: Time
    current: bool


class SessionList(TypedDict):
    """The user's sessions, newest first."""

    items: list[Session]


class ApiToken(TypedDict):
    """A token for scripts, without the token itself."""

    id: Id
    name: str
    scopes: list[Scope]
    created_at: Time
    expires_at: Time
    last_used_at: Time | None


class NewApiToken(ApiToken):
    """A new token for scripts: the only response that contains `token`."""

    token: str


class ApiTokenList(TypedDict):
    """The user's tokens, newest first."""

    items: list[ApiToken]


class Question(TypedDict):
    """A question and its answer; `answer` is the text so far until it is answered.

    `max_tokens` is as asked for, null where the model's own limit holds.
    """

    id: Id
    user_id: Id
    conversation_id: Id
    question: str
    system: str | None
    answer: str
    status: Status
    stop_reason: str | None
    error: str | None
    model: str
    max_tokens: int | None
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    created_at: Time
    answered_at: Time | None


class QuestionPage(TypedDict):
    """Questions, newest first; `next_cursor` is that of the next page, null at the end."""

    items: list[Question]
    next_cursor: str | None


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


class Removed(TypedDict):
    """The number of deleted questions."""

    deleted: int


class Usage(TypedDict):
    """Usage of a model on a day (UTC); `cost_usd` is null where the price is unknown."""

    day: Day
    model: str
    questions: int
    input_tokens: int
    output_tokens: int
    cost_usd: float | None


class UsageList(TypedDict):
    """The user's usage by day (UTC) and model, newest day first."""

    items: list[Usage]


class Model(TypedDict):
    """A model of the server."""

    id: str
    answerer: str
    description: str


class ModelList(TypedDict):
    """The models, and the default one."""

    items: list[Model]
    default: str


class Delta(TypedDict):
    """The data of a `delta` event: a piece of the answer."""

    text: str
