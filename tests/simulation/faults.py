"""Lets the faults of a plan happen, and ends them all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulation.plan import Fault
from tests.simulation.replica import Replica

if TYPE_CHECKING:
    from tests.simulation.night import Stage

RESTART_SECONDS = 0.5


class Faults:
    """The faults of a night."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._world = stage.world
        self._network = stage.network
        self._down = set[str]()  # replicas that are not to be started yet
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
        if self._are_over:  # all users had an end before it
            return
        detail = f" {fault.detail}" if fault.detail else ""
        target = "all" if fault.target < 0 else fault.target + 1
        self._world.tell(f"fault: {fault.kind}{detail} of {target}, {fault.seconds} s", "world")
        getattr(self, f"_{fault.kind}")(fault)

    def _replicas(self, fault: Fault) -> list[Replica]:
        replicas = self._stage.replicas
        return replicas if fault.target < 0 else [replicas[fault.target % len(replicas)]]

    def _kill(self, fault: Fault) -> None:
        for replica in self._replicas(fault):
            replica.kill()
            self._down.add(replica.name)
            self._world.after(fault.seconds, lambda name=replica.name: self._down.discard(name))  # type: ignore[misc]

    def _leave(self, fault: Fault) -> None:
        for replica in self._replicas(fault):
            replica.leave()

    def _stop(self, fault: Fault) -> None:
        for replica in self._replicas(fault):
            if process := replica.process:
                process.stop()
                self._world.after(fault.seconds, process.go_on)

    def _jump(self, fault: Fault) -> None:
        for replica in self._replicas(fault):
            replica.clock.jumped += fault.seconds

    def _database(self, fault: Fault) -> None:
        for replica in self._replicas(fault):
            replica.disk.state = fault.detail
            self._world.after(fault.seconds, lambda disk=replica.disk: setattr(disk, "state", ""))  # type: ignore[misc]

    def _commit(self, fault: Fault) -> None:
        count = 1 if fault.detail.startswith("die") else 1 + int(fault.seconds) % 3
        for replica in self._replicas(fault):
            replica.disk.next_commits += [fault.detail] * count

    def _slow(self, fault: Fault) -> None:
        self._network.slow = 3.0
        self._world.after(fault.seconds, lambda: setattr(self._network, "slow", 0.0))

    def _cut(self, fault: Fault) -> None:
        for replica in self._replicas(fault):
            for connection in list(replica.connections):
                connection.cut()

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
