"""Runs nights: one with its story, or many with their figures.

`python -m tests.simulation SEED` tells the night of a seed. `--count` runs so many from that seed
on, `--shrink` looks for a shorter plan that still fails, `--plan` runs a plan of such a file,
`--situation` the night that was made for a planted bug.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psycopg

from tests.simulation import night
from tests.simulation.databases import Databases, Postgres
from tests.simulation.night import Night
from tests.simulation.plan import Plan, draw, loads
from tests.simulation.planted import BUGS
from tests.simulation.shrink import shortest
from tests.simulation.situations import SITUATIONS
from tests.support.databases import postgres_in

PROGRESS_SECONDS = 1.0

Run = Callable[[Plan], Night]

cpu, wall = time.process_time, time.perf_counter


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("seed", type=int, nargs="?", default=0)
    parser.add_argument("--count", type=int, default=1, help="nights to run")
    parser.add_argument("--shrink", action="store_true", help="drop faults while it fails")
    parser.add_argument("--plan", type=Path, help="a file with a plan as JSON")
    parser.add_argument("--situation", choices=sorted(SITUATIONS), help="of this planted bug")
    parser.add_argument("--postgres", action="store_true", help="on a PostgreSQL of their own")
    parser.add_argument("--bug", choices=sorted(BUGS), help="with a planted bug")
    options = parser.parse_args()
    bug = BUGS[options.bug]() if options.bug else night.correct()
    with _databases(is_postgres=options.postgres) as databases, bug:
        run, also = partial(night.run, databases=databases), " --postgres" * options.postgres
        if options.count > 1:
            return _many(range(options.seed, options.seed + options.count), run, also)
        plan = _plan(options)
        return _one(shortest(plan, run) if options.shrink else plan, run)


def _plan(options: argparse.Namespace) -> Plan:
    if options.situation:
        return SITUATIONS[options.situation]
    return loads(options.plan.read_text()) if options.plan else draw(options.seed)


@contextmanager
def _databases(*, is_postgres: bool) -> Iterator[Databases]:
    if not is_postgres:
        yield night.on_sqlite()
        return
    # Not in memory: PostgreSQL, which never runs as root, must be able to enter it.
    with tempfile.TemporaryDirectory(prefix="askcli-nights-") as base:
        Path(base).chmod(0o755)
        server = postgres_in(Path(base), "delete")
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
        databases = Postgres(server.get_uri())
        try:
            yield databases
        finally:
            night.forget()
            databases.close()
            server.cleanup()


def _one(plan: Plan, run: Run) -> int:
    result = run(plan)
    print(*result.story, sep="\n")
    print(f"the plan: {plan.dumps()}")
    print(*result.wrong or ["nothing is wrong"], sep="\n")
    return int(bool(result.wrong))


def _many(seeds: range, run: Run, also: str) -> int:
    """`also` are the options with which a seed that fails is to be run again."""
    counts, failed = Counter[str](), list[Night]()
    begin, began, told = cpu(), wall(), wall()
    for number, seed in enumerate(seeds, 1):
        result = run(draw(seed))
        counts += result.counts
        if result.wrong:
            failed.append(result)
            print(f"\nseed {seed}: {result.wrong[0]}")
            print(f"  .venv/bin/python -m tests.simulation {seed}{also}")
        if wall() - told > PROGRESS_SECONDS or number == len(seeds):
            told = wall()
            done = "#" * (30 * number // len(seeds))
            rate = number / (told - began)
            sys.stderr.write(
                f"\r[{done:30}] {number} nights, {rate:.1f} a second, {len(failed)} fail"
            )
            sys.stderr.flush()
    sys.stderr.write("\n")
    print(
        f"{len(seeds)} nights, {len(failed)} fail, {len(seeds) / (cpu() - begin):.1f} a CPU second"
    )
    print(*(f"{count:8} {name}" for name, count in sorted(counts.items())), sep="\n")
    return int(bool(failed))


if __name__ == "__main__":
    try:
        sys.exit(main())
    finally:
        night.forget()
