"""Asking: many at once, and one at a time."""

from __future__ import annotations

from functools import partial
from typing import Any

from benchmarks.bench import Bench
from benchmarks.figures import Figure, from_rounds
from benchmarks.peers import starting
from benchmarks.provider import directive
from benchmarks.sections.reads import CONNECTIONS, RATE, closed
from benchmarks.servers import Server

PROVIDER_SECONDS = 0.02
SERVERS = (starting.EXPRESS, starting.LITELLM, starting.PASSTHROUGH)


def ask(bench: Bench) -> list[Figure]:
    """Asks with 50 connections; the provider takes 20 ms."""
    servers = bench.ours(*SERVERS)
    rounds = bench.interleaved(
        {name: partial(_asked, bench, server) for name, server in servers.items()}
    )
    names = RATE | {"memory": ("memory", "MiB")}
    return from_rounds("Ask, 50 at once", names, rounds, starting.EXPRESS)


def _asked(bench: Bench, server: Server) -> dict[str, Any]:
    result = closed(bench, server, _requests(server), CONNECTIONS)
    return result | {"memory": server.megabytes()}


def one_ask(bench: Bench) -> list[Figure]:
    """One ask at a time: what a server adds to the provider's 20 ms."""
    servers = bench.ours(*SERVERS, "provider")
    rounds = bench.interleaved(
        {
            name: partial(closed, bench, server, _requests(server), 1)
            for name, server in servers.items()
        }
    )
    for one in (one for them in rounds.values() for one in them):
        one |= {key: one[key] - PROVIDER_SECONDS * 1000 for key in ("p50", "p99")}
    names = {"p50": ("p50 over the provider's 20", "ms"), "p99": ("p99 over it", "ms")}
    return from_rounds("One ask at a time", names, rounds, starting.EXPRESS)


def _requests(server: Server) -> list[str]:
    return server.asks(directive(delay=PROVIDER_SECONDS))
