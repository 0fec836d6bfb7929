"""The long rounds of the checks, and the figures that they measure."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

SOAK = "ASKCLI_SOAK" in os.environ  # `make soak`
_SEED = int(os.environ.get("ASKCLI_SOAK_SEED") or (random.getrandbits(32) if SOAK else 0))


def seeded() -> random.Random:
    """Return a generator of random numbers; ASKCLI_SOAK_SEED repeats those of a failed test."""
    sys.stdout.write(f"ASKCLI_SOAK_SEED={_SEED}\n")  # pytest shows it with the failure
    return random.Random(_SEED)


def report(figures: str) -> None:
    """Append a check's figures to the file that ASKCLI_SOAK_LOG names."""
    if log := os.environ.get("ASKCLI_SOAK_LOG"):
        with Path(log).open("a") as file:
            file.write(figures + "\n")
