"""What is measured: each section returns figures, and can be run alone."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.bench import Bench
from benchmarks.figures import Figure
from benchmarks.sections import (
    asks,
    commands,
    growth,
    logins,
    reads,
    replicas,
    starts,
    streams,
)

Section = Callable[[Bench], list[Figure]]

# The seconds that each takes in a full run and in a quick one: one that does not fit in
# what is left is left out, and the report says so.
SECTIONS: dict[str, tuple[Section, int, int]] = {
    "read": (reads.read, 80, 30),
    "list": (reads.list_, 30, 4),
    "ask": (asks.ask, 60, 15),
    "one-ask": (asks.one_ask, 60, 8),
    "commands": (commands.commands, 75, 15),
    "streams": (streams.streams, 120, 18),
    "mixed": (logins.mixed, 20, 10),
    "replicas": (replicas.replicas, 36, 9),
    "starts": (starts.starts, 35, 12),
    "login": (logins.login, 30, 6),
    "streams-2000": (streams.two_workers, 80, 0),
    "workers": (reads.workers, 75, 0),
    "growth": (growth.growth, 75, 0),
}
