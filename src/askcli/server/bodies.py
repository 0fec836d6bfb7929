"""What requests carry, checked on the way in."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from askcli.contract import MAX_QUESTION_CHARACTERS, MAX_SYSTEM_CHARACTERS, Scope
from askcli.services.questions import Ask


def _no_nul(text: str | None) -> str | None:
    if text and "\0" in text:
        raise ValueError("must not contain a NUL character")
    return text


def _printable(text: str) -> str:
    text = text.strip()
    if not text or not text.isprintable():
        raise ValueError("must be one line of printable characters")
    return text


def _said(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    _no_nul(text)
    return text


def _in_utc(moment: datetime) -> datetime:
    """The moment in UTC, which it is in already when it names no time zone."""
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("must be a time of the years 1 to 9999 in UTC") from None


Moment = Annotated[datetime, AfterValidator(_in_utc)]
Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_printable)]
# What an address must have to be one; whether it exists, only a message to it would show.
Email = Annotated[
    str, Field(max_length=254, pattern=r"^[^@\s]+@[^@\s]+$"), AfterValidator(_printable)
]
Secret = Annotated[str, Field(min_length=1, max_length=1024)]


# In bytes, and not one of the commonest: what a schema cannot say, the description does.
NewPassword = Annotated[
    str,
    Field(min_length=10, max_length=72, description="72 bytes or less; not one of the commonest"),
]


class Body(BaseModel):
    """A JSON body; a field that it does not have is an error and not a silence."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Registration(Body):
    """An account to make."""

    name: Name
    email: Email
    password: NewPassword
    invite: Annotated[Secret | None, Field(description="A code from the server's host")] = None


class Login(Body):
    """Who logs in."""

    email: Annotated[str, Field(min_length=1, max_length=254), AfterValidator(_no_nul)]
    password: Secret


class Refresh(Body):
    """The refresh token to rotate."""

    refresh_token: Secret


class PasswordChange(Body):
    """The password to change, and what to."""

    current_password: Secret
    new_password: NewPassword


class TokenWanted(Body):
    """An API token to make."""

    name: Annotated[Name, Field(max_length=100)]
    scopes: Annotated[
        list[Scope], Field(min_length=1, max_length=2, description="What it may be used for")
    ]
    expires_in_days: Annotated[int, Field(ge=1, le=366)] = 90


class AskBody(Body):
    """A question, and how it is to be answered."""

    question: Annotated[
        str,
        Field(min_length=1, max_length=MAX_QUESTION_CHARACTERS, examples=["Why is the sky blue?"]),
        AfterValidator(_said),
    ]
    system: Annotated[
        str | None,
        Field(max_length=MAX_SYSTEM_CHARACTERS, description="How the model is to answer"),
        AfterValidator(_no_nul),
    ] = None
    model: Annotated[str | None, Field(max_length=200, description="One of GET /api/models")] = None
    conversation_id: Annotated[
        UUID | None, Field(strict=False, description="Goes on with one of your conversations")
    ] = None
    max_tokens: Annotated[int | None, Field(ge=1, le=100_000)] = None

    def as_ask(self) -> Ask:
        """The question as the service takes it."""
        return Ask(**self.model_dump())
