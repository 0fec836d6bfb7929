"""Other settings for the replicas, one after the other, as a host rolls them out.

Each replica is stopped gracefully, started again and waited for before it is the next one's turn.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

from askcli.settings import Settings
from tests.simulation.replica import Replica

if TYPE_CHECKING:
    from tests.simulation.night import Stage

LOOK_SECONDS = 0.5
NEW_SECRET = "another secret of the simulation, long enough"


class Rollout:
    """Of the settings of each phase; `pause` seconds after each replica."""

    def __init__(self, stage: Stage, kind: str, pause: float) -> None:
        self._stage = stage
        self._pause = pause
        self._phases = list(_phases(kind, stage.replicas[0].settings, stage.plan.seed))
        self._last = self._phases[-1 if kind == "settings" else -2]
        self._turns = iter([(r, phase) for phase in self._phases for r in stage.replicas])
        self._is_over = False

    def go_on(self) -> None:
        """Begin with the next replica."""
        turn = next(self._turns, None)
        if turn is not None and not self._is_over:
            replica, settings = turn
            replica.settings = settings
            self._wait(replica)

    def _wait(self, replica: Replica) -> None:
        world = self._stage.world
        if self._is_over:
            return
        if replica.is_up_to_date:
            world.tell("has its new settings", replica.name)
            world.after(self._pause, self.go_on)
            return
        if replica.is_outdated:  # it may have been starting, or stopped, when it was told before
            replica.leave()
        world.after(LOOK_SECONDS, lambda: self._wait(replica))

    def finish(self) -> None:
        """Give all replicas the new settings at once.

        With the secret before, which a host keeps for as long as somebody may refresh with it.
        """
        self._is_over = True
        for replica in self._stage.replicas:
            replica.settings = self._last
            if replica.is_outdated:
                replica.kill()


def _phases(kind: str, settings: Settings, seed: int) -> Iterator[Settings]:
    old = settings.jwt_secret
    if kind == "settings":
        yield _others(settings, Random(f"settings {seed}"))
        return
    if kind == "secret announced":
        yield replace(settings, jwt_secret_previous=NEW_SECRET)
    yield replace(settings, jwt_secret=NEW_SECRET, jwt_secret_previous=old)
    yield replace(settings, jwt_secret=NEW_SECRET)


def _others(settings: Settings, random: Random) -> Settings:
    """Those of which nothing is promised that holds for all replicas together."""
    return replace(
        settings,
        model="model-2",
        max_running=random.randint(1, 4),
        orphan_seconds=random.choice((3, 8, 16)),
        drain_seconds=random.randint(0, 8),
        access_token_seconds=random.choice((33, 35, 120)),
        refresh_grace_seconds=random.randint(3, 30),
        upstream_attempts=random.randint(1, 4),
        answer_seconds=random.choice((20, 60)),
    )
