"""Programs of this machine, found by their names, and commands that the user has set."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path

# What only a shell understands, as git has it; of blanks and quotes it needs none.
_SHELL = frozenset("|&;<>()$`*?[#~=%\n")


def command(text: str) -> list[str]:
    """Return the words that run a command, such as $PAGER; more of them may follow.

    The shell runs it where only that understands it; words alone need none. `search_path` is to be
    its PATH. Raises ValueError for a quote without an end, and LookupError with the name of a
    program that is not there.
    """
    if _SHELL.intersection(text):
        return ["/bin/sh", "-c", f'{text} "$@"', text]
    name, *arguments = shlex.split(text)
    if program := path_of(name):
        return [program, *arguments]
    raise LookupError(name)


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
