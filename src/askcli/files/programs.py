"""Programs of this machine, found by their names."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def path_of(name: str) -> str | None:
    """Return the path of a program on PATH, None if there is none; a path is returned as it is.

    Relative directories on PATH are left out, `.` and empty ones too: the working directory may be
    somebody else's checkout.
    """
    directories = [directory for directory in os.get_exec_path() if Path(directory).is_absolute()]
    return shutil.which(name, path=os.pathsep.join(directories))
