"""Responses that are made of a row at once are those that the documented models would give."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter

from askcli.contract.shapes import Question, QuestionPage, User
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import Person

SHAPES: dict[str, Any] = {
    "/api/questions/{id}": Question,
    "/api/users/me/questions": QuestionPage,
    "/api/users/me/questions?search=bytes": QuestionPage,
    "/api/users/me/questions?since=2020-01-01": QuestionPage,
    "/api/users/me": User,
}
HARD = 'é "quoted" \\ / \u2028 \x7f \t\r\n 😀 \ufeff </script>'


@pytest.mark.parametrize("path", SHAPES)
def test_the_bytes_are_those_of_the_model(alice: Person, fake: FakeAnthropic, path: str) -> None:
    fake.on("of bytes", HARD, input_tokens=7)
    question = alice.ask(f"the end of bytes {HARD}").json()
    model = TypeAdapter(SHAPES[path])
    body = alice.http.get(path.format(**question)).content
    assert model.dump_json(model.validate_json(body, strict=True)) == body


def test_a_question_is_shown_as_it_was_when_it_was_asked(alice: Person) -> None:
    """By whatever way it comes."""
    asked = alice.ask("the same").json()
    assert alice.http.get(f"/api/questions/{asked['id']}").json() == asked
    for more in ("", "&since=2020-01-01", "&search=same", f"&id_prefix={asked['id']}"):
        page = alice.http.get(f"/api/users/me/questions?limit=1{more}").json()
        assert page["items"] == [asked]
    cancelled = alice.http.post(f"/api/questions/{asked['id']}/cancel")
    assert cancelled.json() == asked
