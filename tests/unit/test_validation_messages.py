"""Messages for invalid fields: plain words, without pydantic's terms and without the value."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from askcli.server.problems import from_validation
from askcli.server.schemas import bodies

ACCOUNT = {"name": "Ada", "email": "ada@example.org", "password": "correct horse"}


@pytest.mark.parametrize(
    ("model", "body", "detail"),
    [
        (bodies.NewUser, {"password": "short"}, "password: must have 10 characters or more."),
        (bodies.NewUser, {"name": ""}, "name: must not be empty."),
        (bodies.NewUser, {"email": "Ada"}, "email: does not have the required form."),
        (bodies.NewUser, {"name": 7}, "name: must be text."),
        (
            bodies.NewUser,
            {"age": 7},
            "age: is unknown to this server, which may be older than the client.",
        ),
        (bodies.AskBody, {}, "question: is missing."),
        (bodies.AskBody, {"question": "a", "max_tokens": 0}, "max_tokens: must be 1 or more."),
        (
            bodies.AskBody,
            {"question": "a", "max_tokens": "x"},
            "max_tokens: must be a whole number.",
        ),
        (
            bodies.AskBody,
            {"question": "a", "conversation_id": "x"},
            "conversation_id: must be an id (a UUID).",
        ),
    ],
)
def test_an_invalid_field_is_explained_in_plain_words(
    model: type[BaseModel], body: dict[str, Any], detail: str
) -> None:
    fields = ACCOUNT | body if model is bodies.NewUser else body
    with pytest.raises(ValidationError) as caught:
        model.model_validate(fields)
    details = [{**error, "loc": ("body", *error["loc"])} for error in caught.value.errors()]
    assert from_validation(details).detail == detail
