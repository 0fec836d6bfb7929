"""Temporary files in memory: with a disk, the suite's time is that of its other users."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")
NEEDED_BYTES = 4 * 2**30  # the databases of a run, twice


def use_memory_for_temporary_files() -> None:
    """Make it the directory of `tempfile`, and so of pytest, where there is room."""
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= NEEDED_BYTES:
        tempfile.tempdir = str(MEMORY)
