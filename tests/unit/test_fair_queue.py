"""The queue for the model's slots: round-robin by user, bounded, safe to cancel."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from contextlib import ExitStack, suppress

import pytest
from hypothesis import given, strategies

from askcli.errors import ProviderOverloaded
from askcli.fair_queue import FairQueue, Place


def queue(slots: int = 1, waiting: int = 8, memory: int = 1000) -> FairQueue:
    return FairQueue(slots, waiting, ProviderOverloaded, memory)


async def hold(turns: FairQueue, user: str, order: list[str], release: asyncio.Event) -> None:
    with turns.reserve(user) as place:
        await place.slot()
        order.append(user)
        await release.wait()


async def settle() -> None:
    """Let every task that can go on do so."""
    for _ in range(10):
        await asyncio.sleep(0)


def run(test: Coroutine[object, object, None]) -> None:
    asyncio.run(test)


def test_as_many_as_there_are_slots_run_at_once() -> None:
    async def scenario() -> None:
        turns, order, release = queue(slots=2), list[str](), asyncio.Event()
        tasks = [asyncio.create_task(hold(turns, user, order, release)) for user in "aab"]
        await settle()
        assert (order, turns.waiting) == (["a", "a"], 1)
        release.set()
        await asyncio.gather(*tasks)
        assert (order, turns.waiting) == (["a", "a", "b"], 0)

    run(scenario())


def test_users_take_turns_whatever_they_have_queued() -> None:
    async def scenario() -> None:
        turns, order = queue(waiting=40), list[str]()
        gates = [asyncio.Event() for _ in "aaaabbc"]
        tasks = []
        for user, gate in zip("aaaabbc", gates, strict=True):
            tasks.append(asyncio.create_task(hold(turns, user, order, gate)))
            await settle()
        for gate in gates:
            gate.set()
        await asyncio.gather(*tasks)
        assert "".join(order) == "aabcaba"

    run(scenario())


def test_a_user_may_take_a_quarter_of_the_places_and_all_together_the_whole() -> None:
    async def scenario() -> None:
        turns, order, release = queue(waiting=8), list[str](), asyncio.Event()
        tasks = [asyncio.create_task(hold(turns, user, order, release)) for user in "aaa"]
        await settle()
        with pytest.raises(ProviderOverloaded):
            turns.reserve("a")
        tasks += [asyncio.create_task(hold(turns, user, order, release)) for user in "bbccdd"]
        await settle()
        assert turns.waiting == 8
        with pytest.raises(ProviderOverloaded):
            turns.reserve("b")
        release.set()
        await asyncio.gather(*tasks)
        assert turns.waiting == 0
        turns.reserve("a")

    run(scenario())


def test_a_newcomer_to_a_full_queue_takes_the_last_place_of_those_with_the_most() -> None:
    async def scenario() -> None:
        turns = queue(waiting=8)
        first = turns.reserve("x")
        places = {name: turns.reserve(name[0]) for name in ["a1", "b1", "b2", "c1", "c2", "d1"]}
        places |= {name: turns.reserve(name[0]) for name in ["d2", "a2"]}
        newcomer = turns.reserve("e")
        with pytest.raises(ProviderOverloaded):
            await asyncio.wait_for(places["d2"].slot(), 10)
        for user in "fgh":
            turns.reserve(user)
        with pytest.raises(ProviderOverloaded):
            turns.reserve("i")  # all have one
        assert turns.waiting == 8
        with places["d2"], places["c2"], places["b2"], places["a2"]:
            pass
        assert turns.waiting == 8  # a lost place is left once, and no slot with it
        with first:
            pass
        for name in ["a1", "b1", "c1", "d1"]:
            with places[name]:
                await asyncio.wait_for(places[name].slot(), 10)
        await asyncio.wait_for(newcomer.slot(), 10)

    run(scenario())


def test_one_user_leaves_a_quarter_of_the_slots_to_others() -> None:
    async def scenario() -> None:
        turns, order, release = queue(slots=4, waiting=40), list[str](), asyncio.Event()
        tasks = [asyncio.create_task(hold(turns, user, order, release)) for user in "aaaaab"]
        await settle()
        assert (order, turns.waiting) == (["a", "a", "a", "b"], 2)
        tasks[0].cancel()
        await settle()
        assert (order[4:], turns.waiting) == (["a"], 1)
        release.set()
        await asyncio.gather(*tasks[1:])
        assert (order[5:], turns.waiting) == (["a"], 0)
        assert turns._held == {}

    run(scenario())


def test_a_cancelled_request_leaves_the_queue() -> None:
    async def scenario() -> None:
        turns, order, release = queue(), list[str](), asyncio.Event()
        first, second, third = (
            asyncio.create_task(hold(turns, user, order, release)) for user in "abc"
        )
        await settle()
        second.cancel()
        await settle()
        assert turns.waiting == 1
        release.set()
        await asyncio.gather(first, third)
        assert order == ["a", "c"]

    run(scenario())


def test_a_slot_granted_in_the_moment_of_a_cancellation_goes_to_the_next() -> None:
    async def scenario() -> None:
        turns, order = queue(), list[str]()
        gates = [asyncio.Event() for _ in range(3)]
        tasks = [
            asyncio.create_task(hold(turns, user, order, gate))
            for user, gate in zip("abc", gates, strict=True)
        ]
        await settle()
        gates[0].set()
        tasks[1].add_done_callback(lambda _: gates[2].set())
        await asyncio.sleep(0)  # the first gives its slot back: the second has it, and is cancelled
        tasks[1].cancel()
        await asyncio.wait(tasks, timeout=10)
        assert [task.done() for task in tasks] == [True] * 3
        assert order[-1] == "c"
        turns.reserve("d")

    run(scenario())


def test_a_place_counts_from_its_reservation_to_its_end() -> None:
    """Whether or not anybody waits for its slot in between."""

    async def scenario() -> None:
        turns = queue(slots=1, waiting=4)
        places = [turns.reserve(user) for user in "abcde"]
        with pytest.raises(ProviderOverloaded):
            turns.reserve("f")
        with places[0]:
            pass
        await asyncio.wait_for(places[1].slot(), 10)
        places.append(turns.reserve("f"))
        for place in places[1:]:
            with place:
                pass
        assert turns.waiting == 0
        await asyncio.wait_for(turns.reserve("g").slot(), 10)

    run(scenario())


# Users who ask; the numbers of places that end.
STEPS = strategies.lists(strategies.sampled_from("aaabbcdefgh") | strategies.integers(0, 11))


@given(STEPS)
def test_the_bounds_hold_in_any_order_of_reservations_and_ends(
    steps: list[str | int],
) -> None:
    turns, places = queue(slots=4, waiting=8), list[tuple[str, Place]]()
    for step in steps:
        if isinstance(step, str):
            with suppress(ProviderOverloaded):
                places.append((step, turns.reserve(step)))
        elif step < len(places):
            with places.pop(step)[1]:
                pass
        places = [(user, place) for user, place in places if place.refusal is None]
        running = Counter(user for user, place in places if place.is_granted)
        waiting = Counter(user for user, _ in places) - running
        assert max(running.values(), default=0) <= 3
        assert max(waiting.values(), default=0) <= 2
        assert turns.waiting == waiting.total() <= 8
        # A slot is free only if those who wait may hold no more.
        assert running.total() == 4 or all(running[user] == 3 for user in waiting)
    for _, place in places:
        with place:
            pass
    assert (turns.waiting, turns._free, turns._held) == (0, 4, {})


def test_memory_is_a_quarter_one_users_and_taken_of_the_user_with_the_most() -> None:
    async def scenario() -> None:
        turns = queue(waiting=80, memory=400)
        slot = turns.reserve("x")
        turns.hold("x", slot, 1000)  # it waits for nothing

        def place(user: str, size: int) -> Place:
            one = turns.reserve(user)
            try:
                turns.hold(user, one, size)
            except ProviderOverloaded:
                with one:
                    raise
            return one

        large, small = place("a", 70), place("a", 30)
        with pytest.raises(ProviderOverloaded):
            place("a", 1)
        others = [place(user, 95) for user in "bcd"]
        assert place("e", 15).refusal is None
        place("f", 60)  # of the largest of the user with the most
        assert large.refusal is not None
        assert [one.refusal for one in (small, *others)] == [None] * 4
        with pytest.raises(ProviderOverloaded):
            place("g", 96)  # none has more
        with slot:  # what has the slot counts no longer
            pass
        assert small.is_granted
        assert place("g", 35).refusal is None

    run(scenario())


SIZED = strategies.tuples(strategies.sampled_from("aaabbcdefg"), strategies.integers(0, 30))


@given(strategies.lists(SIZED, max_size=60))
def test_no_order_of_places_and_sizes_exceeds_the_memory(steps: list[tuple[str, int]]) -> None:
    turns, places = queue(waiting=400, memory=100), list[tuple[str, Place]]()
    for user, size in steps:
        if size == 0 and places:
            with places.pop(0)[1]:
                continue
        with suppress(ProviderOverloaded), ExitStack() as reserved:
            place = reserved.enter_context(turns.reserve(user))
            turns.hold(user, place, size)
            reserved.pop_all()
            places.append((user, place))
        held = Counter[str]()
        for owner, one in places:
            if not one.is_granted:
                held[owner] += one.size
        assert max(held.values(), default=0) <= 25
        assert held.total() <= 100
    for _, place in places:
        with place:
            pass
    assert (turns.waiting, turns._free, turns._held) == (0, 1, {})
