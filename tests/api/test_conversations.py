"""What a conversation hands on to its next question, as docs/http.md says."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from askcli.answerers.base import Request
from askcli.services.clock import new_id
from askcli.services.questions.ask import Ask, new_row
from askcli.store import search
from askcli.store.queries.questions import add
from askcli.store.tables import questions
from tests.support.databases import database_of
from tests.support.fake_anthropic import BUSY, FakeAnthropic
from tests.support.people import Person
from tests.support.processes import ServerProcess


@pytest.fixture
def marker() -> str:
    return uuid4().hex


def ask(person: Person, question: str, conversation: str | None = None, **fields: Any) -> Any:
    """Ask in a conversation, a new one for None; returns the question."""
    more = {"conversation_id": conversation} if conversation else {}
    answer = person.ask(question, **more, **fields)
    assert answer.status_code == 201, answer.text
    return answer.json()


def sent(fake: FakeAnthropic, question: str) -> tuple[str | None, str, list[str]]:
    """The system prompt, the model and the texts that the provider was sent."""
    (request,) = fake.asked(question)
    return request.get("system"), request["model"], [m["content"] for m in request["messages"]]


def test_a_conversation_carries_on_its_system_prompt_and_model(
    alice: Person, fake: FakeAnthropic, marker: str
) -> None:
    first = ask(alice, f"{marker} 1", system="Rhyme.", model="claude-haiku-5-5")
    id_ = first["conversation_id"]
    second = ask(alice, f"{marker} 2", id_)
    assert (second["system"], second["model"]) == ("Rhyme.", "claude-haiku-5-5")
    assert sent(fake, f"{marker} 2")[:2] == ("Rhyme.", "claude-haiku-5-5")
    ask(alice, f"{marker} 3", id_, system="", model="claude-opus-5-5")
    assert sent(fake, f"{marker} 3")[:2] == (None, "claude-opus-5-5")
    ask(alice, f"{marker} 4", id_)
    assert sent(fake, f"{marker} 4")[:2] == (None, "claude-opus-5-5")
    ask(alice, f"{marker} 5")
    assert sent(fake, f"{marker} 5")[:2] == (None, "claude-sonnet-5-5")


def test_turns_stay_in_their_order_when_the_clock_goes_back(
    alice: Person, server: ServerProcess, fake: FakeAnthropic, marker: str
) -> None:
    """The first question was asked when the clock was an hour ahead."""
    with database_of(server) as connection:
        later = UUID(int=new_id().int + (3_600_000 << 80))  # a UUIDv7 begins with milliseconds
        request = Request("claude-sonnet-5-5", (), "Rhyme.", 10)
        row = new_row(UUID(alice.id), Ask(f"{marker} 1", system="Rhyme."), request)
        row |= {"id": later, "request_hash": "", "status": "answered", "answer": "one"}
        entry = search.entry(connection.dialect.name, UUID(alice.id), "", "")
        add(connection, row, entry)
    id_ = str(row["conversation_id"])
    fake.on(f"{marker} 2", "two")
    ask(alice, f"{marker} 2", id_, system="")
    ask(alice, f"{marker} 3", id_)
    system, _, texts = sent(fake, f"{marker} 3")
    assert texts == [f"{marker} 1", "one", f"{marker} 2", "two", f"{marker} 3"]
    assert system is None


def test_a_conversation_carries_on_the_length_of_its_answers(
    alice: Person, fake: FakeAnthropic, marker: str
) -> None:
    first = ask(alice, f"{marker} 1", max_tokens=77)
    second = ask(alice, f"{marker} 2", first["conversation_id"])
    third = ask(alice, f"{marker} 3", first["conversation_id"], max_tokens=88)
    assert [question["max_tokens"] for question in (first, second, third)] == [77, 77, 88]
    assert fake.asked(f"{marker} 2")[0]["max_tokens"] == 77


def test_a_repeated_key_is_compared_with_the_body_as_it_was_sent(
    alice: Person, marker: str
) -> None:
    id_ = ask(alice, f"{marker} 1", system="Rhyme.")["conversation_id"]
    body = {"question": f"{marker} 2", "conversation_id": id_}
    headers = {"idempotency-key": marker}
    first = alice.http.post("/api/questions", json=body, headers=headers)
    ask(alice, f"{marker} 3", id_, system="Be brief.")
    again = alice.http.post("/api/questions", json=body, headers=headers)
    assert (again.status_code, again.json()) == (201, first.json())
    body["system"] = "Rhyme."
    other = alice.http.post("/api/questions", json=body, headers=headers)
    assert other.json()["code"] == "idempotency_key_reused"


def test_a_conversation_whose_model_is_gone_says_so(
    alice: Person, server: ServerProcess, marker: str
) -> None:
    question = ask(alice, f"{marker} 1", model="claude-haiku-5-5")
    with database_of(server) as connection:
        row = questions.update().where(questions.c.id == UUID(question["id"]))
        connection.execute(row.values(requested_model="claude-0"))
    refused = alice.ask(f"{marker} 2", conversation_id=question["conversation_id"])
    assert (refused.status_code, refused.json()["code"]) == (422, "unknown_model")
    assert "'claude-0', that of the conversation; name one of: " in refused.json()["detail"]
    ask(alice, f"{marker} 3", question["conversation_id"], model="claude-haiku-5-5")


def test_only_answered_turns_go_along(alice: Person, fake: FakeAnthropic, marker: str) -> None:
    fake.on(f"{marker} fails", status=400)
    fake.on(f"{marker} refused", stop_reason="refusal")
    id_ = ask(alice, f"{marker} first")["conversation_id"]
    assert alice.ask(f"{marker} fails", conversation_id=id_).status_code == 502
    ask(alice, f"{marker} refused", id_)
    ask(alice, f"{marker} last", id_)
    first = [f"{marker} first", f"You asked: {marker} first"]
    assert sent(fake, f"{marker} last")[2] == [*first, f"{marker} last"]


def test_an_answer_of_blanks_does_not_go_along(
    alice: Person, fake: FakeAnthropic, marker: str
) -> None:
    """The provider refuses a turn of nothing else, and so each question that came after it."""
    fake.on(f"{marker} first", "\n\n", " ", stop_reason="max_tokens")
    first = ask(alice, f"{marker} first")
    assert first["answer"] == "\n\n "
    ask(alice, f"{marker} last", first["conversation_id"])
    assert sent(fake, f"{marker} last")[2] == [f"{marker} last"]


def test_a_question_that_is_asked_again_keeps_its_place(
    alice: Person, fake: FakeAnthropic, marker: str
) -> None:
    """What was asked and answered meanwhile does not go along, nor the system text of it."""
    again = {"idempotency-key": marker}
    id_ = ask(alice, f"{marker} first", system="Rhyme.")["conversation_id"]
    fake.on(f"{marker} second", **BUSY)
    body = {"question": f"{marker} second", "conversation_id": id_}
    refused = alice.http.post("/api/questions", json=body, headers=again)
    assert refused.status_code == 503
    ask(alice, f"{marker} third", id_, system="Be brief.")
    fake.on(f"{marker} second", "Now I can.")
    answer = alice.http.post("/api/questions", json=body, headers=again).json()
    assert answer["id"] == refused.json()["question_id"]
    turns = [f"{marker} first", f"You asked: {marker} first", f"{marker} second"]
    request = fake.asked(f"{marker} second")[-1]
    assert [message["content"] for message in request["messages"]] == turns
    assert request["system"] == "Rhyme."
    ask(alice, f"{marker} fourth", id_)
    system, _, all_turns = sent(fake, f"{marker} fourth")
    assert all_turns[:4] == [*turns, "Now I can."]
    assert system == "Be brief."


def test_the_newest_turns_go_along_as_far_as_they_fit(
    alice: Person, fake: FakeAnthropic, marker: str
) -> None:
    """At most 20, and 100,000 characters of questions and answers."""
    fake.on(marker, "Yes.")
    long = ask(alice, f"{marker} {'x' * 99_000}")
    short = [f"{marker} {number}." for number in range(21)]
    for question in short:
        ask(alice, question, long["conversation_id"])
    assert len(sent(fake, f"{marker} 0.")[2]) == 3
    ask(alice, f"{marker} last", long["conversation_id"])
    turns = sent(fake, f"{marker} last")[2]
    assert turns[::2] == [*short[1:], f"{marker} last"]
    ask(alice, f"{marker} {'y' * 99_900}", long["conversation_id"])
    ask(alice, f"{marker} end", long["conversation_id"])
    assert len(sent(fake, f"{marker} end")[2]) == 5
