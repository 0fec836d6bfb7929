"""Traces of a server and of one of two workers, which a collector has when it has ended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.support import plain_http
from tests.support.collector import Collector, Span
from tests.support.databases import NewDatabase
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import NewPerson, Person
from tests.support.processes import ServerProcess
from tests.support.secrets import SECRETS
from tests.support.servers import customized, server_settings

COLLECTORS_KEY = "the-key-of-the-collector"
TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
VENDORS = "words-of-another-vendor"


@dataclass
class Traced:
    """What was asked, and what has arrived of it."""

    alice: Person
    marker: str
    question: dict[str, Any]
    collector: Collector
    log: str

    @property
    def spans(self) -> list[Span]:
        return self.collector.spans()

    def children(self, parent: str) -> list[Span]:
        return [span for span in self.spans if span.trace == TRACE and span.parent == parent]


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def traced(
    request: pytest.FixtureRequest,
    new_database: NewDatabase,
    fake: FakeAnthropic,
    people: NewPerson,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Traced]:
    """A question that was tried twice, and other requests; spans are sent at the server's end."""
    with Collector() as collector:
        settings = server_settings(
            fake,
            new_database(request.param),
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
            OTEL_EXPORTER_OTLP_HEADERS=f"x-collector-key={COLLECTORS_KEY}",
            OTEL_BSP_SCHEDULE_DELAY="600000",
        )
        home = tmp_path_factory.mktemp("traced")
        workers = ("--workers", "2") if request.param == "sqlite" else ()
        server = ServerProcess(home, *workers, **settings)
        alice, marker = people(server), uuid4().hex
        question = ask(alice, marker, fake)
        alice.http.get(f"/api/users/me/questions?search={marker}").raise_for_status()
        alice.http.get(f"/{marker}")
        for path in ("/healthz", "/readyz", "/metrics"):
            plain_http.get(f"{server.url}{path}").raise_for_status()
        assert not collector.bodies
        assert server.stop() == 0
        yield Traced(alice, marker, question, collector, "".join(server.log))


def ask(person: Person, marker: str, fake: FakeAnthropic) -> dict[str, Any]:
    """Ask as a part of a trace, of a provider that fails at first."""
    headers = {"request-id": "req_1", "retry-after": "0"}
    fake.on(marker, f"answer-{marker}", status=529, failures=1, headers=headers)
    trace = {"traceparent": f"00-{TRACE}-{CALLER}-01", "tracestate": f"v={VENDORS}"}
    body = {"question": f"question-{marker}", "system": f"system-{marker}"}
    sent = trace | {"baggage": f"v={VENDORS}", "idempotency-key": f"key-{marker}"}
    response = person.http.post("/api/questions", json=body, headers=sent)
    assert response.status_code == 201
    question: dict[str, Any] = response.json()
    return question


def test_an_ask_is_one_trace_of_three_levels(traced: Traced) -> None:
    (request,) = traced.children(CALLER)
    ids = {"askcli.question.id": traced.question["id"], "user.id": traced.alice.id}
    assert (request.name, request.kind) == ("POST /api/questions", "server")
    assert ids.items() <= request.attributes.items()
    assert request.attributes["http.response.status_code"] == 201
    below = traced.children(request.id)
    (answer,) = [span for span in below if span.kind == "internal"]
    assert ids.items() <= answer.attributes.items()
    assert answer.attributes["askcli.answer.end"] == "answered"
    assert answer.attributes["askcli.answer.attempts"] == 2
    assert answer.attributes["askcli.answer.cost_usd"] == traced.question["cost_usd"]
    units = [span for span in below if span.kind == "client"]
    names = [span.attributes["code.function.name"].rpartition("askcli.")[2] for span in units]
    assert "store.queries.questions.by_key" in names
    assert "services.questions.storage.QuestionStorage._add" in names
    assert all(span.events == ["begun"] for span in units)  # in threads
    tries = [one for one in traced.children(answer.id) if one.name.startswith("chat ")]
    ends = [one for one in traced.children(answer.id) if one not in tries]
    assert [one.attributes["askcli.unit.kind"] for one in ends] == ["write"] * len(ends)
    assert (
        "services.runs.storage.answers.AnswerStorage._end"
        in ends[-1].attributes["code.function.name"]
    )
    first, second = tries
    assert (first.is_error, first.attributes["error.type"]) == (True, "overloaded")
    assert first.attributes["http.response.status_code"] == 529
    assert first.attributes["askcli.upstream.request_id"] == "req_1"
    assert (second.is_error, second.events) == (False, ["first token"])
    assert second.attributes["askcli.attempt"] == 2
    assert second.attributes["gen_ai.request.model"] == traced.question["model"]
    assert second.attributes["gen_ai.usage.input_tokens"] == 11
    assert second.attributes["gen_ai.usage.output_tokens"] == 7


def test_no_text_and_no_secret_is_in_a_trace(traced: Traced) -> None:
    assert {span.process["service.name"] for span in traced.spans} == {"askcli"}
    assert set(traced.collector.keys) == {COLLECTORS_KEY}
    everything = b"".join(traced.collector.bodies).decode("latin-1")
    assert traced.question["id"] in everything
    SECRETS.learn(COLLECTORS_KEY)
    for text in (traced.marker, VENDORS, traced.alice.email):
        assert text not in everything
    assert not SECRETS.found_in(everything)
    assert not SECRETS.found_in(traced.log)


def test_the_provider_gets_the_span_of_its_try(traced: Traced, fake: FakeAnthropic) -> None:
    sent = [asked["traceparent"] for asked in fake.asked(traced.marker)]
    tries = [span for span in traced.spans if span.name.startswith("chat ")]
    assert sent == [f"00-{TRACE}-{span.id}-01" for span in tries]


def test_what_a_server_does_by_itself_leaves_no_trace(traced: Traced) -> None:
    ids = {span.id for span in traced.spans}
    roots = [span for span in traced.spans if span.parent not in ids]
    assert {span.kind for span in roots} == {"server"}
    route = "/api/users/{user_id}/questions"
    named = ["POST /api/auth/login", "POST /api/questions", f"GET {route}", "GET"]
    assert [span.name for span in roots] == named  # a path of no route has no name


MODULES = """
import atexit, pathlib, sys
atexit.register(lambda: pathlib.Path("modules").write_text(" ".join(sys.modules)))
"""


def test_without_the_variables_a_server_loads_no_sdk(
    new_database: NewDatabase, fake: FakeAnthropic, people: NewPerson, tmp_path: Path
) -> None:
    code = tmp_path / "code"
    code.mkdir()
    more = customized(code, MODULES) | {"OTEL_SERVICE_NAME": "askcli"}
    settings = server_settings(fake, new_database("sqlite"), **more)
    server = ServerProcess(tmp_path, **settings)
    alice, marker = people(server), uuid4().hex
    headers = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
    asked = alice.http.post("/api/questions", json={"question": marker}, headers=headers)
    assert asked.status_code == 201
    assert [one["traceparent"] for one in fake.asked(marker)] == [None]
    assert server.stop() == 0
    modules = (tmp_path / "modules").read_text().split()
    assert "askcli.traces.spans" in modules
    loaded = ("askcli.traces.sdk", "opentelemetry.sdk", "opentelemetry.exporter", "google.protobuf")
    assert not [name for name in modules if name.startswith(loaded)]
    assert "requests" not in modules
