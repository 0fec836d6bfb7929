"""The clipboard: by a program of the platform, else by the terminal itself (OSC 52)."""

from __future__ import annotations

import base64
import os
import subprocess
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from askcli.cli.output.terminal import console, transient
from askcli.errors import Failed
from askcli.files import programs

# By the variable that says that the program has a display; all that are there are tried in turn.
_PROGRAMS = (
    ("WAYLAND_DISPLAY", ["wl-copy"]),
    ("DISPLAY", ["xclip", "-selection", "clipboard"]),
    ("DISPLAY", ["xsel", "--clipboard", "--input"]),
    ("", ["pbcopy"]),
    ("WSL_DISTRO_NAME", ["clip.exe"]),
)
# Unless it is set to, tmux takes no sequence of a program, but sends on what its own command gets.
_TMUX = ("TMUX", ["tmux", "load-buffer", "-w", "-"])
_SECONDS = 5.0
# Terminals drop a longer sequence: xterm's limit is some 100,000 bytes in base64.
MAX_BYTES = 74_994
# What GNU screen passes on in one piece.
_SCREEN_PIECE = 512


def copy(text: str) -> str:
    """Copy the text; return by what. Raises Failed where it is too long for the terminal, or none.

    Its control characters are replaced: a paste may be typed into a shell.
    """
    text = console.harmless(text)
    for command in _programs(os.environ):
        if _has_run(command, text):
            return f"by {Path(command[0]).name}"
    _send(text)
    return "by the terminal, if it is one that can (OSC 52)"


def _programs(environment: Mapping[str, str]) -> Iterator[list[str]]:
    """Yield the programs that may copy: on a remote machine its clipboard is not the user's."""
    is_remote = bool(environment.get("SSH_CONNECTION"))
    for variable, (name, *arguments) in (*(() if is_remote else _PROGRAMS), _TMUX):
        if (not variable or environment.get(variable)) and (program := programs.path_of(name)):
            yield [program, *arguments]


def _has_run(command: list[str], text: str) -> bool:
    # What stays behind to serve the clipboard, as xclip does, must not hold the output open.
    try:
        subprocess.run(
            command,
            input=text.encode("utf-16-le" if command[0].endswith(".exe") else "utf-8"),
            env=dict(os.environ) | {"LC_CTYPE": "UTF-8"} if command[0].endswith("pbcopy") else None,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def _send(text: str) -> None:
    """Ask the terminal to copy; whether it does is its own setting."""
    data = text.encode("utf-8", "replace")
    if len(data) > MAX_BYTES:
        raise Failed(f"the terminal copies {MAX_BYTES:,} bytes at most; use `-o FILE`.")
    terminal = _terminal()
    sequence = f"\x1b]52;c;{base64.b64encode(data).decode()}\a"
    if os.environ.get("STY"):
        sequence = _through_screen(sequence)
    with transient.lifted(), os.fdopen(terminal, "wb", buffering=0) as file:
        console.write_all(file, sequence.encode())


def _terminal() -> int:
    """Open the terminal. Raises Failed where there is none, or a dumb one, which would show it."""
    with suppress(OSError):
        if os.environ.get("TERM", "dumb") != "dumb":
            return os.open("/dev/tty", os.O_WRONLY | os.O_NOCTTY)
    raise Failed("nothing was copied: there is no terminal and no program for it.")


def _through_screen(sequence: str) -> str:
    """Return the sequence as GNU screen passes it on to its terminal, in pieces."""
    pieces = textwrap.wrap(sequence, _SCREEN_PIECE, drop_whitespace=False)
    return "".join(f"\x1bP{piece}\x1b\\" for piece in pieces)
