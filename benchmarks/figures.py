"""Figures: what was measured, of whom, in which unit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any


def percentile(values: Iterable[float], share: float) -> float:
    """Return the value that `share` per cent of the values do not exceed; 0 of none."""
    ordered = sorted(values)
    if not ordered:
        return 0.0
    return ordered[min(len(ordered) - 1, max(0, round(len(ordered) * share / 100 + 0.5) - 1))]


@dataclass
class Figure:
    """One figure of a section: the values of each subject, one a round.

    `reference` is the subject that the others are compared with.
    """

    section: str
    name: str
    unit: str
    values: dict[str, list[float]] = field(default_factory=dict)
    reference: str = ""

    @classmethod
    def of(cls, data: dict[str, Any]) -> Figure:
        """Return the figure of a JSON object."""
        return cls(**data)

    def as_json(self) -> dict[str, Any]:
        """Return the figure as a JSON object, its values as exact as they are read."""
        values = {name: [round(v, 3) for v in them] for name, them in self.values.items()}
        return asdict(self) | {"values": values}

    def median(self, subject: str) -> float:
        """Return the median of a subject's rounds."""
        return median(self.values[subject])

    def ratio(self, subject: str) -> float | None:
        """Return the subject's median to the reference's; None where there is none."""
        reference = self.values.get(self.reference)
        if subject == self.reference or not reference or not median(reference):
            return None
        return self.median(subject) / median(reference)


def from_rounds(
    section: str,
    names: Mapping[str, tuple[str, str]],
    rounds: Mapping[str, Sequence[Mapping[str, Any]]],
    to: str = "",
) -> list[Figure]:
    """Return figures of what the load generator measured: `names` are key, (figure, unit).

    `to` is the subject that the others are compared with.
    """
    return [
        Figure(section, name, unit, {s: [r[key] for r in them] for s, them in rounds.items()}, to)
        for key, (name, unit) in names.items()
    ]
