"""Which of two settings was given closer to the command."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from askcli.settings.sources import variable_of


def is_closer(name: str, other: str, flags: Mapping[str, Any]) -> bool:
    """Return whether `name` has its value from a source that goes before that of `other`."""
    return _rank(name, flags) < _rank(other, flags)


def _rank(name: str, flags: Mapping[str, Any]) -> int:
    """Return the rank of a setting's source: a flag, the environment, or the config file."""
    if flags.get(name):
        return 0
    return 1 if variable_of(name) else 2
