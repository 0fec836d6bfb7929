"""Many streams at 20 tokens a second, each stored: how late, how even, and how much memory."""

from __future__ import annotations

import secrets
import time
from typing import Any

from tests.support.people import new_user

from askcli.store.database import Database
from benchmarks import cores, ours
from benchmarks.bench import Bench
from benchmarks.figures import Figure, from_rounds
from benchmarks.peers import starting
from benchmarks.provider import directive
from benchmarks.servers import Server

RATE = 20
STREAMS_OF_A_USER = 60  # a process of ours lets a user have a hundred
STEP_SECONDS, SETTLE_SECONDS = 0.25, 1.0
TIMES = {
    "first_p50": ("first word after the provider's, p50", "ms"),
    "first_p99": ("first word after the provider's, p99", "ms"),
    "from_request_p99": ("first word after the request, p99", "ms"),
    "delta_p50": ("each word after the provider's, p50", "ms"),
    "delta_p99": ("each word after the provider's, p99", "ms"),
    "stall": ("longest stall", "ms"),
    "refused": ("asks refused with 503, sent again after a second", "asks"),
    "provider_stall": ("the provider's own longest stall", "ms"),
}
MEMORY = {
    "idle": ("memory idle", "MiB"),
    "a_stream": ("memory a stream", "KiB"),
    "after": ("memory after", "MiB"),
}


def group(server: Server, count: int, seconds: float, ramp: float) -> dict[str, Any]:
    """Return a group of streams for the load generator."""
    deltas = round(seconds * RATE)
    question = directive(delay=0.02, rate=RATE, count=deltas)
    with_users(server, -(-count // STREAMS_OF_A_USER))
    return {
        "kind": "streams",
        "server": server.address,
        "requests": server.asks(question, "text/event-stream"),
        "connections": count,
        "ramp": ramp,
        "deltas": deltas,
    }


def with_users(server: Server, count: int) -> None:
    """See that a server has so many users; those of ours are put into the database."""
    missing = count - len(server.users)
    if not server.database:
        server.add_users(missing if server.stores else 0)
        return
    database = Database(server.database)
    emails = [f"{secrets.token_hex(8)}@example.org" for _ in range(missing)]
    with database.transaction() as connection:
        for email in emails:
            new_user(connection, email)
    database.close()
    for email in emails:
        server.log_in(email)


def streams(bench: Bench) -> list[Figure]:
    """1,000 streams in one process (200 in a quick run)."""
    servers = bench.ours(starting.EXPRESS, starting.PASSTHROUGH)
    if bench.is_quick:
        servers.pop(starting.PASSTHROUGH, None)
    count = bench.pick(1000, 200)
    # One round each: it is long, and the worst of a thousand is what counts.
    rounds = {name: [measured(bench, server, count)] for name, server in servers.items()}
    return from_rounds(f"{count:,} streams", TIMES | MEMORY, rounds, starting.EXPRESS)


def two_workers(bench: Bench) -> list[Figure]:
    """2,000 streams in two workers, which share both cores with the generator."""
    rounds = {}
    for kind in bench.kinds:
        url = bench.databases.new(kind)
        # Asks load the SDK in both, which is no stream's memory.
        server = bench.filled(ours.start(bench, kind, url, "--workers", "2", on=cores.ANY))
        rounds[f"askcli, {kind}"] = [measured(bench, server, 2000)]
        server.stop()
    return from_rounds("2,000 streams, two workers", TIMES | MEMORY, rounds)


def measured(bench: Bench, server: Server, count: int) -> dict[str, Any]:
    """Run streams against a server, and watch its memory."""
    idle = peak = server.megabytes()
    seconds, ramp = bench.pick((15, 10), (3, 1))
    load = bench.start_load(all=group(server, count, seconds, ramp))
    while load.is_running():
        peak = max(peak, server.megabytes())
        time.sleep(STEP_SECONDS)
    result = load.result()["all"]
    time.sleep(SETTLE_SECONDS)
    memory = {"idle": idle, "a_stream": (peak - idle) * 1024 / count, "after": server.megabytes()}
    return result | memory
