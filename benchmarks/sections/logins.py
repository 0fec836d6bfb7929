"""Logins, which are slow by intention, and what they leave for everybody else."""

from __future__ import annotations

from functools import partial
from typing import Any

from benchmarks.bench import Bench
from benchmarks.figures import Figure, from_rounds
from benchmarks.sections import streams
from benchmarks.sections.reads import listing, reading
from benchmarks.servers import PASSWORD, Server

STREAMS = 200


def login(bench: Bench) -> list[Figure]:
    """Reads, ten a second over each of four connections, alone and beside twenty logins at once."""
    servers = bench.ours()
    rounds = bench.interleaved(
        {name: partial(_beside, bench, server) for name, server in servers.items()}
    )
    names = {
        "logins": ("logins", "req/s"),
        "refused": ("logins refused with 503", "req/s"),
        "alone": ("reads alone, p99", "ms"),
        "beside": ("reads meanwhile, p99", "ms"),
    }
    return from_rounds("Login storm", names, rounds)


def _beside(bench: Bench, server: Server) -> dict[str, Any]:
    seconds = bench.pick(2, 1.5)
    reads = _paced(server, reading(server), 4, seconds)
    alone = bench.load(reads=reads)
    both = bench.load(reads=reads, logins=_storm(server, seconds))
    return {
        "logins": both["logins"]["rate"],
        "refused": both["logins"]["refused"],
        "alone": alone["reads"]["p99"],
        "beside": both["reads"]["p99"],
    }


def mixed(bench: Bench) -> list[Figure]:
    """A login storm, searches, reads and 200 streams at once."""
    rounds = {name: [_mixed(bench, server)] for name, server in bench.ours().items()}
    names = {
        "first_p99": ("streams: first word after the provider's, p99", "ms"),
        "stall": ("streams: longest stall", "ms"),
        "logins": ("logins", "req/s"),
        "searches": ("searches, p99", "ms"),
        "reads": ("reads, p99", "ms"),
    }
    return from_rounds("Mixed load", names, rounds)


def _mixed(bench: Bench, server: Server) -> dict[str, Any]:
    seconds = bench.pick(8, 4)
    done = bench.load(
        streams=streams.group(server, STREAMS, seconds, 1),
        logins=_storm(server, seconds),
        searches=_paced(server, listing(server, "search=delay&limit=20"), 4, seconds),
        reads=_paced(server, reading(server), 4, seconds),
    )
    times = {name: done["streams"][name] for name in ("first_p99", "stall")}
    p99 = {name: done[name]["p99"] for name in ("searches", "reads")}
    return times | p99 | {"logins": done["logins"]["rate"]}


def _storm(server: Server, seconds: float) -> dict[str, Any]:
    """Return twenty connections that log in all the time."""
    path = "/api/auth/login"
    bodies = [{"email": user.email, "password": PASSWORD} for user in server.askers]
    requests = [server.request("POST", path, body) for body in bodies]
    # More than a server hashes at once are refused, by intention.
    return _group(server, requests, 20, seconds) | {"interval": 0.1, "allowed": ["503"]}


def _paced(server: Server, requests: list[str], count: int, seconds: float) -> dict[str, Any]:
    """Return connections that send ten requests a second each."""
    return _group(server, requests, count, seconds) | {"interval": 0.1}


def _group(server: Server, requests: list[str], count: int, seconds: float) -> dict[str, Any]:
    return {
        "kind": "closed",
        "server": server.address,
        "requests": requests,
        "connections": count,
        "seconds": seconds,
    }
