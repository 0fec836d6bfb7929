"""What requests carry, checked on the way in."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from askcli.contract import MAX_QUESTION_CHARACTERS, MAX_SYSTEM_CHARACTERS, Scope
from askcli.services.questions.asking import Ask

# Patterns and not validators wherever a pattern can say it, so that OpenAPI says the same. They are
# read by Rust's regex here, by ECMAScript and by Python's re elsewhere: the dialect is what these
# share. Out are NUL, which PostgreSQL does not keep, and in what is one line all that is none or
# that turns the text around it: controls, line separators, bidirectional overrides.
_UNPRINTABLE = r"\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069"
ANY_TEXT = r"^[^\x00]*$"
SOME_TEXT = r"^[^\x00]*[^\s\x00][^\x00]*$"
ONE_LINE = rf"^[^{_UNPRINTABLE}]*[^\s{_UNPRINTABLE}][^{_UNPRINTABLE}]*$"
# What an address must have to be one; whether it exists, only a message to it would show.
AN_EMAIL = rf"^[^@\s{_UNPRINTABLE}]+@[^@\s{_UNPRINTABLE}]+$"
A_TIME = re.compile(
    r"\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:\d\d)?)?", re.ASCII
)


def _integral(number: object) -> object:
    """JSON knows no integers: 90.0 is 90."""
    return int(number) if isinstance(number, float) and number.is_integer() else number


def _written_out(moment: object) -> object:
    if isinstance(moment, str) and not A_TIME.fullmatch(moment):
        raise ValueError("must be a time as RFC 3339 writes it, such as 2026-01-31T12:00:00Z")
    return moment


def _in_utc(moment: datetime) -> datetime:
    """The moment in UTC, which it is in already when it names no time zone."""
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("must be a time of the years 1 to 9999 in UTC") from None


_WHOLE = BeforeValidator(_integral)
Moment = Annotated[datetime, BeforeValidator(_written_out), AfterValidator(_in_utc)]
Name = Annotated[
    str, Field(min_length=1, max_length=200, pattern=ONE_LINE), AfterValidator(str.strip)
]
Email = Annotated[str, Field(max_length=254, pattern=AN_EMAIL)]
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

    email: Annotated[str, Field(min_length=1, max_length=254, pattern=ANY_TEXT)]
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
    expires_in_days: Annotated[int, Field(ge=1, le=366), _WHOLE] = 90


class AskBody(Body):
    """A question, and how it is to be answered."""

    question: Annotated[
        str,
        Field(
            min_length=1,
            max_length=MAX_QUESTION_CHARACTERS,
            pattern=SOME_TEXT,
            examples=["Why is the sky blue?"],
        ),
    ]
    system: Annotated[
        str | None,
        Field(
            max_length=MAX_SYSTEM_CHARACTERS,
            pattern=ANY_TEXT,
            description="How the model is to answer",
        ),
    ] = None
    model: Annotated[str | None, Field(max_length=200, description="One of GET /api/models")] = None
    conversation_id: Annotated[
        UUID | None, Field(strict=False, description="Goes on with one of your conversations")
    ] = None
    max_tokens: Annotated[int, Field(ge=1, le=100_000), _WHOLE] | None = None

    def as_ask(self) -> Ask:
        """The question as the service takes it."""
        return Ask(**self.model_dump())
