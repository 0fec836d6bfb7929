"""What stands where an ordinary file is expected."""

from __future__ import annotations

import os
from pathlib import Path

KINDS = ("pipe", "device", "directory")


def make_special(path: Path, kind: str) -> None:
    """Make what is no ordinary file; the device is one that never ends."""
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
