"""Programs of this machine, found by their names, and commands that the user has set."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path
from typing import NamedTuple

# What only a shell understands: git's list without blanks, quotes and backslashes, which shlex has.
_SHELL = frozenset("|&;<>()$`*?[#~=%\n")


class Command(NamedTuple):
    """The words of a command, which more may follow, and its environment."""

    words: list[str]
    environment: dict[str, str]


def command(text: str) -> Command:
    """Return what runs a command that the user has set, such as $PAGER.

    The shell runs it where only that understands it, with `search_path`;
    words alone need none. Raises ValueError for a quote without an end, and LookupError with the
    name of a program that is not there.
    """
    environment = dict(os.environ)
    if _SHELL.intersection(text):
        words = ["/bin/sh", "-c", f'{text} "$@"', text]
        return Command(words, environment | {"PATH": search_path()})
    name, *arguments = shlex.split(text)
    if program := path_of(name):
        return Command([program, *arguments], environment)
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
