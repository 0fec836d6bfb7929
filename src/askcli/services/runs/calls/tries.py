"""Tries at a model for one answer: how many, and what is known of the last one and its failure."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from uuid import UUID

from askcli.answerers.base import Exchange, Finish, exchange
from askcli.errors import (
    AskcliError,
    Interrupted,
    ProviderOverloaded,
    ProviderRejected,
    ProviderTimeout,
)
from askcli.metrics import names
from askcli.traces import spans
from askcli.traces.spans import Span

log = logging.getLogger("askcli.upstream")


@dataclass(slots=True)
class Attempts:
    """The tries so far: the provider may bill the last one (`billable`), and none before it."""

    question_id: UUID | None = None
    user_id: UUID | None = None
    billable: bool = False
    count: int = 0
    last: Exchange = field(default_factory=Exchange)
    span: Span = spans.NONE  # of the last one

    @property
    def may_be_billed(self) -> bool:
        """Whether the provider may bill one of them; not one that was given up unsent."""
        return self.billable and not self.last.is_unsent

    def begin(self, model: str) -> None:
        """Begin a try, which this task makes."""
        names.CALLS.add()
        if self.count:
            names.RETRIES.add()
        self.billable = True
        self.count += 1
        self.span = spans.begin(f"chat {model}", "client")
        if self.span:
            self.span.note({"gen_ai.request.model": model, "askcli.attempt": self.count})
        self.last = Exchange(traceparent=self.span.traceparent)
        exchange.set(self.last)

    def failed(self, error: AskcliError, retry_in: float | None) -> None:
        """Log the failure of the last try; `retry_in` is the seconds until the next, if any."""
        reason = kind(error, self.last)
        names.FAILURES.add(reason)
        then = "no further try" if retry_in is None else f"asking again in {retry_in:.1f} s"
        fields = {
            "question_id": self.question_id,
            "user_id": self.user_id,
            "attempt": self.count,
            "kind": reason,
            "cause": _cause(error),
            "upstream_status": self.last.status,
            "upstream_request_id": self.last.request_id,
        }
        log.warning("the model failed, %s", then, extra={"fields": fields})
        self.span.fail(reason)
        self.end()

    def end(self, finish: Finish | None = None) -> None:
        """End the span of the last try, if that has not ended; `finish` is its whole answer's."""
        if self.span:
            self.span.note(
                {
                    "http.response.status_code": self.last.status,
                    "askcli.upstream.request_id": self.last.request_id,
                    "gen_ai.usage.input_tokens": finish.input_tokens if finish else None,
                    "gen_ai.usage.output_tokens": finish.output_tokens if finish else None,
                }
            )
            self.span.end()
            self.span = spans.NONE


def kind(error: AskcliError, tried: Exchange) -> str:
    """Return what was wrong with a try, one of `metrics.names.KINDS`."""
    status = tried.event_status or tried.status
    if isinstance(error, ProviderTimeout):
        return "timeout"
    if isinstance(error, ProviderOverloaded):
        return "rate_limited" if status == 429 else "overloaded"
    if isinstance(error, ProviderRejected):
        return "key_refused" if status in (401, 403) else "rejected"
    if isinstance(error, Interrupted):
        return "broken_off"
    if status is None:
        return "unreachable"
    return "failed" if status >= 500 else "unreadable"


def _cause(error: BaseException) -> str:
    """Return the type of the first error, never its text, which may quote a URL or a response."""
    seen = {id(error)}  # an error may be its own cause
    while (cause := error.__cause__ or _context(error)) is not None and id(cause) not in seen:
        seen.add(id(cause))
        error = cause
    return type(error).__name__


def _context(error: BaseException) -> BaseException | None:
    return None if error.__suppress_context__ else error.__context__
