"""The long rounds of the checks, and the figures that they measure."""

from __future__ import annotations

import os
from pathlib import Path

SOAK = "ASKCLI_SOAK" in os.environ  # `make soak`


def report(figures: str) -> None:
    """Append a check's figures to the file that ASKCLI_SOAK_LOG names."""
    if log := os.environ.get("ASKCLI_SOAK_LOG"):
        with Path(log).open("a") as file:
            file.write(figures + "\n")
