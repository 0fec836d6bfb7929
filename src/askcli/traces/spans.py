"""Spans of traces, which record nothing until an SDK is started.

So what a client or a host's command uses of the store and the services loads no SDK. What is noted
are ids, counts and words of the program, never a text that somebody wrote. Which span is current
is known here alone: libraries that look into OpenTelemetry's own context find none there, and add
nothing to the traces.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from contextvars import ContextVar
from typing import Any, Literal, Protocol

Kind = Literal["internal", "server", "client"]
Value = str | int | float | bool | None


class Sdk(Protocol):
    """What records spans; `askcli.traces.sdk` implements it."""

    def begin(self, name: str, kind: Kind, parent: Any) -> Any:
        """Begin a span, a child of the recorded `parent`."""
        ...

    def begin_request(self, name: str, traceparent: str | None) -> Any:
        """Begin the span of a request, a child of the span that its client names."""
        ...

    def fail(self, recorded: Any) -> None:
        """Give a span the status of an error."""
        ...

    def traceparent(self, recorded: Any) -> str | None:
        """Return the header by which others continue the trace below this span."""
        ...

    def shut_down(self) -> None:
        """Send what was recorded, and record nothing more."""
        ...


# For runs that last minutes: a generator takes half a kilobyte.
_NOTHING: AbstractContextManager[None] = nullcontext()


class _State:
    sdk: Sdk | None = None


class Span:
    """A span; one of which nothing is recorded is false.

    Whatever fails while it is recorded, such as for want of memory, is no failure of what it is of.
    """

    __slots__ = ("_recorded",)

    def __init__(self, recorded: Any = None) -> None:
        self._recorded = recorded

    def __bool__(self) -> bool:
        return self._recorded is not None

    def rename(self, name: str) -> None:
        """Give it another name, of which there is a bounded number."""
        if self:
            with suppress(Exception):
                self._recorded.update_name(name)

    def note(self, values: Mapping[str, Value]) -> None:
        """Set attributes, except for those that are None."""
        if self:
            with suppress(Exception):
                known = {name: value for name, value in values.items() if value is not None}
                self._recorded.set_attributes(known)

    def event(self, name: str) -> None:
        """Note that something happens now."""
        if self:
            with suppress(Exception):
                self._recorded.add_event(name)

    def fail(self, kind: str) -> None:
        """Note that it has failed; `kind` is a word of the program."""
        self.note({"error.type": kind})
        if self and _State.sdk is not None:
            with suppress(Exception):
                _State.sdk.fail(self._recorded)

    def end(self) -> None:
        """End it; it is sent some time later."""
        if self:
            with suppress(Exception):
                self._recorded.end()

    @property
    def traceparent(self) -> str | None:
        """The header of the W3C's trace context with which others continue the trace."""
        if self and _State.sdk is not None:
            with suppress(Exception):
                return _State.sdk.traceparent(self._recorded)
        return None

    def current(self) -> AbstractContextManager[None]:
        """Let spans that begin in the block be its children, in its tasks and threads, too."""
        return _NOTHING if _State.sdk is None else self._as_current()

    @contextmanager
    def _as_current(self) -> Iterator[None]:
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)


NONE = Span()
_current: ContextVar[Span] = ContextVar("span", default=NONE)


def start(sdk: Sdk) -> None:
    """Record from now on."""
    _State.sdk = sdk


def stop() -> None:
    """Begin no more spans."""
    _State.sdk = None


def are_recorded() -> bool:
    """Whether an SDK was started."""
    return _State.sdk is not None


def current() -> Span:
    """Return the current span."""
    return _current.get()


def begin_request(name: str, traceparent: str | None) -> Span:
    """Begin the span of a request, in its client's trace if the header names one."""
    if _State.sdk is not None:
        with suppress(Exception):
            return Span(_State.sdk.begin_request(name, traceparent))
    return NONE


def begin(name: str, kind: Kind = "internal", values: Mapping[str, Value] | None = None) -> Span:
    """Begin a child of the current span; without one, return NONE.

    So what a server does by itself, all the time, makes no traces.
    """
    parent = _current.get()
    if parent and _State.sdk is not None:
        with suppress(Exception):
            span = Span(_State.sdk.begin(name, kind, parent._recorded))
            span.note(values or {})
            return span
    return NONE
