"""The clipboard: by a program of the platform, else by the terminal itself (OSC 52)."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from collections.abc import Mapping

from askcli.cli.output import transient
from askcli.errors import Failed

# By the variable that says that the program has a display; the first that is there is used.
_PROGRAMS = (
    ("WAYLAND_DISPLAY", ["wl-copy"]),
    ("DISPLAY", ["xclip", "-selection", "clipboard"]),
    ("DISPLAY", ["xsel", "--clipboard", "--input"]),
    ("", ["pbcopy"]),
    ("WSL_DISTRO_NAME", ["clip.exe"]),
)
_SECONDS = 5.0
# Terminals drop a longer sequence: xterm's and tmux' limit is some 100,000 bytes in base64.
MAX_BYTES = 74_994


def copy(text: str) -> None:
    """Copy the text. Raises Failed where it is too long for the terminal, or there is none."""
    program = _program(os.environ)
    if program:
        _run(program, text)
    else:
        _send(text)


def _program(environment: Mapping[str, str]) -> list[str] | None:
    """Return the program that copies, None where the clipboard is that of another machine."""
    if environment.get("SSH_CONNECTION"):
        return None
    for variable, command in _PROGRAMS:
        if (not variable or environment.get(variable)) and shutil.which(command[0]):
            return command
    return None


def _run(command: list[str], text: str) -> None:
    # What stays behind to serve the clipboard, as xclip does, must not hold the output open.
    try:
        subprocess.run(
            command,
            input=text.encode(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise Failed(f"{command[0]} has not copied the text.") from error


def _send(text: str) -> None:
    """Ask the terminal to copy; whether it does is its own setting."""
    data = text.encode()
    if len(data) > MAX_BYTES:
        raise Failed(f"the terminal copies {MAX_BYTES:,} bytes at most; use `-o FILE`.")
    sequence = b"\x1b]52;c;" + base64.b64encode(data) + b"\a"
    try:
        terminal = os.open("/dev/tty", os.O_WRONLY | os.O_NOCTTY)
    except OSError as error:
        raise Failed("there is no terminal and no program that copies.") from error
    with transient.lifted(), os.fdopen(terminal, "wb", buffering=0) as file:
        file.write(sequence)
