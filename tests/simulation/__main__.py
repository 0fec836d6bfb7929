"""Runs nights: one with its story, or many with their figures.

`python -m tests.simulation SEED` tells the night of a seed. `--count` runs so many from that seed
on, in `--jobs` processes, and `--twice` each of them in two of these, whose traces must be the
same. `--shrink` looks for a shorter plan that still fails, `--plan` runs a plan of such a file,
`--situation` the night of this number, 0 to 3, that was made for a planted bug.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psycopg

from tests.simulation.many import Opening, Run, ended, opened
from tests.simulation.plan import Plan, draw, loads
from tests.simulation.planted import BUGS
from tests.simulation.shrink import shortest
from tests.simulation.situations import SITUATIONS, in_situation
from tests.simulation.summary import Summary
from tests.support.databases import postgres_in

PROGRESS_SECONDS = 1.0

wall = time.perf_counter


def main() -> int:
    options = _options()
    with _server(is_postgres=options.postgres) as server:
        opening = partial(opened, server, options.bug)
        if options.count > 1 or options.twice:
            return _many(options, opening)
        with opening() as run:
            plan = _plan(options)
            return _one(shortest(plan, run) if options.shrink else plan, run)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("seed", type=int, nargs="?", default=0)
    parser.add_argument("--count", type=int, default=1, help="nights to run")
    parser.add_argument("--jobs", type=int, default=_cpus(), help="processes to run them in")
    parser.add_argument("--twice", action="store_true", help="compare each with itself")
    parser.add_argument("--shrink", action="store_true", help="drop faults while it fails")
    parser.add_argument("--plan", type=Path, help="a file with a plan as JSON")
    parser.add_argument("--situation", choices=sorted(SITUATIONS), help="of this planted bug")
    parser.add_argument("--postgres", action="store_true", help="on a PostgreSQL of their own")
    parser.add_argument("--bug", choices=sorted(BUGS), help="with a planted bug")
    return parser.parse_args()


def _cpus() -> int:
    """How many CPUs this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _plan(options: argparse.Namespace) -> Plan:
    if options.situation:
        return in_situation(options.situation, options.seed)
    return loads(options.plan.read_text()) if options.plan else draw(options.seed)


@contextmanager
def _server(*, is_postgres: bool) -> Iterator[str | None]:
    """Start a PostgreSQL and yield its URL; None for nights on SQLite."""
    if not is_postgres:
        yield None
        return
    # Not in memory: PostgreSQL, which never runs as root, must be able to enter it.
    with tempfile.TemporaryDirectory(prefix="askcli-nights-") as base:
        Path(base).chmod(0o755)
        server = postgres_in(Path(base), "delete")
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


def _one(plan: Plan, run: Run) -> int:
    result = run(plan)
    print(*result.story, sep="\n")
    print(f"the plan: {plan.dumps()}")
    print(*result.wrong or ["nothing is wrong"], sep="\n")
    return int(bool(result.wrong))


def _many(options: argparse.Namespace, opening: Opening) -> int:
    seeds = range(options.seed, options.seed + options.count)
    times = 2 if options.twice else 1
    summary = Summary()
    again = " --postgres" * options.postgres + (f" --bug {options.bug}" if options.bug else "")
    began = told = wall()
    for result in ended(seeds, options.jobs, opening, times):
        if failure := summary.add(result):
            print(f"\nseed {result.seed}: {failure}")
            print(f"  .venv/bin/python -m tests.simulation {result.seed}{again}")
        if wall() - told > PROGRESS_SECONDS:
            told = wall()
            _progress(summary, times * len(seeds), told - began)
    seconds = wall() - began
    _progress(summary, times * len(seeds), seconds)
    sys.stderr.write("\n")
    print(*summary.lines(seconds), sep="\n")
    return int(bool(summary.failed))


def _progress(summary: Summary, total: int, seconds: float) -> None:
    done, rate = "#" * (30 * summary.nights // total), summary.nights / seconds
    sys.stderr.write(
        f"\r[{done:30}] {summary.nights} nights, {rate:.1f} a second, {summary.failed} fail"
    )
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
