"""Schemas of query parameters."""

from __future__ import annotations

import re
from collections.abc import Set
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field
from starlette.datastructures import QueryParams

from askcli.contract.limits import (
    MAX_PAGE,
    MAX_SEARCH_CHARACTERS,
    MAX_SEARCH_PREFIXES,
    MAX_SEARCH_WORDS,
    MIN_PREFIX_CHARACTERS,
)
from askcli.contract.patterns import CURSOR, ID_PREFIX
from askcli.search_terms import terms
from askcli.services.questions.conversations import Filter
from askcli.services.questions.history import Filters

LIMIT = "The most that a page has"
SEARCH = 'Words that must all be in it, "words in a row", beginnings*, -what must not be in it'

A_TIME = re.compile(
    r"\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:\d\d)?)?", re.ASCII
)


def _check_format(value: object) -> object:
    # Of a number pydantic would guess whether it counts seconds or milliseconds.
    if not isinstance(value, str) or not A_TIME.fullmatch(value):
        raise ValueError("must be a time as RFC 3339 writes it, such as 2026-01-31T12:00:00Z")
    return value


def _in_utc(timestamp: datetime) -> datetime:
    """Convert to UTC, which a time without a zone already is."""
    if timestamp.tzinfo is None:
        return timestamp.replace(tzinfo=UTC)
    try:
        return timestamp.astimezone(UTC)
    except OverflowError:
        raise ValueError("must be a time of the years 1 to 9999 in UTC") from None


Moment = Annotated[datetime, BeforeValidator(_check_format), AfterValidator(_in_utc)]
Since = Annotated[Moment | None, Field(description="Asked at this time or later")]
Until = Annotated[Moment | None, Field(description="Asked before this time")]


def _check_search(query: str) -> str:
    """Refuse what would be looked for in too large a part of the index."""
    parsed = terms(query)
    prefixes = [term.prefix for term in parsed if term.prefix]
    if sum(len(term.words) for term in parsed) > MAX_SEARCH_WORDS:
        raise ValueError(f"must have at most {MAX_SEARCH_WORDS} words")
    if len(prefixes) > MAX_SEARCH_PREFIXES:
        raise ValueError(f"must have at most {MAX_SEARCH_PREFIXES} beginnings*")
    if any(len(prefix) < MIN_PREFIX_CHARACTERS for prefix in prefixes):
        raise ValueError(f"must have {MIN_PREFIX_CHARACTERS} letters or more before each *")
    return query


def check_names(query: QueryParams, known: Set[str]) -> None:
    """Raise RequestValidationError for a parameter with another name."""
    unknown = sorted(query.keys() - known)
    if unknown:
        raise RequestValidationError(
            [{"type": "extra_forbidden", "loc": ("query", name)} for name in unknown]
        )


class ConversationQuery(BaseModel):
    """Query parameters of a page of conversations."""

    limit: Annotated[int, Field(ge=1, le=MAX_PAGE, description=LIMIT)] = 20
    cursor: Annotated[UUID | None, Field(description="A page's next_cursor")] = None
    since: Annotated[Moment | None, Field(description="Last active at this time or later")] = None
    until: Annotated[Moment | None, Field(description="Last active before this time")] = None

    def to_filter(self) -> Filter:
        """Return the parameters as the service takes them."""
        return Filter(self.limit, self.cursor, self.since, self.until)


class QuestionQuery(BaseModel):
    """Query parameters of a page of questions."""

    limit: Annotated[int, Field(ge=1, le=MAX_PAGE, description=LIMIT)] = 20
    cursor: Annotated[str | None, Field(pattern=CURSOR, description="A page's next_cursor")] = None
    conversation_id: Annotated[UUID | None, Field(description="Those of this conversation")] = None
    since: Since = None
    until: Until = None
    search: Annotated[
        Annotated[
            str,
            Field(min_length=1, max_length=MAX_SEARCH_CHARACTERS),
            AfterValidator(_check_search),
        ]
        | None,
        Field(description=SEARCH),
    ] = None
    id_prefix: Annotated[
        str | None, Field(pattern=ID_PREFIX, description="How their ids begin")
    ] = None

    def to_filters(self) -> Filters:
        """Return the parameters as the service takes them."""
        return Filters(**self.model_dump())
