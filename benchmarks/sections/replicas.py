"""Answers that are followed on another server of the same PostgreSQL."""

from __future__ import annotations

from typing import Any

from benchmarks import ours
from benchmarks.bench import Bench
from benchmarks.figures import Figure, from_rounds
from benchmarks.sections import streams
from benchmarks.servers import Server

STREAMS = 20
NAMES = {
    "first_p99": ("first word after the provider's, p99", "ms"),
    "delta_p50": ("each word after the provider's, p50", "ms"),
    "delta_p99": ("each word after the provider's, p99", "ms"),
    "stall": ("longest stall", "ms"),
}


def replicas(bench: Bench) -> list[Figure]:
    """20 answers of one server, each followed on another."""
    if "PostgreSQL" not in bench.kinds:
        return []
    one = bench.ours()["askcli, PostgreSQL"]
    other = ours.start(bench, "PostgreSQL", one.database)
    other.users = one.users
    subjects = {
        "followed where it runs": lambda: _measured(bench, one, None),
        "followed on another server": lambda: _measured(bench, one, other),
    }
    rounds = bench.interleaved(subjects)
    other.stop()
    return from_rounds("Across replicas, PostgreSQL", NAMES, rounds, "followed where it runs")


def _measured(bench: Bench, server: Server, other: Server | None) -> dict[str, Any]:
    group = streams.group(server, STREAMS, bench.pick(5, 3), 0.5)
    if other:
        path = "/api/questions/ID/events"
        group["follow"] = {
            "server": other.address,
            "requests": [
                other.request("GET", path, x_access_token=user.token) for user in other.users
            ],
        }
    return bench.load(all=group)["all"]
