"""Long output at a terminal: through $PAGER, and only when there is more than fits."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from itertools import chain

from askcli.cli.output import console, transient
from askcli.errors import Misused

# What git tells less, too: end at once when all fits, keep colours, leave the text on the screen.
LESS = "FRX"

_STYLES = re.compile(r"\x1b\[[0-9;]*m")


def show(lines: Iterable[str]) -> None:
    """Print lines, which must be harmless already, as they come."""
    coming = iter(lines)
    pager = _pager() if console.is_terminal() else None
    if pager is None:
        _print(coming)
        return
    first = _as_many_as_fit(coming)
    rest = next(coming, None)
    if rest is None:
        _print(iter(first))
    else:
        _page(pager, chain(first, [rest], coming))


def _pager() -> list[str] | None:
    """The command to page with, None for none: $PAGER, else less where there is one."""
    told = os.environ.get("PAGER")
    if os.environ.get("TERM", "dumb") == "dumb" or (told is not None and not told.strip()):
        return None
    try:
        command = shlex.split(told or "less")
    except ValueError:
        raise Misused(f"PAGER is not a command: {told!r}.") from None
    if told is None and not shutil.which("less"):
        return None
    return None if command == ["cat"] else command


def _as_many_as_fit(lines: Iterator[str]) -> list[str]:
    columns, rows = shutil.get_terminal_size()
    first: list[str] = []
    used = 0
    for line in lines:
        first.append(line)
        used += max(1, -(-len(_STYLES.sub("", line)) // columns))
        if used >= rows - 1:  # the shell's prompt wants a row
            break
    return first


def _print(lines: Iterator[str]) -> None:
    for line in lines:
        transient.clear()
        console.write(sys.stdout, line + "\n")


def _page(command: list[str], lines: Iterator[str]) -> None:
    environment = {"LESS": LESS, "LV": "-c"} | dict(os.environ)
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, env=environment, text=True, errors="replace"
        )
    except OSError as error:
        raise Misused(f"cannot run PAGER {command[0]!r}: {error.strerror}.") from None
    assert process.stdin
    try:
        for line in lines:
            process.stdin.write(line + "\n")
        process.stdin.close()
    except BrokenPipeError:  # the reader has seen enough
        process.stdin = None
    except KeyboardInterrupt:
        pass
    finally:
        _wait(process)


def _wait(process: subprocess.Popen[str]) -> None:
    """Wait until the pager has left the terminal; a Ctrl-C in it is its own."""
    while True:
        try:
            process.wait()
            return
        except KeyboardInterrupt:
            continue
