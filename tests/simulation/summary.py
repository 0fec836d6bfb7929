"""What many nights were like together: how many failed, what they cost, which faults and states."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.simulation import transitions
from tests.simulation.many import Ended


@dataclass
class Summary:
    """The figures of nights that are over."""

    nights: int = 0
    failed: int = 0
    cpu_seconds: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)
    traces: dict[int, str] = field(default_factory=dict)  # by seed, of its first night

    def add(self, night: Ended) -> str | None:
        """Add a night; return what is wrong with it, also that it was another one before."""
        self.nights += 1
        self.cpu_seconds += night.cpu_seconds
        self.counts.update(night.counts)
        failure = night.wrong[0] if night.wrong else None
        if self.traces.setdefault(night.seed, night.trace) != night.trace:
            failure = failure or "it was another night in another process"
        self.failed += failure is not None
        return failure

    def lines(self, seconds: float) -> Iterator[str]:
        """Yield the summary of nights that took so many seconds together."""
        yield (
            f"{self.nights} nights, {self.failed} fail; {self.nights / seconds:.1f} a second, "
            f"{self.cpu_seconds:.0f} CPU seconds, {self.nights / self.cpu_seconds:.1f} a CPU second"
        )
        of_machines = [machine.name for machine in transitions.MACHINES]
        groups = Counter(name.split(": ")[0] for name in self.counts)
        for group in sorted(groups.keys() - of_machines):
            yield f"{group}:"
            own = [name for name in self.counts if name.startswith(f"{group}: ")]
            yield from (f"{self.counts[n]:10} {n.removeprefix(f'{group}: ')}" for n in sorted(own))
        yield from transitions.report(self.counts)
