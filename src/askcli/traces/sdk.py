"""OpenTelemetry's SDK: it records spans, and sends them as OTLP over HTTP.

Imported where traces are wanted, and nowhere else: it takes 8 MB and 0.2 s of a start. Its own
variables (`OTEL_…`) say where it sends them, how many, and under which names.
"""

from __future__ import annotations

from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from askcli import __version__
from askcli.traces.spans import Kind

_SERVICE = "service.name"
# The library logs a longer one, and any client may send it.
_TRACEPARENT_CHARACTERS = 55
_w3c = TraceContextTextMapPropagator()


class OpenTelemetry:
    """A provider of spans of its own: it is not the one that other libraries find and use."""

    def __init__(self, exporter: Any = None) -> None:
        """Send spans to the exporter, by default the collector that the environment names."""
        self._provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter or OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("askcli", __version__)

    def begin(self, name: str, kind: Kind, parent: Any) -> Any:
        """Begin a span, a child of the recorded `parent`."""
        return self._tracer.start_span(name, _context(parent), trace.SpanKind[kind.upper()])

    def begin_request(self, name: str, traceparent: str | None) -> Any:
        """Begin the span of a request, a child of the span that its client names.

        Of the W3C's headers `tracestate` is left out, as is `baggage`: both may hold any text.
        """
        context = Context()
        if traceparent is not None and len(traceparent) <= _TRACEPARENT_CHARACTERS:
            context = _w3c.extract({"traceparent": traceparent}, context)
        return self._tracer.start_span(name, context, trace.SpanKind.SERVER)

    def fail(self, recorded: Any) -> None:
        """Give a span the status of an error."""
        recorded.set_status(trace.StatusCode.ERROR)

    def traceparent(self, recorded: Any) -> str | None:
        """Return the header by which others continue the trace below this span."""
        headers: dict[str, str] = {}
        _w3c.inject(headers, _context(recorded))
        return headers.get("traceparent")

    def shut_down(self) -> None:
        """Send what was recorded, and record nothing more."""
        self._provider.shutdown()


def _context(recorded: Any) -> Context:
    return trace.set_span_in_context(recorded, Context())


def _resource() -> Resource:
    """Return what is said of this process; the variables' name for the service goes before ours."""
    resource = Resource.create({"service.version": __version__})
    if str(resource.attributes[_SERVICE]).startswith("unknown_service"):
        resource = resource.merge(Resource({_SERVICE: "askcli"}))
    return resource
