"""A fault hits between any two steps of a replica, and at each of its COMMITs."""

from __future__ import annotations

import asyncio

import pytest

from tests.simulation import night
from tests.simulation.loop import Process
from tests.simulation.plan import DETAILS, Action, Fault, Plan
from tests.simulation.world import Clock, World
from tests.support.soak import SOAK

ASKS = (Action("ask", 0.1), Action("ask", 7.0))  # with a refresh between them
FIRST_HAS_ALL = Fault("kill", 0.0, 1, 0.7)
SEED = 4  # with which the second ask comes to the first replica, too
SECONDS = {"kill": 0.3, "stop": 12.0, "cut": 0.0}  # stopped for longer than an orphan's time
MOST_STEPS, MOST_COMMITS = 400, 24
# Of a step in so many: the next one is another's.
EVERY = 1 if SOAK else 200


@pytest.mark.parametrize("steps", range(1, 9))
def test_a_process_is_killed_between_any_two_awaits(steps: int) -> None:
    world, done = World(0), list[int]()
    process = Process(world, "replica", Clock())

    async def work() -> None:
        for number in range(10):
            done.append(number)
            await asyncio.sleep(0)

    working = work()
    process.spawn(working)
    process.after_steps(steps, process.die)
    world.run(1.0)
    assert len(done) == steps - 1  # the first one starts the task
    working.close()  # at the first step it is killed unstarted, of which Python would warn
    process.loop._ready.clear()
    process.loop.close()


def hit(fault: Fault) -> bool:
    """Let one user ask, and the replica that has all connections be hit; return whether it was."""
    plan = Plan(SEED, 2, 1, (1.0, 1.0), ((0, ASKS),), (FIRST_HAS_ALL, fault), None)
    result = night.run(plan)
    story = "\n".join([*result.story, plan.dumps()])
    assert not result.wrong, "\n".join([story, *result.wrong])
    return f"fault: {fault.kind} of replica-1" in story or "COMMIT is lost" in story


@pytest.mark.parametrize("kind", SECONDS)
def test_nothing_is_lost_at_any_step(kind: str) -> None:
    hits = [
        hit(Fault(kind, 0.5, 0, SECONDS[kind], steps=steps))
        for steps in range(1 + EVERY // 2, MOST_STEPS, EVERY)
    ]
    assert sum(hits) > len(hits) // 3


@pytest.mark.parametrize("detail", DETAILS["commit"])
def test_nothing_is_lost_at_any_commit(detail: str) -> None:
    hits = [
        hit(Fault("commit", 0.5, 0, 0.0, detail, steps))
        for steps in range(0, MOST_COMMITS, 1 + EVERY // 12)
    ]
    assert sum(hits) > len(hits) // 3
