"""Reading one question, listing a hundred, and what a second worker gives."""

from __future__ import annotations

from functools import partial
from typing import Any

from benchmarks import cores, ours
from benchmarks.bench import Bench
from benchmarks.figures import Figure, from_rounds
from benchmarks.peers import starting
from benchmarks.provider import directive
from benchmarks.servers import Server

CONNECTIONS = 50
RATE = {"rate": ("requests", "req/s"), "p50": ("p50", "ms"), "p99": ("p99", "ms")}


def reading(server: Server) -> list[str]:
    """Return requests that read one question each, those of all users."""
    return [
        server.request("GET", f"/api/questions/{question}", x_access_token=user.token)
        for user in server.users
        for question in user.questions
    ]


def listing(server: Server, query: str = "limit=100") -> list[str]:
    """Return requests for a page of questions, one for each user."""
    path = f"/api/users/me/questions?{query}"
    return [server.request("GET", path, x_access_token=user.token) for user in server.askers]


def closed(
    bench: Bench, server: Server, requests: list[str], connections: int, **more: Any
) -> dict[str, Any]:
    """Send requests over some connections, one at a time over each."""
    group = {
        "kind": "closed",
        "server": server.address,
        "requests": requests,
        "connections": connections,
        "seconds": bench.pick(3, 1),
    }
    return bench.load(all=group | more)["all"]


def read(bench: Bench) -> list[Figure]:
    """One question by its id, with 50 connections."""
    servers = bench.ours(starting.EXPRESS)
    for kind in bench.kinds:
        of_ours = servers[f"askcli, {kind}"]
        floor = starting.floor(bench, kind, of_ours)
        servers[floor.name] = floor
    return _measured(bench, "Read one question", servers, reading)


def list_(bench: Bench) -> list[Figure]:
    """A hundred questions, with 50 connections."""
    return _measured(bench, "List 100 questions", bench.ours(starting.EXPRESS), listing)


def _measured(bench: Bench, name: str, servers: dict[str, Server], make: Any) -> list[Figure]:
    measures = {
        subject: partial(closed, bench, server, make(server), CONNECTIONS)
        for subject, server in servers.items()
    }
    return from_rounds(name, RATE, bench.interleaved(measures), starting.EXPRESS)


def workers(bench: Bench) -> list[Figure]:
    """One worker and two, which have all cores and share them with what loads them."""
    figures = []
    for kind in bench.kinds:
        servers = {
            f"askcli, {kind}, {count} worker{'s' * (count > 1)}": _with_workers(bench, kind, count)
            for count in (1, 2)
        }
        first = next(iter(servers))
        for name, make in (("Reads", reading), ("Asks", _asking)):
            measures = {
                subject: partial(closed, bench, server, make(server), CONNECTIONS, seconds=1.5)
                for subject, server in servers.items()
            }
            rounds = bench.interleaved(measures)
            figures += from_rounds(f"{name} with two workers, {kind}", RATE, rounds, first)
        for server in servers.values():
            server.stop()
    return figures


def _with_workers(bench: Bench, kind: str, count: int) -> Server:
    url = bench.databases.new(kind)
    flags = ("--workers", str(count))
    return bench.filled(ours.start(bench, kind, url, *flags, on=cores.ANY))


def _asking(server: Server) -> list[str]:
    return server.asks(directive(delay=0.02))
