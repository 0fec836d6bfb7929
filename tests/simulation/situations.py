"""Nights made for the planted bugs: each has, many times over, what its bug goes wrong in.

A drawn night that finds a rare bug finds it by its seed: once a step of the product takes another
moment, it is another night. These find theirs whatever their seed is.
"""

from __future__ import annotations

from dataclasses import replace

from tests.simulation.plan import Action, Fault, Plan

# Of all calls of the model, as long as the night has faults.
GOOD, SLOW, CUT, BROKEN, SHORT = (
    Fault("provider", 0.0, 0, 60.0, how) for how in ("good", "slow", "cut", "broken", "short")
)


def _night(
    actions: str,
    *faults: Fault,
    users: tuple[int, ...] = (0, 1),
    pause: float = 0.1,
    quota: int | None = None,
    slots: int = 1,
    is_spread: bool = False,
) -> Plan:
    """A night on two replicas, in which each shell of these users does the same."""
    does = tuple(Action(kind, pause) for kind in actions.split())
    shells = tuple((user, does) for user in users)
    return Plan(slots - 1, 2, max(users) + 1, (1.0, 1.0), shells, faults, quota, is_spread)


def _often(kind: str, every: float, seconds: float = 0.0, detail: str = "") -> list[Fault]:
    """A fault that happens to all replicas again and again."""
    times = (0.8 + every * number for number in range(int(25 / every)))
    return [Fault(kind, at, -1, seconds, detail) for at in times]


_PROCESSES_DIE_AT_COMMITS = _night(
    "ask " * 3,
    SHORT,
    *(Fault("commit", 0.8 + n, -1, 0.0, "die after", n % 5) for n in range(12)),
    slots=3,
)
_REPLICA_IS_LOST = _night("ask", SLOW, Fault("kill", 8.0, -1, 0.5))
_ANSWERS_ARE_CANCELLED = _night("ask_and_cancel " * 3, SLOW)
_REFRESHES_ARE_REPEATED = _night(
    "ask " * 4, GOOD, Fault("duplicate", 1.0, 0, 60.0), users=(0,), pause=6.0
)
_DATABASE_IS_AWAY_FOR_ONE = Fault("database", 0.8, 0, 20.0, "away")  # an orphan after 8 s
_FIRST_HAS_ALL = Fault("kill", 0.0, 1, 0.7)  # the other one takes connections after a second

_SESSIONS_END = _night("elsewhere elsewhere")
_CONVERSATIONS = _night("ask continue ask", GOOD, users=(0, 0, 1))

# Seeds so far apart let as many answers run at once.
_SAME_SLOTS = 3

SITUATIONS: dict[str, Plan] = {
    "cancel_elsewhere_does_nothing": _ANSWERS_ARE_CANCELLED,
    "end_overwrites": _night(
        "ask_and_cancel ask_and_cancel",
        GOOD,
        _FIRST_HAS_ALL,
        Fault("database", 0.8, 0, 7.0, "away"),
        Fault("database", 11.0, 0, 7.0, "away"),
        users=(0, 1, 2),
        slots=3,
    ),
    "parts_after_the_end": _ANSWERS_ARE_CANCELLED,
    "returning_run_stores_nothing": _night(
        "ask", SLOW, _FIRST_HAS_ALL, _DATABASE_IS_AWAY_FOR_ONE, users=(0,)
    ),
    "unconfirmed_question_is_sent": _night(
        "ask", GOOD, *_often("commit", 2.0, detail="lost before"), pause=2.0
    ),
    "retry_without_key": _night(
        "ask ask", GOOD, *_often("commit", 2.0, detail="lost after"), users=(0,), pause=2.0
    ),
    "default_model_is_in_the_digest": _night(
        "ask ask",
        CUT,  # and asked again with the same key
        Fault("rollout", 0.0, -1, 60.0, "settings"),
        pause=2.0,
        is_spread=True,
    ),
    "queued_question_is_sent_unseen": _night(
        "ask",
        GOOD,
        _FIRST_HAS_ALL,
        _DATABASE_IS_AWAY_FOR_ONE,
        Fault("cut", 12.0, 0, 0.0),
        users=(0, 0, 1),
    ),
    "heartbeat_is_compared_with_a_clock": _night(
        "ask ask", SLOW, _FIRST_HAS_ALL, Fault("jump", 0.5, 1, 30.0), users=(0,), slots=3
    ),
    "rejoin_from_the_beginning": _night("ask", SLOW, *_often("cut", 4.0), users=(0,)),
    "rotation_is_not_saved": _night("ask " * 4, GOOD, users=(0,), pause=6.0),
    "repeat_within_the_grace_is_theft": _REFRESHES_ARE_REPEATED,
    "grace_goes_by_the_replicas_clock": _night(
        "ask " * 4,
        GOOD,
        Fault("jump", 0.5, 0, 30.0),
        Fault("duplicate", 1.0, 0, 60.0),
        pause=6.0,
    ),
    "successors_are_random": _REFRESHES_ARE_REPEATED,
    "unknown_successor_is_theft": _night(
        "ask ask",
        GOOD,
        Fault("rollout", 1.0, -1, 25.0, "secret at once"),
        Fault("duplicate", 1.0, 0, 60.0),
        pause=6.0,
    ),
    "previous_secret_is_ignored": _night(
        "history " * 6,
        Fault("rollout", 1.0, -1, 9.0, "secret announced"),
        users=(0, 0, 1, 1),
        pause=6.0,
        is_spread=True,
    ),
    "others_questions_are_shown": _night("ask snoop"),
    "quota_is_not_checked": _night("ask " * 4, quota=10),
    "spending_is_remembered": _night("ask " * 4, quota=10),
    "limits_are_of_each_process": _night("guess guess", users=(0,)),
    "refreshes_have_no_limit": _night("refresh refresh", users=(0,)),
    "one_stream_too_many": replace(
        _night("ask " * 3, SLOW, users=(0, 0, 0, 0), slots=3), streams=2
    ),
    "expiry_is_looked_at_once": _night("expiring " * 9, users=(0,), pause=2.0),
    "api_tokens_are_remembered": _night("script revoke script revoke", SHORT),
    "sessions_are_remembered": _SESSIONS_END,
    "new_password_keeps_sessions": _SESSIONS_END,
    "turns_of_all_conversations": _CONVERSATIONS,
    "unfinished_turns_go_along": replace(_CONVERSATIONS, faults=(CUT,)),
    "system_text_is_not_carried_on": _CONVERSATIONS,
    "ends_are_not_settled": _night("ask"),
    "reservation_before_its_transaction": _PROCESSES_DIE_AT_COMMITS,
    "cost_after_the_end": _PROCESSES_DIE_AT_COMMITS,
    "orphans_cost_nothing": _REPLICA_IS_LOST,
    "text_is_not_logged": _REPLICA_IS_LOST,
    "parts_are_lost_at_an_interruption": _REPLICA_IS_LOST,
    "billed_attempt_is_repeated": _night("ask", BROKEN),
    "slot_is_kept": _night("ask", slots=3),
    "join_repeats_a_character": _night("ask", SLOW, *_often("cut", 4.0)),
}


def in_situation(name: str, number: int) -> Plan:
    """Return the night of this number that was made for a planted bug."""
    plan = SITUATIONS[name]
    return replace(plan, seed=plan.seed + _SAME_SLOTS * number)
