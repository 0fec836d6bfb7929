"""The nights find bugs: each that is planted, by a night made for it and by drawn ones."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from statistics import median

import pytest

from tests.simulation import night
from tests.simulation.plan import Fault, Plan, draw
from tests.simulation.planted import BUGS
from tests.simulation.shrink import shortest
from tests.simulation.situations import SITUATIONS, in_situation
from tests.support.documents import ROOT
from tests.support.soak import SOAK, report

# The first seed, from 0, whose drawn night found the bug when it was planted first: with another
# version of the product it is another seed.
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
    "join_repeats_a_character": 5,
    "reservation_before_its_transaction": 0,
    "cost_after_the_end": 97,
    "unknown_successor_is_theft": 1677,
    "previous_secret_is_ignored": 499,
    "default_model_is_in_the_digest": 21,
    "limits_are_of_each_process": 24,
    "spending_is_remembered": 19,
    "turns_of_all_conversations": 3,
    "unfinished_turns_go_along": 6,
    "system_text_is_not_carried_on": 6,
    "sessions_are_remembered": 24,
    "api_tokens_are_remembered": 6,
    "new_password_keeps_sessions": 10,
    "refreshes_have_no_limit": 15,
    "one_stream_too_many": 2,
    "expiry_is_looked_at_once": 204,
}
MOST_SEEDS = 10_000
STARTS = (0, 100_000, 200_000)  # of the seeds of which the median is told
# A night made for a bug finds it with nearly every seed: several that do not are no bad luck.
TRIES = 4
# The nights of the situations, once each; a twelfth of them outside of the soak.
CONTROLS = list({plan: name for name, plan in SITUATIONS.items()}.values())[:: 1 if SOAK else 12]


def test_each_planted_bug_has_a_night_and_a_seed() -> None:
    assert FOUND_BY.keys() == BUGS.keys() == SITUATIONS.keys()
    assert len(BUGS) >= 20
    assert max(FOUND_BY.values()) < MOST_SEEDS


def first_found(name: str, plans: Callable[[int], Plan], most: int) -> int | None:
    """Return the number of the first of these nights that finds the bug."""
    with BUGS[name]():
        return next((n for n in range(most) if night.run(plans(n)).wrong), None)


def drawn_from(start: int) -> Callable[[int], Plan]:
    return lambda number: draw(start + number)


@pytest.mark.parametrize("name", FOUND_BY)
def test_a_planted_bug_is_found_in_its_situation(name: str) -> None:
    tries = first_found(name, lambda number: in_situation(name, number), TRIES)
    assert tries is not None, f"{TRIES} nights of `situations.py` did not find it"


def test_the_command_of_the_document_finds_its_bug() -> None:
    """The first of the nights that it runs may be one that does not."""
    command = "-m tests.simulation {} --situation end_overwrites --bug end_overwrites"
    assert command.format(1) in (ROOT / "docs/simulation.md").read_text()
    codes = (
        subprocess.run([sys.executable, *command.format(n).split()], capture_output=True).returncode
        for n in range(TRIES)
    )
    assert 1 in codes


@pytest.mark.parametrize("name", CONTROLS)
def test_nothing_is_wrong_in_a_situation_without_its_bug(name: str) -> None:
    result = night.run(SITUATIONS[name])
    assert not result.wrong, "\n".join([*result.story, *result.wrong])


@pytest.mark.parametrize("name", FOUND_BY if SOAK else ["ends_are_not_settled"])
def test_drawn_nights_find_a_planted_bug(name: str) -> None:
    found = [first_found(name, drawn_from(start), MOST_SEEDS) for start in STARTS]
    nights = [number + 1 for number in found if number is not None]
    assert len(nights) == len(STARTS)
    report(f"{name}: found after {median(nights)} nights, the median of {nights}")


def test_a_shorter_plan_still_fails() -> None:
    plan = draw(1)
    needless = tuple(Fault("slow", 30.0 + number, 0, 0.1) for number in range(3))
    with BUGS["ends_are_not_settled"]():
        assert night.run(plan).wrong
        short = shortest(type(plan)(**{**vars(plan), "faults": plan.faults + needless}), night.run)
    assert short.faults == ()
