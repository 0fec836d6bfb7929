"""Schemas of questions that were asked elsewhere."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from askcli.contract.limits import (
    MAX_IMPORTED,
    MAX_IMPORTED_ANSWER_CHARACTERS,
    MAX_QUESTION_CHARACTERS,
    MAX_SYSTEM_CHARACTERS,
    MAX_TITLE_CHARACTERS,
)
from askcli.contract.patterns import A_TITLE, ANY_TEXT, ONE_LINE, SOME_TEXT
from askcli.server.schemas.bodies import WHOLE, Body, example
from askcli.server.schemas.queries import Moment
from askcli.services.questions.imported import Imported

_Key = Annotated[str, Field(min_length=1, max_length=200, pattern=SOME_TEXT)]
_Word = Annotated[str, Field(max_length=50, pattern=ANY_TEXT)]
_Tokens = Annotated[int, Field(ge=0, le=2_000_000_000), WHOLE]
_Time = Annotated[Moment, Field(strict=False)]


class ImportedQuestion(Body):
    """A question that was asked and answered elsewhere."""

    key: Annotated[_Key, Field(description="Its own, by which it is imported once")]
    conversation: Annotated[_Key, Field(description="That of its conversation")]
    title: Annotated[
        str | None,
        Field(
            max_length=MAX_TITLE_CHARACTERS,
            pattern=A_TITLE,
            description="Of the conversation, if it has none",
        ),
    ] = None
    question: Annotated[
        str, Field(min_length=1, max_length=MAX_QUESTION_CHARACTERS, pattern=SOME_TEXT)
    ]
    system: Annotated[str | None, Field(max_length=MAX_SYSTEM_CHARACTERS, pattern=ANY_TEXT)] = None
    answer: Annotated[str, Field(max_length=MAX_IMPORTED_ANSWER_CHARACTERS, pattern=ANY_TEXT)]
    status: Literal["answered", "interrupted", "cancelled", "failed"] = "answered"
    stop_reason: _Word | None = None
    error: _Word | None = None
    model: Annotated[str, Field(min_length=1, max_length=200, pattern=ONE_LINE)]
    max_tokens: Annotated[int, Field(ge=1, le=100_000), WHOLE] | None = None
    input_tokens: _Tokens | None = None
    output_tokens: _Tokens | None = None
    cost_usd: Annotated[float, Field(ge=0, le=1_000_000)] | None = None
    created_at: _Time
    answered_at: _Time | None = None


class ImportBody(Body):
    """Questions that were asked and answered elsewhere."""

    model_config = example(
        {
            "items": [
                {
                    "key": "response 1",
                    "conversation": "1",
                    "question": "Why is the sky blue?",
                    "answer": "Short waves are scattered more.",
                    "model": "gpt-4o",
                    "created_at": "2026-01-31T12:00:00Z",
                }
            ]
        }
    )

    items: Annotated[list[ImportedQuestion], Field(min_length=1, max_length=MAX_IMPORTED)]

    def to_items(self) -> list[Imported]:
        """Return the questions as the service takes them."""
        return [Imported(**item.model_dump(), place=n) for n, item in enumerate(self.items)]
