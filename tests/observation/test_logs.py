"""What a server logs of a request, of a failed try at the model, and of an answer's end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.support import plain_http
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import NewPerson
from tests.support.processes import ServerProcess
from tests.support.raw_http import connection
from tests.support.waiting import eventually


def logged(server: ServerProcess, **fields: Any) -> list[dict[str, Any]]:
    """The lines with these fields."""
    lines = [json.loads(line) for line in [*server.log]]
    return [line for line in lines if fields.items() <= line.items()]


def test_an_answer_leaves_its_request_its_failed_try_and_its_end(
    observed: ServerProcess, fake: FakeAnthropic, new_person: NewPerson
) -> None:
    alice, marker = new_person(observed), uuid4().hex
    headers = {"request-id": "req_1", "retry-after": "0"}
    fake.on(marker, "what was answered", status=529, failures=1, headers=headers)
    sent = {"x-request-id": f"of-{marker}"}
    body = {"question": f"{marker}?"}
    response = alice.http.post("/api/questions", json=body, headers=sent)
    question = response.json()
    own = {"question_id": question["id"], "user_id": alice.id}
    (request,) = eventually(lambda: logged(observed, message="request", **own))
    (end,) = eventually(lambda: logged(observed, message="answer ended", **own))
    (failed,) = logged(observed, logger="askcli.upstream", **own)
    assert request["request_id"] == end["request_id"] == sent["x-request-id"]
    assert (request["route"], request["method"]) == ("/api/questions", "POST")
    assert request["status"] == 201
    assert request["bytes"] == len(response.content)
    assert (failed["kind"], failed["upstream_status"], failed["attempt"]) == ("overloaded", 529, 1)
    assert failed["upstream_request_id"] == end["upstream_request_id"] == "req_1"
    assert (end["end"], end["attempts"], end["upstream_status"]) == ("answered", 2, 200)
    assert (end["model"], end["input_tokens"], end["output_tokens"]) == (question["model"], 11, 7)
    assert end["cost_usd"] == question["cost_usd"]
    assert 0 <= end["queue_ms"] <= end["first_token_ms"] <= end["ms"] <= request["ms"]
    text = "".join(observed.log)
    assert f"{marker}?" not in text
    assert "what was answered" not in text


def test_a_request_whose_client_leaves_ends_before_its_answer(
    observed: ServerProcess, fake: FakeAnthropic, new_person: NewPerson
) -> None:
    alice, marker = new_person(observed), uuid4().hex
    held = fake.on(marker, "it goes on", hold_after=0)
    sent = f"of-{marker}"
    body = json.dumps({"question": marker})
    head = (
        f"POST /api/questions HTTP/1.1\r\nhost: localhost\r\nx-request-id: {sent}\r\n"
        f"x-access-token: {alice.tokens['access_token']}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    with connection(observed) as asking:
        asking.sendall((head + body).encode())
        assert held.reached.wait(30)
    (request,) = eventually(lambda: logged(observed, message="request", request_id=sent))
    assert (request["status"], request["bytes"], request["user_id"]) == (499, 0, alice.id)
    assert not logged(observed, message="answer ended", request_id=sent)
    held.release()
    (end,) = eventually(lambda: logged(observed, message="answer ended", request_id=sent))
    assert end["end"] == "answered"


@pytest.mark.parametrize(
    ("error_type", "kind"),
    [
        ("authentication_error", "key_refused"),
        ("permission_error", "key_refused"),
        ("rate_limit_error", "rate_limited"),
        ("overloaded_error", "overloaded"),
        ("invalid_request_error", "rejected"),
        ("timeout_error", "timeout"),
        ("api_error", "failed"),
    ],
)
def test_an_error_within_a_stream_is_of_the_kind_that_its_type_says(
    observed: ServerProcess,
    fake: FakeAnthropic,
    new_person: NewPerson,
    error_type: str,
    kind: str,
) -> None:
    alice, marker = new_person(observed), uuid4().hex
    error = {"type": "error", "error": {"type": error_type, "message": "m"}}
    fake.on(marker, edit=lambda events: [events[0], error])
    problem = alice.http.post("/api/questions", json={"question": marker}).json()
    own = {"question_id": problem["question_id"], "logger": "askcli.upstream"}
    (failed,) = eventually(lambda: logged(observed, **own))
    assert (failed["kind"], failed["upstream_status"]) == (kind, 200)


def test_what_reads_a_question_names_it_and_health_checks_are_quiet(
    observed: ServerProcess, fake: FakeAnthropic, new_person: NewPerson
) -> None:
    alice = new_person(observed)
    for path in ("/healthz", "/readyz", "/metrics"):
        assert plain_http.get(f"{observed.url}{path}").status_code == 200
    question_id = str(uuid4())
    assert alice.http.head(f"/api/questions/{question_id}/").status_code == 404
    (line,) = eventually(lambda: logged(observed, question_id=question_id))
    assert (line["method"], line["route"]) == ("HEAD", "/api/questions/{question_id}")
    assert (line["user_id"], line["status"], line["bytes"]) == (alice.id, 404, 0)
    assert alice.http.get("/nothing").status_code == 404
    eventually(lambda: logged(observed, message="request", route=None, status=404))
    assert not [line for line in logged(observed) if str(line.get("route")).endswith("z")]


def test_no_line_of_text_controls_the_terminal_that_shows_it(tmp_path: Path) -> None:
    """The name of a file, as of a model in somebody else's checkout, may have any character."""
    model = tmp_path / "m\x1b]0;title\x07\x9b1m.gguf"
    model.write_bytes(b"GGUF")
    server = ServerProcess(tmp_path, ASKCLI_ANSWERER="local", ASKCLI_LOCAL_MODEL=str(model))
    eventually(lambda: any("The local model" in line for line in server.log))
    assert server.stop() == 0
    assert "m\\x1b]0;title\\x07\\x9b1m.gguf cannot be loaded" in "".join(server.log)
