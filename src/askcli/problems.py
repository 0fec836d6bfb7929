"""Errors as problem documents (RFC 9457), as the server writes and the client reads them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, Literal, cast

from typing_extensions import TypedDict  # pydantic supports typing's from Python 3.12 on

from askcli.contract.shapes import Id, Status, Time
from askcli.contract.validation import fitting_fields
from askcli.errors import (
    AskcliError,
    BadResponse,
    Conflict,
    HeadersTooLarge,
    InvalidInput,
    MalformedBody,
    MethodNotAllowed,
    NotAuthenticated,
    NotFound,
    PayloadTooLarge,
    RateLimited,
    Refused,
    TooSlow,
    Unavailable,
    Unreachable,
    UnsupportedMedia,
    WrongHost,
)


class FieldError(TypedDict):
    """An invalid field, and the reason."""

    field: str
    message: str


class QuotaLeft(TypedDict):
    """A used-up quota; `resets_at` is the start of the next period."""

    unit: Literal["tokens", "usd"]
    period: Literal["day", "month"]
    limit: float
    used: float
    left: float
    resets_at: Time


class _ProblemBase(TypedDict):
    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str


class Problem(_ProblemBase, total=False):
    """An error (RFC 9457); `question_id` names the stored question whose answer failed."""

    errors: list[FieldError]
    quota: QuotaLeft
    question_id: Id
    question_status: Status


MAX_DETAIL_CHARACTERS = 1000  # of an error's line, from any server

# What an error carries beside its code and its text.
_FIELDS = tuple(field.name for field in dataclasses.fields(AskcliError) if field.kw_only)
# Of these, the extension members of a problem document; the others have a place of their own.
_EXTENSIONS = ("errors", "quota", "question_id", "question_status")


def _tree(root: type[AskcliError]) -> Iterator[type[AskcliError]]:
    yield root
    for child in root.__subclasses__():
        yield from _tree(child)


BY_CODE: dict[str, type[AskcliError]] = {error.code: error for error in _tree(AskcliError)}

# Where only a status is known (a proxy answered, or Starlette did), the plainest error with it.
BY_STATUS: dict[int, type[AskcliError]] = {
    400: MalformedBody,
    401: NotAuthenticated,
    403: Refused,
    404: NotFound,
    405: MethodNotAllowed,
    408: TooSlow,
    409: Conflict,
    413: PayloadTooLarge,
    415: UnsupportedMedia,
    421: WrongHost,
    422: InvalidInput,
    431: HeadersTooLarge,
    429: RateLimited,
    502: Unavailable,
    503: Unavailable,
    504: Unreachable,
}
# With them a gateway or another service says that it has no such path.
NOT_SERVED = (404, 405)


def extensions(error: AskcliError) -> dict[str, Any]:
    """Return what an error carries beside its code and text, without fields that are not set."""
    return {name: value for name in _FIELDS if (value := getattr(error, name)) is not None}


def to_problem(error: AskcliError, request_id: str) -> Problem:
    """Return the problem document of an error."""
    document = {
        "type": "about:blank",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "code": error.code,
        "request_id": request_id,
    }
    members = {name: value for name, value in extensions(error).items() if name in _EXTENSIONS}
    return cast(Problem, document | members)


def from_problem(status: int, document: Mapping[str, Any]) -> AskcliError:
    """Return the error of a problem document; an unknown code goes by the HTTP status.

    A BadResponse where another server than askcli's says that something does not exist. Fields with
    an invalid type are ignored.
    """
    fields = fitting_fields(Problem, dict(document))
    if status in NOT_SERVED and "request_id" not in fields:
        return BadResponse(
            f"The server answered {status}, and not as askcli's does: check --server."
        )
    kind = BY_CODE.get(fields.get("code", "")) or BY_STATUS.get(status, AskcliError)
    text = fields.get("detail") or fields.get("title") or f"The server answered {status}."
    extra = {name: fields.get(name) for name in (*_EXTENSIONS, "request_id")}
    return kind(detail=text[:MAX_DETAIL_CHARACTERS], **extra)
