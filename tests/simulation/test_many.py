"""Many nights in several processes: each is run, compared with itself, and counted."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.simulation.many import Ended, Run, WorkerDied, ended, opened
from tests.simulation.night import Night
from tests.simulation.plan import Plan
from tests.simulation.summary import Summary
from tests.support.soak import SOAK

ROOT = Path(__file__).parents[2]
LONG = pytest.mark.skipif(not SOAK, reason="starts several interpreters: six seconds")


@contextmanager
def of_this_process() -> Iterator[Run]:
    """Nights whose trace is the process that runs them."""
    yield lambda plan: Night(plan, [], [], trace=str(os.getpid()))


def _die(_: Plan) -> Night:
    os._exit(1)


@contextmanager
def dying() -> Iterator[Run]:
    yield _die


@LONG
def test_each_seed_is_run_once_in_some_process() -> None:
    nights = list(ended(range(5), 2, of_this_process))
    assert sorted(night.seed for night in nights) == [0, 1, 2, 3, 4]
    assert len({night.trace for night in nights}) == 2


@LONG
def test_a_seed_that_is_run_twice_is_run_in_two_processes() -> None:
    nights = list(ended(range(3), 1, of_this_process, times=2))
    assert sorted(night.seed for night in nights) == [0, 0, 1, 1, 2, 2]
    assert len({(night.seed, night.trace) for night in nights}) == 6


@LONG
def test_a_worker_that_dies_is_missed() -> None:
    with pytest.raises(WorkerDied, match="with 2 nights to go"):
        list(ended(range(2), 1, dying))


@LONG
def test_a_night_has_the_same_trace_in_two_processes() -> None:
    first, second = ended([15], 2, partial(opened, None, None), times=2)
    assert len(first.trace) == 128
    assert (first.trace, first.counts) == (second.trace, second.counts)


@LONG
def test_the_command_runs_nights_and_says_what_they_reached() -> None:
    command = [sys.executable, "-m", "tests.simulation", "1", "--count", "4", "--jobs", "2"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("4 nights, 0 fail; ")
    for line in ("faults:", "audit:", "run: ", "session: ", "(none) -> live"):
        assert line in done.stdout


def night_of(seed: int, trace: str, counts: dict[str, int], *wrong: str) -> Ended:
    return Ended(seed, list(wrong), trace, Counter(counts), cpu_seconds=2.0)


def test_a_seed_with_two_traces_is_a_failure() -> None:
    summary = Summary()
    assert summary.add(night_of(1, "trace", {})) is None
    assert summary.add(night_of(2, "another trace", {})) is None
    assert summary.add(night_of(1, "another trace", {})) == (
        "it was another night in another process"
    )
    assert (summary.nights, summary.failed) == (3, 1)


def test_the_summary_has_sums_of_all_nights() -> None:
    summary = Summary()
    summary.add(night_of(1, "trace", {"faults: kill": 2, "run: queued -> answering": 1}))
    summary.add(night_of(2, "another trace", {"faults: kill": 1}, "it is wrong"))
    lines = list(summary.lines(1.0))
    assert lines[0] == "2 nights, 1 fail; 2.0 a second, 4 CPU seconds, 0.5 a CPU second"
    assert lines[1:3] == ["faults:", "         3 kill"]
    assert "run: 1 of 20 steps" in lines
