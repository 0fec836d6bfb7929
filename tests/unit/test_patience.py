"""Time-outs of many short waits: each has its own, all have one timer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from askcli.services.runs.waits import Patience

SHORT, LONG = 0.01, 60.0


def run(scenario: Any) -> Any:
    async def in_time() -> Any:
        async with asyncio.timeout(30):
            return await scenario()

    return asyncio.run(in_time())


def now() -> float:
    return asyncio.get_running_loop().time()


async def until_after(time: float) -> None:
    """Wait until what was due at this time has been done."""
    is_due = asyncio.Event()
    asyncio.get_running_loop().call_at(time + 5 * SHORT, is_due.set)
    await is_due.wait()


def test_a_wait_that_takes_too_long_ends_after_others_that_did_not() -> None:
    async def scenario() -> None:
        async with Patience() as patience:
            for _ in range(3):
                patience.begin(now() + LONG)
                await asyncio.sleep(0)
                patience.end()
            patience.begin(now() + SHORT)  # earlier than the timer's time
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        run(scenario)


def test_a_wait_has_its_own_time_after_one_whose_time_is_over() -> None:
    async def scenario() -> str:
        async with Patience() as patience:
            for _ in range(2):
                patience.begin(over := now() + SHORT)
                patience.end()
                await until_after(over)  # of what comes between two waits
            patience.begin(now() + LONG)
            await until_after(now())
            return "in time"

    assert run(scenario) == "in time"


def test_what_comes_when_its_time_is_up_has_come_in_time() -> None:
    async def scenario() -> str:
        async with Patience() as patience:
            patience.begin(now() - LONG)
            patience._look()  # before the wait goes on
            patience.end()
            await until_after(now())
            return "in time"

    assert run(scenario) == "in time"


def test_a_cancelled_wait_is_cancelled_and_not_late() -> None:
    async def wait() -> None:
        async with Patience() as patience:
            patience.begin(now() + LONG)
            await asyncio.Event().wait()

    async def scenario() -> None:
        waiting = asyncio.create_task(wait())
        await asyncio.sleep(0)
        waiting.cancel()
        await waiting

    with pytest.raises(asyncio.CancelledError):
        run(scenario)


def test_many_waits_have_one_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> int:
        loop, timers = asyncio.get_running_loop(), list[float]()
        call_at = loop.call_at

        def noted(when: float, *args: Any, **keywords: Any) -> asyncio.TimerHandle:
            timers.append(when)
            return call_at(when, *args, **keywords)

        monkeypatch.setattr(loop, "call_at", noted)
        async with Patience() as patience:
            for _ in range(100):
                patience.begin(now() + LONG)
                patience.end()
        return len(timers)

    assert run(scenario) == 1
