"""A collector of traces: OTLP over HTTP, in a thread of the test process."""

from __future__ import annotations

from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Sent
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from tests.support.http_servers import served


@dataclass(frozen=True)
class Span:
    """A span as it has arrived; ids are hexadecimal, `parent` empty without one."""

    name: str
    kind: str
    trace: str
    id: str
    parent: str
    attributes: dict[str, Any]
    events: list[str]
    is_error: bool
    process: dict[str, Any]


class Collector:
    """The server, and what has arrived."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.keys: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.keys.append(self.headers.get("x-collector-key", ""))
                outer.bodies.append(self.rfile.read(int(self.headers["content-length"])))
                self.send_response(200 if self.path == "/v1/traces" else 404)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{server.server_port}"
        self._serving = served(server)

    def __enter__(self) -> Self:
        self._serving.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._serving.__exit__(*error)

    def spans(self) -> list[Span]:
        """All that has arrived, in the order in which it began."""
        found: list[tuple[int, Span]] = []
        for body in self.bodies:
            request: Any = trace_service_pb2.ExportTraceServiceRequest.FromString(body)
            for group in request.resource_spans:
                process = _values(group.resource.attributes)
                for scope in group.scope_spans:
                    found += [
                        (one.start_time_unix_nano, _span(one, process)) for one in scope.spans
                    ]
        return [span for _, span in sorted(found, key=lambda one: one[0])]


def _span(sent: Any, process: dict[str, Any]) -> Span:
    return Span(
        name=sent.name,
        kind=Sent.SpanKind.Name(sent.kind).removeprefix("SPAN_KIND_").lower(),
        trace=sent.trace_id.hex(),
        id=sent.span_id.hex(),
        parent=sent.parent_span_id.hex(),
        attributes=_values(sent.attributes),
        events=[event.name for event in sent.events],
        is_error=sent.status.code == Status.STATUS_CODE_ERROR,
        process=process,
    )


def _values(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}
