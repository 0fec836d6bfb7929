"""When traces are recorded, and what keeps them from it, which is never a failure of a server."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from askcli.errors import DatabaseUnavailable, Misused, NotFound
from askcli.server.process import tracing
from askcli.settings.tracing import are_traces_wanted
from askcli.store.database.traced import unit_span
from askcli.traces import spans
from askcli.traces.notices import Notices
from askcli.traces.sdk import OpenTelemetry

URL = "http://127.0.0.1:4318"
CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({}, False),
        ({"OTEL_SERVICE_NAME": "askcli", "OTEL_EXPORTER_OTLP_ENDPOINT": " "}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": URL}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": URL}, True),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": URL}, False),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": URL}, False),
        ({"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": URL}, False),
        (
            {
                "OTEL_TRACES_EXPORTER": "otlp",
                "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
                "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
            },
            True,
        ),
    ],
)
def test_opentelemetrys_own_variables_ask_for_traces(
    variables: dict[str, str], wanted: bool
) -> None:
    assert are_traces_wanted(variables) is wanted


@pytest.mark.parametrize(
    "variables",
    [
        {"OTEL_TRACES_EXPORTER": "console"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": URL, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
    ],
)
def test_what_traces_cannot_be_sent_by_is_named(variables: dict[str, str]) -> None:
    with pytest.raises(Misused, match=r"console|grpc"):
        are_traces_wanted(variables)


@pytest.fixture
def warned(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    caplog.set_level(logging.WARNING, "askcli.notices")
    yield caplog
    asyncio.run(tracing.stop())
    assert not spans.are_recorded()


@pytest.mark.parametrize(
    ("variables", "missing", "said"),
    [
        ({}, "", ""),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": URL}, "opentelemetry.sdk.trace", "opentelemetry-sdk"),
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "", "zipkin"),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_BSP_MAX_QUEUE_SIZE": "0"}, "", "ValueError"),
    ],
)
def test_a_server_goes_on_without_traces_and_says_why(
    monkeypatch: pytest.MonkeyPatch,
    warned: pytest.LogCaptureFixture,
    variables: dict[str, str],
    missing: str,
    said: str,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    if missing:
        monkeypatch.delitem(sys.modules, "askcli.traces.sdk")
        monkeypatch.setitem(sys.modules, missing, None)
    tracing.start()
    assert not spans.are_recorded()
    assert [said in message for message in warned.messages] == [True] * bool(said)


def test_a_collector_that_does_not_answer_holds_up_no_end(
    monkeypatch: pytest.MonkeyPatch, warned: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tracing, "FLUSH_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "3")
        tracing.start()
        spans.begin_request("GET", None).end()
        asyncio.run(tracing.stop())
        assert warned.messages == ["The last traces were not sent within 0 s."]
    (waiting,) = [one for one in threading.enumerate() if one.name == "traces"]
    waiting.join(30)


@pytest.fixture
def recorded() -> Iterator[InMemorySpanExporter]:
    """What is recorded in the test."""
    exporter = InMemorySpanExporter()
    sdk = OpenTelemetry(exporter)
    spans.start(sdk)
    yield exporter
    spans.stop()
    sdk.shut_down()


def finished(exporter: InMemorySpanExporter) -> list[Any]:
    """The spans; the provider sends what is recorded when it ends."""
    sdk = spans._State.sdk
    assert isinstance(sdk, OpenTelemetry)
    sdk.shut_down()
    return list(exporter.get_finished_spans())


def test_how_a_unit_of_work_ends_is_recorded_without_its_errors_text(
    recorded: InMemorySpanExporter,
) -> None:
    request = spans.begin_request("POST", CALLER)
    with request.current():
        for error in (None, NotFound("a secret"), DatabaseUnavailable("a secret")):
            try:
                with unit_span("sqlite", "read", finished):
                    if error:
                        raise error
            except (NotFound, DatabaseUnavailable):
                pass
    request.end()
    units = finished(recorded)[:3]
    assert [unit.attributes.get("error.type") for unit in units] == [
        None,
        "NotFound",
        "DatabaseUnavailable",
    ]
    assert [unit.status.is_ok for unit in units] == [True, True, False]
    assert {unit.name for unit in units} == {"read test_tracing.finished"}
    assert "a secret" not in "".join(unit.to_json() for unit in units)


@pytest.mark.parametrize(
    "header",
    [None, "", "00-0-0-01", f"{CALLER}-and-more", CALLER.replace("0af", "\u00e90a"), "x" * 5000],
)
def test_a_header_that_names_no_trace_begins_a_new_one_and_is_not_logged(
    recorded: InMemorySpanExporter, caplog: pytest.LogCaptureFixture, header: str | None
) -> None:
    spans.begin_request("GET", header).end()
    (span,) = finished(recorded)
    assert span.parent is None
    assert not caplog.records


def test_a_trace_that_its_caller_does_not_record_is_not_recorded_here(
    recorded: InMemorySpanExporter,
) -> None:
    request = spans.begin_request("GET", f"{CALLER[:-2]}00")
    with request.current():
        assert spans.begin("answer").traceparent is not None  # others are told as much
    request.end()
    assert finished(recorded) == []


def test_what_fails_while_it_is_recorded_is_no_failure_of_a_request(
    recorded: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise MemoryError

    request = spans.begin_request("GET", None)
    for method in ("set_attributes", "add_event", "update_name", "end"):
        monkeypatch.setattr(type(request._recorded), method, fail)
    for method in ("begin", "begin_request", "fail", "traceparent"):
        monkeypatch.setattr(OpenTelemetry, method, fail)
    request.note({"a": 1})
    request.event("b")
    request.rename("c")
    request.fail("d")
    request.end()
    with request.current():
        assert not spans.begin("e")
    assert not spans.begin_request("f", None)
    assert request.traceparent is None


def test_what_opentelemetry_logs_is_told_once_a_minute_without_what_it_quotes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING, "askcli.traces")
    handler = Notices()
    texts = ("failed: %s, %s, %d", "no header: %s", "not %d")
    values = ((ValueError("secret"), "secret", 401), ("key=secret",), ("secret",))
    for text, args in [*zip(texts, values, strict=True)] * 2:
        handler.handle(logging.LogRecord("opentelemetry.x", logging.ERROR, "", 0, text, args, None))
    assert caplog.messages == [
        "OpenTelemetry: failed: ValueError, …, 401",
        "OpenTelemetry: no header: …",
        "OpenTelemetry: not %d",
    ]
