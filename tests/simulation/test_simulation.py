"""Nights in which everything goes wrong, and nothing may be lost: docs/simulation.md explains."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.simulation import night
from tests.simulation.plan import draw, loads
from tests.support.soak import SOAK

ROOT = Path(__file__).parents[2]
FAILED = Path(__file__).parent / "failed"
NIGHTS = 4000 if SOAK else 150
GROUPS = 4


@pytest.mark.parametrize("group", range(GROUPS))
def test_nothing_is_lost_in_any_night(group: int) -> None:
    for seed in range(group, NIGHTS, GROUPS):
        result = night.run(draw(seed))
        story = "\n".join(result.story)
        assert not result.wrong, f"{story}\n.venv/bin/python -m tests.simulation {seed}"


@pytest.mark.parametrize("name", sorted(path.name for path in FAILED.iterdir()))
def test_a_night_that_has_failed_once_fails_no_more(name: str) -> None:
    """As it was drawn then: a seed is another night once there are other faults to draw."""
    result = night.run(loads((FAILED / name).read_text()))
    assert not result.wrong, f"python -m tests.simulation --plan tests/simulation/failed/{name}"


def test_what_a_night_has_left_open_is_not_in_the_next_one() -> None:
    database = night.on_sqlite()
    night.run(draw(0))
    with closing(sqlite3.connect(database.url.removeprefix("sqlite:///"))) as left_open:
        left_open.execute("SELECT 1 FROM questions").fetchall()
        assert not night.run(draw(1)).wrong


def test_a_seed_is_the_same_night_every_time() -> None:
    first, second = night.run(draw(15)), night.run(draw(15))
    assert "the night is over" in "\n".join(first.story)
    assert (first.trace, first.story) == (second.trace, second.story)


@pytest.mark.skipif(not SOAK, reason="starts an interpreter: two seconds")
def test_a_seed_is_the_same_night_in_every_process() -> None:
    story = "\n".join(night.run(draw(15)).story)
    command = [sys.executable, "-m", "tests.simulation", "15"]
    hash_seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    variables = {**os.environ, "PYTHONHASHSEED": hash_seed}  # another order of sets
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, check=False)
    assert done.stdout.decode().startswith(f"{story}\nthe plan: ")


def test_a_plan_can_be_written_down() -> None:
    plan = draw(7)
    assert loads(plan.dumps()) == plan
