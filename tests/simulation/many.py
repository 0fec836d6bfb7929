"""Many nights, in several processes: what each has come to, in the order in which they end."""

from __future__ import annotations

import multiprocessing
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection, wait
from typing import Any

from tests.simulation import night
from tests.simulation.databases import Postgres
from tests.simulation.night import Night
from tests.simulation.plan import Plan, draw
from tests.simulation.planted import BUGS
from tests.support.memory import use_memory_for_temporary_files

Run = Callable[[Plan], Night]
# Makes what runs nights in a process, with a database of its own. It is pickled.
Opening = Callable[[], AbstractContextManager[Run]]


@dataclass(frozen=True)
class Ended:
    """A night that has ended in a worker; its trace is a digest of all that happened."""

    seed: int
    wrong: list[str]
    trace: str
    counts: Counter[str]
    cpu_seconds: float


@contextmanager
def opened(server: str | None, bug: str | None) -> Iterator[Run]:
    """Yield what runs nights, on a database of this process' own."""
    use_memory_for_temporary_files()
    databases = Postgres(server) if server else night.on_sqlite()
    try:
        with BUGS[bug]() if bug else night.correct():
            yield partial(night.run, databases=databases)
    finally:
        night.forget()
        if server:
            databases.close()


class WorkerDied(Exception):
    """A worker has ended before its nights."""


def ended(seeds: Sequence[int], jobs: int, opening: Opening, times: int = 1) -> Iterator[Ended]:
    """Run each seed so many times, each time in another process; yield what comes of it.

    There are never fewer processes than times. Raises WorkerDied.
    """
    jobs = max(jobs, times)
    # Each interpreter starts anew: hashes of strings are others in each.
    context = multiprocessing.get_context("spawn")
    workers, open_ends = list[Any](), dict[Any, int]()
    for number in range(jobs):
        own = [seed for time_ in range(times) for seed in seeds[(number + time_) % jobs :: jobs]]
        here, there = context.Pipe(duplex=False)
        worker = context.Process(target=_work, args=(own, opening, there), daemon=True)
        worker.start()
        there.close()
        workers.append(worker)
        open_ends[here] = len(own)
    try:
        yield from _received(open_ends)
    finally:
        for end in open_ends:
            end.close()  # a worker that is not done finds nobody to tell
        for worker in workers:
            worker.join()


def _received(open_ends: dict[Any, int]) -> Iterator[Ended]:
    """Yield what comes, until as many have come through each pipe as it says."""
    while left := [end for end, count in open_ends.items() if count]:
        for end in wait(left):
            assert isinstance(end, Connection)
            try:
                one: Ended = end.recv()
            except EOFError:
                raise WorkerDied(f"a worker died with {open_ends[end]} nights to go") from None
            open_ends[end] -= 1
            yield one


def _work(seeds: Sequence[int], opening: Opening, results: Connection) -> None:
    """Run these seeds, in a process of its own."""
    with opening() as run:
        for seed in seeds:
            began = time.process_time()
            result = run(draw(seed))
            spent = time.process_time() - began
            try:
                results.send(Ended(seed, result.wrong, result.trace, result.counts, spent))
            except BrokenPipeError:
                return
