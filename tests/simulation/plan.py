"""The plan of a night, drawn from its seed: who does what, and what goes wrong when."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from random import Random
from typing import Any

SECONDS = 40.0  # in which faults begin
LONGEST_KEPT = 2.5  # seconds for which a stopped replica keeps a repeated request; below any grace

# Kinds of faults, and how often they are drawn.
KINDS = {
    "kill": 5,  # a replica, and start it again
    "leave": 2,  # a replica stops gracefully, and is started again
    "stop": 4,  # a replica is stopped and goes on
    "jump": 2,  # a replica's wall clock is set
    "rollout": 4,  # of another secret or other settings, one replica after the other
    "database": 5,  # away, locked, full, readonly or slow, for one replica or for all
    "commit": 6,  # of the next COMMITs of a replica the reply is lost, or the process dies
    "slow": 2,  # the network
    "cut": 4,  # all connections of a replica, or of all
    "swallow": 2,  # the network in one direction
    "refuse": 1,  # new connections
    "duplicate": 2,  # a proxy repeats requests elsewhere
    "provider": 3,  # behaves in one way for a while
    "shell": 5,  # a command is killed, and given again
    "shell_stop": 2,  # a command is stopped and goes on
    "shell_jump": 1,  # a user's clock is set
}
ACTIONS = {
    "ask": 12,
    "continue": 5,
    "script": 3,
    "ask_and_cancel": 4,
    "ask_and_delete": 2,
    "rejoin": 3,
    "cancel": 1,
    "delete": 1,
    "history": 1,
    "snoop": 1,
    "revoke": 2,
    "elsewhere": 2,
    "log_out": 1,
    "guess": 1,
    "refresh": 1,
    "expiring": 1,
}
DETAILS = {
    "database": ("away", "locked", "full", "readonly"),
    "commit": ("lost before", "lost after", "die before", "die after"),
    "rollout": ("secret announced", "secret at once", "settings"),
    "swallow": ("to", "from"),
    "provider": ("short", "slow", "cut", "overloaded", "unreported", "silent", "broken"),
}
# Those that also hit a replica between two of its steps, which may be at one moment, and how many
# steps there are before it at most; of `commit` these are COMMITs.
STEPS: dict[str, tuple[int, ...]] = dict.fromkeys(
    ("kill", "leave", "stop", "jump", "cut"), (0, 0, 5, 50, 250)
)
STEPS |= {"commit": (0, 0, 3, 10)}


@dataclass(frozen=True)
class Fault:
    """What goes wrong: with which replica or shell (-1: all), when, for how long."""

    kind: str
    at: float
    target: int
    seconds: float
    detail: str = ""
    steps: int = 0  # of each replica, or COMMITs, from that time until it hits it


@dataclass(frozen=True)
class Action:
    """What a user does, after a pause."""

    kind: str
    pause: float


@dataclass(frozen=True)
class Plan:
    """A night."""

    seed: int
    replicas: int
    users: int
    rates: tuple[float, ...]  # at which the clocks of the replicas go
    shells: tuple[tuple[int, tuple[Action, ...]], ...]  # of which user, and the actions
    faults: tuple[Fault, ...]
    quota: int | None
    is_spread: bool = False  # the balancer passes each request to any replica, not each connection
    streams: int | None = None  # that a user may have open at a replica, where not as many as ever

    def without(self, faults: set[int]) -> Plan:
        """The same night without these faults, by number."""
        kept = tuple(f for number, f in enumerate(self.faults) if number not in faults)
        return replace(self, faults=kept)

    def dumps(self) -> str:
        """The plan as JSON."""
        return json.dumps(asdict(self))


def loads(text: str) -> Plan:
    """A plan from JSON."""
    fields: dict[str, Any] = json.loads(text)
    fields["faults"] = tuple(Fault(**fault) for fault in fields["faults"])
    fields["rates"] = tuple(fields["rates"])
    fields["shells"] = tuple(
        (user, tuple(Action(**action) for action in actions)) for user, actions in fields["shells"]
    )
    return Plan(**fields)


def draw(seed: int) -> Plan:
    """Draw the plan of a night."""
    random = Random(f"plan {seed}")
    replicas, users = random.choice((2, 2, 3)), random.choice((1, 2, 2, 3))
    shells = tuple(
        (user, _actions(random, random.randint(1, 3)))
        for user in range(users)
        for _ in range(random.randint(1, 2))
    )
    count = random.choice((0, 1, 2, 3, 4, 6, 8))
    faults = [_fault(random, replicas, len(shells)) for _ in range(count)]
    rates = tuple(random.choice((1.0, 1.0, random.uniform(0.98, 1.02))) for _ in range(replicas))
    quota = random.choice((None, None, None, random.randint(10, 90)))
    is_spread = random.random() < 0.25
    streams = random.choice((None, None, None, None, 1, 2))
    by_time = tuple(sorted(_within_the_grace(faults), key=lambda fault: fault.at))
    return Plan(seed, replicas, users, rates, shells, by_time, quota, is_spread, streams)


def _within_the_grace(faults: Sequence[Fault]) -> Iterator[Fault]:
    """Yield the faults, but no long stop of a replica where requests are repeated.

    A copy of a refresh that a stopped replica keeps beyond the grace is rightly taken for the use
    of a stolen token.
    """
    has_copies = any(fault.kind == "duplicate" for fault in faults)
    for fault in faults:
        is_long = has_copies and fault.kind == "stop"
        yield replace(fault, seconds=min(fault.seconds, LONGEST_KEPT)) if is_long else fault


def _actions(random: Random, count: int) -> tuple[Action, ...]:
    kinds = ["ask", *random.choices([*ACTIONS], [*ACTIONS.values()], k=count - 1)]
    # Long pauses let access tokens expire.
    return tuple(
        Action(kind, random.choice((0.1, 1.0, 3.0, 15.0)) * random.random()) for kind in kinds
    )


def _fault(random: Random, replicas: int, shells: int) -> Fault:
    kind = random.choices([*KINDS], [*KINDS.values()])[0]
    detail = random.choice(DETAILS.get(kind, ("",)))
    targets = shells if kind.startswith("shell") else replicas
    target = random.randrange(targets)
    if kind in ("database", "cut") and random.random() < 0.5:
        target = -1
    seconds = random.choice((0.05, 1.0, 5.0, 20.0)) * random.random()
    if kind.endswith("jump"):
        seconds = random.choice((-3600.0, -30.0, -2.0, 2.0, 30.0, 3600.0))
    if kind == "rollout":
        seconds = random.uniform(1, 25)
    at, seconds = round(random.uniform(0, SECONDS), 3), round(seconds, 3)
    steps = int(random.choice(STEPS.get(kind, (0,))) * random.random())
    return Fault(kind, at, target, seconds, detail, steps)
