"""Growth: the same requests at a thousand, a hundred thousand and a million stored questions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks import ours
from benchmarks.bench import Bench
from benchmarks.figures import Figure, from_rounds
from benchmarks.provider import directive
from benchmarks.sections.reads import closed, listing, reading
from benchmarks.servers import Server
from benchmarks.stored import ALL_HAVE, FEW_HAVE, stored

SIZES = (1_000, 100_000, 1_000_000)
CONNECTIONS = 4
MEASURING_SECONDS = 90  # what one database takes, without storing


def growth(bench: Bench) -> list[Figure]:
    """One user's list, read, ask and searches, p50 in ms with four connections."""
    figures = []
    for kind in bench.kinds:
        servers: dict[str, Server] = {}
        for size in bench.pick(SIZES, SIZES[:1]):
            server = _with_questions(bench, kind, size)
            if server is None:
                bench.note(f"{size:,} questions on {kind} were left out: no time was left.")
                break
            servers[f"{kind}, {size:,}"] = server
        figures += _measured(bench, kind, servers)
        for server in servers.values():
            server.stop()
    return figures


def _with_questions(bench: Bench, kind: str, size: int) -> Server | None:
    """Return a server whose user has so many questions; None when there is no time for it."""
    data = stored(bench.databases, kind, size, seconds=bench.left() - MEASURING_SECONDS)
    if data is None:
        return None
    server = ours.start(bench, kind, data.url)
    server.log_in(data.email).questions = data.ids
    return server


def _measured(bench: Bench, kind: str, servers: dict[str, Server]) -> list[Figure]:
    names = {"p50": ("p50", "ms"), "p99": ("p99", "ms")}
    figures = []
    makers: dict[str, Callable[[Server], list[str]]] = {
        "list 100": listing,
        "read": reading,
        "ask": lambda s: s.asks(directive(delay=0.02)),
        "search for a word in few": lambda s: listing(s, f"search={FEW_HAVE}&limit=20"),
        "search for a word in all": lambda s: listing(s, f"search={ALL_HAVE}&limit=20"),
        "search for two words in all": lambda s: listing(s, f"search={ALL_HAVE}%20answer&limit=20"),
    }
    for what, make in makers.items():
        # A search is ended after two seconds, with 503.
        allowed = ["503"] if "search" in what else []
        more: dict[str, Any] = {"seconds": 0.8, "allowed": allowed}
        rounds = bench.interleaved(
            {
                name: partial(closed, bench, server, make(server), CONNECTIONS, **more)
                for name, server in servers.items()
            }
        )
        for name, results in rounds.items():
            if any(result["refused"] for result in results):
                bench.note(f"{what}, {name}: some took over two seconds and got 503.")
        figures += from_rounds(f"Growth, {kind}: {what}", names, rounds, f"{kind}, 1,000")
    return figures
