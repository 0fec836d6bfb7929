"""What client and server say to each other: shapes, event names and header names.

A shape is the JSON object itself (a TypedDict), so the light client needs no model library to
read one and the server documents the same keys in OpenAPI. Ids are UUIDv7 strings, times are
RFC 3339 strings in UTC.
"""

from __future__ import annotations

from typing import Final, Literal

# Pydantic, on the server's side, reads typing.TypedDict only from Python 3.12 on.
from typing_extensions import TypedDict

Status = Literal["answering", "answered", "interrupted", "cancelled", "failed"]


class User(TypedDict):
    """An account, as its owner sees it."""

    id: str
    name: str
    email: str
    created_at: str


class Tokens(TypedDict):
    """What a login or a refresh gives; `expires_in` is the access token's life in seconds."""

    access_token: str
    refresh_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    user: User


class Session(TypedDict):
    """A login; `address` is the network it came from, null for this machine's own user."""

    id: str
    client: str
    address: str | None
    created_at: str
    last_used_at: str
    current: bool


class SessionList(TypedDict):
    """One's sessions, the newest first."""

    items: list[Session]


Scope = Literal["ask", "read"]


class ApiToken(TypedDict):
    """A token for scripts, without the token itself."""

    id: str
    name: str
    scopes: list[Scope]
    created_at: str
    expires_at: str
    last_used_at: str | None


class NewApiToken(ApiToken):
    """A token for scripts when it is made: the one time that `token` is shown."""

    token: str


class ApiTokenList(TypedDict):
    """One's tokens, the newest first."""

    items: list[ApiToken]


class Question(TypedDict):
    """A question and what became of it; `answer` holds the text so far until it is answered."""

    id: str
    user_id: str
    conversation_id: str
    question: str
    system: str | None
    answer: str
    status: Status
    stop_reason: str | None
    error: str | None
    model: str
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    created_at: str
    answered_at: str | None


class QuestionPage(TypedDict):
    """Questions, newest first; `next_cursor` asks for the older ones, null where there are none."""

    items: list[Question]
    next_cursor: str | None


class Removed(TypedDict):
    """How many questions were deleted."""

    deleted: int


class Usage(TypedDict):
    """What a day's questions to one model have cost; `cost_usd` null where no price is known."""

    day: str
    model: str
    questions: int
    input_tokens: int
    output_tokens: int
    cost_usd: float | None


class UsageList(TypedDict):
    """What one's questions have cost, by day (UTC) and model, the newest day first."""

    items: list[Usage]


class Model(TypedDict):
    """A model that this server can ask."""

    id: str
    answerer: str
    description: str


class ModelList(TypedDict):
    """The models, and which of them answers when a question names none."""

    items: list[Model]
    default: str


class Health(TypedDict):
    """What /healthz answers when all is well."""

    status: Literal["ok"]
    version: str


class Readiness(Health):
    """What /readyz answers when all is well."""

    database: Literal["sqlite", "postgresql"]


class FieldError(TypedDict):
    """One field that is wrong, and why."""

    field: str
    message: str


class QuotaLeft(TypedDict):
    """A quota that is used up; `resets_at` is when there will be some again."""

    unit: Literal["tokens", "usd"]
    period: Literal["day", "month"]
    limit: float
    used: float
    left: float
    resets_at: str


class _ProblemBase(TypedDict):
    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str


class Problem(_ProblemBase, total=False):
    """An error, everywhere (RFC 9457).

    `question_id` where an answer failed after it was stored, `quota` where one is used up.
    """

    errors: list[FieldError]
    quota: QuotaLeft
    question_id: str
    question_status: Status


class Delta(TypedDict):
    """The data of a `delta` event: a piece of the answer."""

    text: str


def whole_number(text: str) -> int | None:
    """The whole number that a header's value is, None where it is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


EVENT_QUESTION: Final = "question"
EVENT_DELTA: Final = "delta"
EVENT_DONE: Final = "done"
EVENT_ERROR: Final = "error"
EVENT_STREAM: Final = "text/event-stream"
PROBLEM_JSON: Final = "application/problem+json"

HEADER_ACCESS_TOKEN: Final = "x-access-token"  # noqa: S105 - a header's name
HEADER_REQUEST_ID: Final = "x-request-id"
HEADER_IDEMPOTENCY_KEY: Final = "idempotency-key"
HEADER_LAST_EVENT_ID: Final = "last-event-id"

# Tells an API token from a JWT, and lets scanners of published code find one.
API_TOKEN_PREFIX: Final = "askcli_"  # noqa: S105 - what all begin with

MAX_QUESTION_CHARACTERS: Final = 400_000
MAX_SYSTEM_CHARACTERS: Final = 100_000
MAX_BODY_BYTES: Final = 2_097_152
MAX_PAGE: Final = 100
MAX_SEARCH_CHARACTERS: Final = 500
