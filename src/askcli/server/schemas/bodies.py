"""Schemas of request bodies."""

from __future__ import annotations

from itertools import islice
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from askcli.contract.limits import (
    MAX_QUESTION_CHARACTERS,
    MAX_SYSTEM_CHARACTERS,
    MAX_TITLE_CHARACTERS,
)
from askcli.contract.patterns import A_TITLE, AN_EMAIL, ANY_TEXT, ONE_LINE, SOME_TEXT
from askcli.contract.shapes import Scope
from askcli.services.questions.ask import Ask

MAX_UNKNOWN_FIELDS = 10


def _integral(number: object) -> object:
    """Convert an integral float: JSON has no integers, 90.0 is 90."""
    return int(number) if isinstance(number, float) and number.is_integer() else number


WHOLE = BeforeValidator(_integral)
Name = Annotated[
    str, Field(min_length=1, max_length=200, pattern=ONE_LINE), AfterValidator(str.strip)
]
Email = Annotated[str, Field(max_length=254, pattern=AN_EMAIL)]
Secret = Annotated[str, Field(min_length=1, max_length=1024)]
# The limit in bytes and the list of common passwords cannot be expressed by a schema.
NewPassword = Annotated[
    str,
    Field(min_length=10, max_length=72, description="72 bytes or less; not one of the commonest"),
]


# The examples work as they stand, one after the other: register, log in, ask, ….
_EMAIL, _PASSWORD = "ada@example.org", "engine of analysis"


def example(body: dict[str, Any]) -> ConfigDict:
    """Return the configuration of a body with this example."""
    return ConfigDict(json_schema_extra={"examples": [body]})


class Body(BaseModel):
    """A JSON body; unknown fields are errors, of which the first ten are reported."""

    model_config = ConfigDict(extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _drop_excess(cls, body: object) -> object:
        """Drop what would be further errors: pydantic builds them all, in ten times the memory."""
        if not isinstance(body, dict):
            return body
        known = [name for name in cls.model_fields if name in body]
        unknown = islice((name for name in body if name not in known), MAX_UNKNOWN_FIELDS)
        return {name: body[name] for name in (*known, *unknown)}


class NewUser(Body):
    """A new account."""

    model_config = example({"name": "Ada Lovelace", "email": _EMAIL, "password": _PASSWORD})

    name: Name
    email: Email
    password: NewPassword
    invite: Annotated[Secret | None, Field(description="A code from the server's host")] = None


class Login(Body):
    """Credentials."""

    model_config = example({"email": _EMAIL, "password": _PASSWORD})

    email: Annotated[str, Field(min_length=1, max_length=254, pattern=ANY_TEXT)]
    password: Secret


class Refresh(Body):
    """The refresh token to rotate."""

    model_config = example({"refresh_token": "the refresh_token of your login"})

    refresh_token: Secret


class PasswordChange(Body):
    """The current and the new password."""

    model_config = example({"current_password": _PASSWORD, "new_password": "difference engine"})

    current_password: Secret
    new_password: NewPassword
    keep_tokens: Annotated[
        bool, Field(description="Keep your API tokens valid; else they are revoked")
    ] = False


class TokenRequest(Body):
    """A new API token."""

    model_config = example({"name": "nightly", "scopes": ["ask", "read"], "expires_in_days": 30})

    name: Annotated[Name, Field(max_length=100)]
    scopes: Annotated[
        list[Scope], Field(min_length=1, max_length=2, description="What it may be used for")
    ]
    expires_in_days: Annotated[int, Field(ge=1, le=366), WHOLE] = 90


class NewTitle(Body):
    """A title of a conversation."""

    model_config = example({"title": "Skies"})

    title: Annotated[
        str,
        Field(max_length=MAX_TITLE_CHARACTERS, pattern=A_TITLE, description="Empty: none"),
        AfterValidator(str.strip),
    ]


class AskBody(Body):
    """A question and options for its answer."""

    model_config = example({"question": "Why is the sky blue?"})

    question: Annotated[
        str,
        Field(
            min_length=1,
            max_length=MAX_QUESTION_CHARACTERS,
            pattern=SOME_TEXT,
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
    max_tokens: Annotated[int, Field(ge=1, le=100_000), WHOLE] | None = None

    def to_ask(self) -> Ask:
        """Return the question as the service takes it."""
        return Ask(**self.model_dump())
