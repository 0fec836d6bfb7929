"""Finds a short plan that still fails: drops faults as long as something is wrong."""

from __future__ import annotations

from collections.abc import Callable

from tests.simulation.night import Night
from tests.simulation.plan import Plan


def shortest(plan: Plan, run: Callable[[Plan], Night]) -> Plan:
    """Return the failing plan without the faults that it fails without: halves first, then each."""
    size = len(plan.faults)
    while size:
        start = 0
        while start < len(plan.faults):
            fewer = plan.without(set(range(start, start + size)))
            if run(fewer).wrong:
                plan = fewer
            else:
                start += size
        size //= 2
    return plan
