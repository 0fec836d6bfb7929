"""Text written in the user's editor."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from pathlib import Path

from askcli.cli.input import stdin
from askcli.cli.output import transient
from askcli.errors import Failed, Misused

DEFAULT = "vi"


def edited(text: str = "", suffix: str = ".md") -> str:
    """Return what the user makes of the text in $VISUAL or $EDITOR, without blanks at its end.

    The file is private, and gone afterwards. Raises Misused without a terminal or an editor, Failed
    where the editor fails, as by `:cq`.
    """
    if not stdin.is_terminal():
        raise Misused("an editor needs a terminal; give the question as words or on stdin.")
    command = os.environ.get("VISUAL") or os.environ.get("EDITOR") or DEFAULT
    with tempfile.TemporaryDirectory(prefix="askcli-") as directory:  # of mode 0700
        path = Path(directory) / f"question{suffix}"
        path.write_text(text, encoding="utf-8")
        _edit(command, path)
        return _content(path, command)


def _edit(command: str, path: Path) -> None:
    try:
        with transient.as_found():
            done = subprocess.run([*shlex.split(command), str(path)], check=False)
    except (OSError, ValueError) as error:
        raise Misused(f"cannot start the editor {command}: set EDITOR to another one.") from error
    if done.returncode:
        raise Failed(f"the editor {command} ended with {done.returncode}; nothing was asked.")


def _content(path: Path, command: str) -> str:
    try:
        return path.read_text(encoding="utf-8").rstrip()
    except (OSError, UnicodeDecodeError) as error:
        raise Failed(f"the editor {command} left no UTF-8 text; nothing was asked.") from error
