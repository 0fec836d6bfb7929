"""Messages for invalid fields: plain words, without pydantic's terms and without the value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from askcli.contract.patterns import FORMS
from askcli.server.problems import from_validation
from askcli.server.schemas import bodies, imports, queries

ACCOUNT = {"name": "Ada", "email": "ada@example.org", "password": "correct horse"}
IMPORTED = {
    "key": "1",
    "conversation": "a",
    "question": "q",
    "answer": "a",
    "model": "m",
    "created_at": "2026-01-31T12:00:00Z",
}
A_TIME = "must be a time as RFC 3339 writes it, such as 2026-01-31T12:00:00Z"
NO_TIME = "must be a time that exists, such as 2026-01-31T12:00:00Z"


@pytest.mark.parametrize(
    ("model", "body", "detail"),
    [
        (bodies.NewUser, {"password": "short"}, "password: must have 10 characters or more."),
        (bodies.NewUser, {"name": ""}, "name: must not be empty."),
        (
            bodies.NewUser,
            {"email": "Ada"},
            "email: must be an email address, such as ada@example.org.",
        ),
        (
            bodies.NewUser,
            {"name": "Ada\n"},
            "name: must be one line of visible characters.",
        ),
        (bodies.AskBody, {"question": " "}, "question: must be more than blanks, without NUL."),
        (
            bodies.NewTitle,
            {"title": "a\tb"},
            "title: must be one line of visible characters, or empty.",
        ),
        (queries.QuestionQuery, {"cursor": "x"}, "cursor: must be the next_cursor of a page."),
        (
            queries.QuestionQuery,
            {"id_prefix": "x"},
            "id_prefix: must be 1 to 36 hexadecimal digits and dashes.",
        ),
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
        (
            bodies.AskBody,
            {"question": "\ud83d"},
            "question: must be text, without halves of surrogate pairs.",
        ),
        (queries.QuestionQuery, {"limit": "9" * 5000}, "limit: has too many digits."),
        (queries.QuestionQuery, {"since": "2026-02-30"}, f"since: {NO_TIME}."),
        (queries.QuestionQuery, {"since": "2026-01-31T25:00:00Z"}, f"since: {NO_TIME}."),
        (queries.QuestionQuery, {"since": "0000-01-01T00:00:00Z"}, f"since: {NO_TIME}."),
        (imports.ImportedQuestion, IMPORTED | {"cost_usd": "1"}, "cost_usd: must be a number."),
        (imports.ImportedQuestion, IMPORTED | {"created_at": 1769860800}, f"created_at: {A_TIME}."),
        (imports.ImportedQuestion, IMPORTED | {"answered_at": []}, f"answered_at: {A_TIME}."),
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


def patterns(schema: Any) -> Iterator[str]:
    """Yield the patterns anywhere in a JSON schema."""
    if isinstance(schema, dict) and isinstance(schema.get("pattern"), str):
        yield schema["pattern"]
    for part in schema.values() if isinstance(schema, dict) else schema:
        if isinstance(part, dict | list):
            yield from patterns(part)


def test_each_pattern_of_a_request_is_explained() -> None:
    models = [
        model
        for module in (bodies, imports, queries)
        for model in vars(module).values()
        if isinstance(model, type) and issubclass(model, BaseModel) and model is not BaseModel
    ]
    assert {pattern for model in models for pattern in patterns(model.model_json_schema())} == {
        *FORMS
    }
