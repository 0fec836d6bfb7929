"""Questions over HTTP: ask, stream, read, list, delete."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import Person
from tests.support.secrets import KEY


def test_a_question_is_answered_stored_and_read_back(alice: Person, fake: FakeAnthropic) -> None:
    marker = uuid4().hex
    fake.on(marker, "The sky ", "is blue.")
    asked = alice.ask(f"{marker} why?", system="Be brief.", max_tokens=99)
    assert asked.status_code == 201
    question = asked.json()
    assert question | {"id": 0, "conversation_id": 0, "created_at": 0, "answered_at": 0} == {
        "id": 0,
        "user_id": alice.id,
        "conversation_id": 0,
        "question": f"{marker} why?",
        "system": "Be brief.",
        "answer": "The sky is blue.",
        "status": "answered",
        "stop_reason": "end_turn",
        "error": None,
        "model": "claude-sonnet-5-5",
        "max_tokens": 99,
        "input_tokens": 11,
        "output_tokens": 7,
        "cost_usd": pytest.approx(11 * 2e-6 + 7 * 10e-6),
        "created_at": 0,
        "answered_at": 0,
    }
    assert alice.http.get(f"/api/questions/{question['id']}/").json() == question
    (upstream,) = fake.asked(marker)
    assert upstream["key"] == f"Bearer {KEY}"
    assert (upstream["system"], upstream["max_tokens"]) == ("Be brief.", 99)


def events(lines: Any) -> list[tuple[str, str | None, Any]]:
    """The events of a stream: name, id, data."""
    received, fields = [], {}
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "data" in fields:
            received.append((fields["event"], fields.get("id"), json.loads(fields["data"])))
            fields = {}
    return received


def test_an_answer_streams_as_events(alice: Person, fake: FakeAnthropic) -> None:
    marker = uuid4().hex
    held = fake.on(marker, "Zwölf ", "Boxkämpfer", hold_after=1)
    headers = {"accept": "text/event-stream"}
    body = {"question": marker}
    with alice.http.stream("POST", "/api/questions", json=body, headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.iter_lines()
        early = []
        for line in lines:
            early.append(line)
            if line == "" and "event: delta" in early:
                break  # the first words are here, and the model has not finished
        assert held.reached.wait(30)
        stored = alice.http.get("/api/users/me/questions").json()["items"][0]
        assert stored["status"] == "answering"
        held.release()
        received = events([*early, *lines])
    names = [name for name, _, _ in received]
    assert names == ["question", "delta", "delta", "done"]
    assert received[0][2]["status"] == "answering"
    assert [(id_, data["text"]) for _, id_, data in received[1:3]] == [
        ("6", "Zwölf "),
        ("16", "Boxkämpfer"),
    ]
    assert received[3][2]["answer"] == "Zwölf Boxkämpfer"
    assert alice.http.get(f"/api/questions/{received[0][2]['id']}").json() == received[3][2]


def test_a_conversation_goes_along_with_its_next_question(
    alice: Person, bob: Person, fake: FakeAnthropic
) -> None:
    marker = uuid4().hex
    fake.on(f"{marker} one", "First.")
    first = alice.ask(f"{marker} one").json()
    fake.on(f"{marker} two", "Second.")
    second = alice.ask(f"{marker} two", conversation_id=first["conversation_id"]).json()
    assert second["conversation_id"] == first["conversation_id"]
    (upstream,) = fake.asked(f"{marker} two")
    assert [turn["content"] for turn in upstream["messages"]] == [
        f"{marker} one",
        "First.",
        f"{marker} two",
    ]
    for conversation in (first["conversation_id"], str(uuid4())):
        assert bob.ask("mine?", conversation_id=conversation).status_code == 404


@pytest.mark.parametrize(
    ("status", "error_type", "expected", "code"),
    [
        (400, "invalid_request_error", 502, "provider_rejected"),
        (401, "authentication_error", 502, "provider_rejected"),
        (404, "not_found_error", 502, "provider_rejected"),
        (429, "rate_limit_error", 503, "provider_overloaded"),
        (500, "api_error", 502, "provider_failed"),
        (529, "overloaded_error", 503, "provider_overloaded"),
    ],
)
def test_a_provider_that_fails_is_a_problem_with_the_stored_question(
    alice: Person, fake: FakeAnthropic, status: int, error_type: str, expected: int, code: str
) -> None:
    marker = uuid4().hex
    fake.on(marker, status=status, error_type=error_type)
    answer = alice.ask(marker)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (expected, code)
    assert "SECRET" not in answer.text
    stored = alice.http.get(f"/api/questions/{problem['question_id']}").json()
    assert (stored["status"], stored["error"]) == ("failed", code)


def test_the_same_key_asks_once(alice: Person, bob: Person, fake: FakeAnthropic) -> None:
    marker = uuid4().hex
    key = {"idempotency-key": marker}

    def ask(person: Person, question: str) -> Any:
        return person.http.post("/api/questions", json={"question": question}, headers=key)

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: ask(alice, marker), range(10)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(fake.asked(marker)) == 1
    other = ask(alice, f"{marker} or something else")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert ask(bob, marker).json()["id"] != answers[0].json()["id"]


def test_questions_are_listed_newest_first_in_pages(alice: Person) -> None:
    began = datetime.now(UTC).isoformat()
    ids = [alice.ask(f"question {number}").json()["id"] for number in range(5)]
    listed: list[str] = []
    cursor: str | None = None
    for size in (2, 2, 1):
        params = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = alice.http.get(f"/api/users/{alice.id}/questions", params=params).json()
        assert len(page["items"]) == size
        listed += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert cursor is None
    assert listed == ids[::-1]
    mine = "/api/users/me/questions"
    assert len(alice.http.get(mine, params={"since": began}).json()["items"]) == 5
    assert alice.http.get(mine, params={"until": began}).json()["items"] == []
    one = alice.http.get(mine, params={"limit": "1"}).json()["items"][0]
    same = {"conversation_id": one["conversation_id"]}
    assert [i["id"] for i in alice.http.get(mine, params=same).json()["items"]] == [one["id"]]


def test_a_question_is_its_owners_alone(alice: Person, bob: Person) -> None:
    path = f"/api/questions/{alice.ask('mine').json()['id']}"
    assert bob.http.get(path).status_code == 404
    assert bob.http.delete(path).status_code == 404
    assert alice.http.get(path).status_code == 200
    assert alice.http.delete(path).status_code == 204
    assert alice.http.get(path).status_code == 404
    assert alice.http.delete(path).status_code == 404


def test_another_users_conversation_is_none(
    alice: Person, bob: Person, fake: FakeAnthropic
) -> None:
    conversation = alice.ask("my secret plan").json()["conversation_id"]
    marker = uuid4().hex
    answer = bob.ask(marker, conversation_id=conversation)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert fake.asked(marker) == []
    params = {"conversation_id": conversation}
    assert bob.http.get("/api/users/me/questions", params=params).json()["items"] == []


def test_an_answer_that_no_database_keeps_is_kept_all_the_same(
    alice: Person, fake: FakeAnthropic
) -> None:
    marker = uuid4().hex
    fake.on(marker, "nul \0 and half a pair \ud800.")
    answer = alice.ask(marker)
    assert answer.status_code == 201
    assert answer.json()["answer"] == "nul \ufffd and half a pair \ufffd."


def test_an_unknown_model_is_named_with_those_there_are(alice: Person) -> None:
    problem = alice.ask("who?", model="gpt-9").json()
    assert problem["code"] == "unknown_model"
    assert "claude-sonnet-5-5" in problem["detail"]
    assert alice.http.get("/api/users/me/questions").json()["items"] == []


def test_models_are_listed(alice: Person) -> None:
    models = alice.http.get("/api/models").json()
    assert models["default"] in [model["id"] for model in models["items"]]


def test_forty_questions_at_once_are_all_answered_and_stored(alice: Person) -> None:
    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda number: alice.ask(f"number {number}."), range(40)))
    assert [answer.status_code for answer in answers] == [201] * 40
    assert {a.json()["answer"] for a in answers} == {f"You asked: number {n}." for n in range(40)}
    stored = alice.http.get("/api/users/me/questions", params={"limit": "100"}).json()["items"]
    assert {item["status"] for item in stored} == {"answered"}
    assert len(stored) == 40


@pytest.mark.parametrize("word", ["odd\ud800", "odd\0"], ids=["half of a pair", "NUL"])
def test_words_of_the_provider_that_no_database_stores_are_replaced(
    alice: Person, fake: FakeAnthropic, word: str
) -> None:
    def rename(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        events[0]["message"]["model"] = word
        return events

    fake.on(marker := uuid4().hex, "a whole answer", stop_reason=word, edit=rename)
    ask: dict[str, Any] = {"json": {"question": marker}, "timeout": 20}
    question = alice.http.post("/api/questions", **ask).json()
    assert (question["status"], question["answer"]) == ("answered", "a whole answer")
    assert (question["model"], question["stop_reason"]) == ("odd\ufffd", "odd\ufffd")


@pytest.mark.parametrize("more", ["since", "conversation_id", "search"])
def test_a_deletion_ignores_no_parameter(alice: Person, more: str) -> None:
    """A filter of the list is none here: what it leaves out would be deleted, too."""
    asked = alice.ask("keep me").json()
    values = {"since": "2099-01-01", "conversation_id": str(uuid4()), "search": "nothing"}
    params = {"until": "2099-12-31", more: values[more]}
    refused = alice.http.delete("/api/users/me/questions", params=params)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, more)
    assert alice.questions() == [asked]
