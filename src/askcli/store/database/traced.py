"""Spans of units of work: their kind, the function that works, and how it has ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from inspect import unwrap
from typing import Any

from askcli.errors import DatabaseUnavailable
from askcli.traces import spans
from askcli.traces.spans import Span


@contextmanager
def unit_span(dialect: str, kind: str, work: Callable[..., Any]) -> Iterator[None]:
    """Record the unit that runs in the block; its thread inherits the current span."""
    module, name = _name(work)
    values = {
        "db.system.name": dialect,
        "askcli.unit.kind": kind,
        "code.function.name": f"{module}.{name}",
    }
    span = spans.begin(f"{kind} {module.rpartition('.')[2]}.{name}", "client", values)
    try:
        with span.current():
            yield
    except BaseException as error:
        _note(span, error)
        raise
    finally:
        span.end()


def _name(work: Callable[..., Any]) -> tuple[str, str]:
    """Return the module and the name of a function, whatever is bound to it or around it."""
    while True:
        inner = work.func if isinstance(work, partial) else unwrap(work)
        if inner is work:
            return work.__module__, getattr(work, "__qualname__", type(work).__name__)
        work = inner


def _note(span: Span, error: BaseException) -> None:
    """Note the error; it has failed where the database has not taken it, as metrics count it."""
    kind = type(error).__name__
    if isinstance(error, DatabaseUnavailable):
        span.fail(kind)
    else:
        span.note({"error.type": kind})
