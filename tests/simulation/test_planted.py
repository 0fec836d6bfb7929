"""The nights find bugs: each that is planted, within a number of seeds."""

from __future__ import annotations

import pytest

from tests.simulation import night
from tests.simulation.plan import Fault, draw
from tests.simulation.planted import BUGS
from tests.simulation.shrink import shortest

# The first seed, from 0, that found the bug. Where the product has changed since, a later one does.
FOUND_BY: dict[str, int] = {
    "cancel_elsewhere_does_nothing": 0,
    "end_overwrites": 97,
    "parts_after_the_end": 0,
    "returning_run_stores_nothing": 0,
    "unconfirmed_question_is_sent": 120,
    "retry_without_key": 1,
    "queued_question_is_sent_unseen": 120,
    "heartbeat_is_compared_with_a_clock": 17,
    "rejoin_from_the_beginning": 6,
    "rotation_is_not_saved": 0,
    "repeat_within_the_grace_is_theft": 26,
    "grace_goes_by_the_replicas_clock": 2042,
    "successors_are_random": 34,
    "others_questions_are_shown": 15,
    "quota_is_not_checked": 12,
    "ends_are_not_settled": 0,
    "orphans_cost_nothing": 21,
    "text_is_not_logged": 4,
    "parts_are_lost_at_an_interruption": 31,
    "billed_attempt_is_repeated": 1,
    "slot_is_kept": 0,
    "join_repeats_a_character": 0,
}
FURTHER_SEEDS = 150


def test_each_planted_bug_has_a_seed() -> None:
    assert FOUND_BY.keys() == BUGS.keys()


@pytest.mark.parametrize("name", FOUND_BY)
def test_a_planted_bug_is_found(name: str) -> None:
    with BUGS[name]():
        seeds = range(FOUND_BY[name], FOUND_BY[name] + FURTHER_SEEDS)
        assert any(night.run(draw(seed)).wrong for seed in seeds)


def test_a_shorter_plan_still_fails() -> None:
    plan = draw(1)
    needless = tuple(Fault("slow", 30.0 + number, 0, 0.1) for number in range(3))
    with BUGS["ends_are_not_settled"]():
        assert night.run(plan).wrong
        short = shortest(type(plan)(**{**vars(plan), "faults": plan.faults + needless}), night.run)
    assert short.faults == ()
