"""Spans of requests: which route, whose, and how it ended; nothing of what was asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from starlette.types import Scope

from askcli.server.http.served import QUIET_ROUTES, Served
from askcli.traces import spans
from askcli.traces.spans import Span

_UNTRACED: AbstractContextManager[None] = nullcontext()


def traced(served: Served) -> AbstractContextManager[None]:
    """Return a block in which the request is served: its span is current, if there are traces."""
    if not spans.are_recorded():
        return _UNTRACED
    # A pipelined request may inherit the context of the one before it.
    return spans.NONE.current() if served.scope["path"] in QUIET_ROUTES else _in_span(served)


@contextmanager
def _in_span(served: Served) -> Iterator[None]:
    span = spans.begin_request(served.known_method, _traceparent(served.scope))
    try:
        with span.current():
            yield
    finally:
        _note(span, served)
        span.end()


def _note(span: Span, served: Served) -> None:
    if not span:
        return
    method, route = served.known_method, served.route
    if route is not None:
        span.rename(f"{method} {route}")
    span.note(
        {
            "http.request.method": method,
            "http.route": route,
            "http.response.status_code": served.status,
            "askcli.request.id": served.info.request_id,
            "askcli.question.id": served.question_id,
            "user.id": served.user_id,
        }
    )
    if served.status >= 500:
        span.fail(str(served.status))


def _traceparent(scope: Scope) -> str | None:
    """Return the header, None where it is not there once: which one counts is not known."""
    values = [value for name, value in scope["headers"] if name == b"traceparent"]
    return values[0].decode("latin-1") if len(values) == 1 else None
