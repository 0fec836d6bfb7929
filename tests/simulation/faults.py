"""Lets the faults of a plan happen, and ends them all."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from tests.simulation.plan import Fault
from tests.simulation.replica import Replica
from tests.simulation.rollout import Rollout

if TYPE_CHECKING:
    from tests.simulation.night import Stage

RESTART_SECONDS = 0.5
OF_REPLICAS = ("kill", "leave", "stop", "jump", "database", "commit", "cut")


class Faults:
    """The faults of a night."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._world = stage.world
        self._network = stage.network
        self._down = set[str]()  # replicas that are not to be started yet
        self._rolling_out: Rollout | None = None  # one in a night
        self._are_over = False

    def schedule(self) -> None:
        """Let each happen in its time."""
        for fault in self._stage.plan.faults:
            self._world.after(fault.at, lambda fault=fault: self._happen(fault))  # type: ignore[misc]
        # A process that has ended is started again, as a supervisor does.
        self._world.after(1.0, self._supervise)

    def _supervise(self) -> None:
        for replica in self._stage.replicas:
            if replica.process is None and replica.name not in self._down:
                replica.start()
        self._world.after(RESTART_SECONDS, self._supervise)

    def _happen(self, fault: Fault) -> None:
        act: Callable[..., Any] = getattr(self, f"_{fault.kind}")
        if fault.kind not in OF_REPLICAS:
            self._act(fault, act)
            return
        for replica in self._replicas(fault):
            hit = partial(self._act, fault, partial(act, replica), replica.name)
            # Of those of COMMITs, the disk counts the steps.
            if fault.steps and fault.kind != "commit":
                if replica.process:
                    replica.process.after_steps(fault.steps, hit)
            else:
                hit()

    def _act(self, fault: Fault, act: Callable[[Fault], Any], whose: str = "") -> None:
        if self._are_over:  # all users had an end before it
            return
        detail = f" {fault.detail}" if fault.detail else ""
        target = f" of {whose or fault.target + 1}"
        steps = f" after {fault.steps} steps" if fault.steps else ""
        self._world.tell(f"fault: {fault.kind}{detail}{target}, {fault.seconds} s{steps}", "world")
        self._world.counts[f"faults: {fault.kind}{detail}"] += 1
        act(fault)

    def _replicas(self, fault: Fault) -> list[Replica]:
        replicas = self._stage.replicas
        return replicas if fault.target < 0 else [replicas[fault.target % len(replicas)]]

    def _kill(self, replica: Replica, fault: Fault) -> None:
        replica.kill()
        self._down.add(replica.name)
        self._world.after(fault.seconds, lambda: self._down.discard(replica.name))

    def _leave(self, replica: Replica, _: Fault) -> None:
        replica.leave()

    def _stop(self, replica: Replica, fault: Fault) -> None:
        if process := replica.process:
            process.stop()
            self._world.after(fault.seconds, process.go_on)

    def _jump(self, replica: Replica, fault: Fault) -> None:
        replica.clock.jumped += fault.seconds

    def _database(self, replica: Replica, fault: Fault) -> None:
        replica.disk.state = fault.detail
        self._world.after(fault.seconds, lambda: setattr(replica.disk, "state", ""))

    def _commit(self, replica: Replica, fault: Fault) -> None:
        count = 1 if fault.detail.startswith("die") else 1 + int(fault.seconds) % 3
        replica.disk.next_commits += [""] * fault.steps + [fault.detail] * count

    def _cut(self, replica: Replica, _: Fault) -> None:
        for connection in list(replica.connections):
            connection.cut()

    def _rollout(self, fault: Fault) -> None:
        if self._rolling_out is None:
            self._rolling_out = Rollout(self._stage, fault.detail, fault.seconds)
            self._rolling_out.go_on()

    def _slow(self, fault: Fault) -> None:
        self._network.slow = 3.0
        self._world.after(fault.seconds, lambda: setattr(self._network, "slow", 0.0))

    def _swallow(self, fault: Fault) -> None:
        self._network.swallow(fault.detail)
        self._world.after(fault.seconds, lambda: self._network.swallow(""))

    def _refuse(self, fault: Fault) -> None:
        self._network.is_refusing = True
        self._world.after(fault.seconds, lambda: setattr(self._network, "is_refusing", False))

    def _duplicate(self, fault: Fault) -> None:
        self._network.duplicates += 1 + int(fault.seconds)

    def _provider(self, fault: Fault) -> None:
        provider = self._stage.provider
        provider.behaviour = fault.detail
        self._world.after(fault.seconds, lambda: setattr(provider, "behaviour", None))

    def _shell(self, fault: Fault) -> None:
        number = fault.target % len(self._stage.plan.shells)
        self._stage.people[number].back_after = fault.seconds
        self._stage.shells[number].kill()

    def _shell_stop(self, fault: Fault) -> None:
        shell = self._stage.shells[fault.target % len(self._stage.plan.shells)]
        shell.stop()
        self._world.after(fault.seconds, shell.go_on)

    def _shell_jump(self, fault: Fault) -> None:
        shell = self._stage.shells[fault.target % len(self._stage.plan.shells)]
        shell.clock.jumped += fault.seconds

    def heal(self) -> None:
        """End all faults."""
        stage = self._stage
        self._world.tell("all faults end", "world")
        self._are_over = True
        self._network.slow, self._network.is_refusing, self._network.duplicates = 0.0, False, 0
        self._network.swallow("")
        stage.provider.behaviour = None
        self._down.clear()
        if self._rolling_out:
            self._rolling_out.finish()
        for replica in stage.replicas:
            replica.clock.jumped = 0.0
            replica.disk.state = ""
            replica.disk.next_commits.clear()
            if replica.process:
                replica.process.go_on()
            replica.start()
        for shell in stage.shells:
            shell.clock.jumped = 0.0
            shell.go_on()
