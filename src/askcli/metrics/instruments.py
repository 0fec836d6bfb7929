"""Kinds of metrics, which count nothing until they are started.

So what a client or a host's command uses of the store and the services loads no client library.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any


class Metric:
    """A metric; each combination of its labels' values is counted on its own.

    The values are words of the program or of its settings, never of a request: their number has a
    bound. Those that are `known` are shown before the first event.
    """

    _kind = ""

    def __init__(
        self,
        name: str,
        text: str,
        labels: Sequence[str] = (),
        known: Iterable[Sequence[str]] = (),
        **options: Any,
    ) -> None:
        self.name = name
        self._text = text
        self._labels = labels
        self._known = [tuple(values) for values in known]
        self._options = options
        self._counting: Any = None
        self._children: dict[tuple[str, ...], Any] = {}

    def start(self, library: Any, registry: Any) -> None:
        """Count from now on, with the client library's metric."""
        make = getattr(library, self._kind)
        self._children.clear()
        self._counting = make(
            self.name, self._text, self._labels, registry=registry, **self._options
        )
        for values in self._known:
            self._child(values)

    def _child(self, values: tuple[str, ...]) -> Any:
        child = self._children.get(values)
        if child is None:
            child = self._counting.labels(*values) if values else self._counting
            self._children[values] = child
        return child


class Counter(Metric):
    """Counts events, or adds up amounts."""

    _kind = "Counter"

    def add(self, *values: str, amount: float = 1) -> None:
        """Count an event with these values of its labels."""
        if self._counting is not None:
            self._child(values).inc(amount)


class Histogram(Metric):
    """Counts durations in buckets, `buckets` their upper bounds in seconds."""

    _kind = "Histogram"

    def observe(self, seconds: float, *values: str) -> None:
        """Count a duration."""
        if self._counting is not None:
            self._child(values).observe(seconds)


class Gauge(Metric):
    """A state of the moment; of all workers together its sum, or what `multiprocess_mode` says."""

    _kind = "Gauge"

    def __init__(self, *arguments: Any, multiprocess_mode: str = "livesum", **options: Any) -> None:
        super().__init__(*arguments, multiprocess_mode=multiprocess_mode, **options)

    def set(self, value: float, *values: str) -> None:
        """Set the state."""
        if self._counting is not None:
            self._child(values).set(value)
