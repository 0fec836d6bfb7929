"""Paging of output that does not fit on the terminal."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain

from askcli.cli.output.terminal import console, transient
from askcli.errors import Failed, Misused
from askcli.files import programs

# As git does: less quits if all fits, keeps colours and leaves the text on the screen.
LESS = "FRX"


def show(lines: Iterable[str]) -> None:
    """Print lines without control characters, through the pager if they do not fit.

    Raises Misused for a pager that cannot be started, and Failed for one that fails.
    """
    remaining = iter(lines)
    pager = _pager() if console.is_terminal() else None
    if pager is None:
        _print(remaining)
        return
    first = _as_many_as_fit(remaining)
    rest = next(remaining, None)
    if rest is None:
        _print(iter(first))
    else:
        _page(pager, chain(first, [rest], remaining))


def _pager() -> programs.Command | None:
    """Return the pager's command, None for none: $PAGER, else less if it is installed."""
    variable = os.environ.get("PAGER")
    if os.environ.get("TERM", "dumb") == "dumb" or (variable is not None and not variable.strip()):
        return None
    if variable is not None and variable.strip() == "cat":
        return None
    try:
        return programs.command(variable or "less")
    except ValueError:
        raise Misused(f"PAGER is not a command: {variable!r}.") from None
    except LookupError as error:
        if variable is None:
            return None
        raise Misused(f"cannot run PAGER {error}: there is no such program on PATH.") from None


def _as_many_as_fit(lines: Iterator[str]) -> list[str]:
    from askcli.cli.output.terminal.heights import height  # rich, at a terminal alone

    columns, rows = shutil.get_terminal_size()
    first: list[str] = []
    used = 0
    for line in lines:
        first.append(line)
        used += height(line, columns)
        if used >= rows - 1:  # one row is the shell prompt's
            break
    return first


def _print(lines: Iterator[str]) -> None:
    for line in lines:
        transient.clear()
        console.write(sys.stdout, line + "\n")


def _page(command: programs.Command, lines: Iterator[str]) -> None:
    name = os.environ.get("PAGER", command.words[0])
    environment = {"LESS": LESS, "LV": "-c", **command.environment}
    try:
        process = subprocess.Popen(
            command.words, stdin=subprocess.PIPE, env=environment, text=True, errors="replace"
        )
    except OSError as error:
        raise Misused(f"cannot run PAGER {name!r}: {error.strerror}.") from None
    assert process.stdin
    is_interrupted = False
    try:
        for line in lines:
            process.stdin.write(line + "\n")
    except BrokenPipeError:  # the pager was closed
        pass
    except KeyboardInterrupt:
        is_interrupted = True
    finally:
        is_interrupted |= _end(process)
    if process.returncode and not is_interrupted:
        raise Failed(f"PAGER {name!r} ended with {process.returncode}; PAGER= uses none.")


def _end(process: subprocess.Popen[str]) -> bool:
    """Let the pager come to its end; return whether a Ctrl-C came meanwhile, which is for it."""
    assert process.stdin
    is_interrupted = False
    while True:
        try:
            with suppress(BrokenPipeError):
                process.stdin.close()
            process.wait()
            return is_interrupted
        except KeyboardInterrupt:
            is_interrupted = True
