"""Programs of this machine, found by their names."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def path_of(name: str) -> str | None:
    """Return the path of a program on PATH, None if there is none; a path is returned as it is.

    It is in one of the directories of `search_path`.
    """
    return shutil.which(name, path=search_path())


def search_path() -> str:
    """Return PATH without relative directories, `.` and empty ones too.

    The working directory may be somebody else's checkout.
    """
    return os.pathsep.join(one for one in os.get_exec_path() if Path(one).is_absolute())
