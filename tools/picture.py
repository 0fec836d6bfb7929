"""Draw docs/session.svg and docs/chat.svg: what a person types at a real pseudo-terminal.

`.venv/bin/python tools/picture.py [NAME [FILE]]`, with `askcli` on the PATH and a model that
answers: whichever the environment and the config file name. Both pictures, or the one of a name.
"""

from __future__ import annotations

import io
import os
import re
import sys
import time
from pathlib import Path

import pexpect
import pyte
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.style import Style
from rich.text import Text

ROOT = Path(__file__).parents[1]
COLUMNS, ROWS = 88, 64
SECONDS = 300.0  # for one answer: the first one loads the model
PROMPTS = ("$ ", "> ")  # the shell's, and a chat's
TYPED = {
    "session": (
        'askcli ask -s "Answer with a short block of code." "A list of squares in Python?"',
        'askcli ask -c "And a set of them?"',
        "askcli history",
    ),
    "chat": (
        'askcli chat -s "Answer with one sentence and a short block of Python code."',
        "How do I reverse a string in Python?",
        "And as a function? The code alone.",
        "/title Reversed strings",
        "/usage",
        "/quit",
        "askcli conversations",
    ),
}


class _Screen(pyte.Screen):
    """A screen that tells where its cursor is, when a program asks."""

    def __init__(self, shell: pexpect.spawn) -> None:
        super().__init__(COLUMNS, ROWS)
        self._shell = shell

    def write_process_input(self, data: str) -> None:
        """Send the answer as if it had been typed."""
        self._shell.send(data)

    @property
    def is_at_prompt(self) -> bool:
        """Whether nothing is typed yet: then the cursor is right behind a prompt."""
        return self.cursor.x == 2 and self.display[self.cursor.y].startswith(PROMPTS)


def played(lines: tuple[str, ...]) -> pyte.Screen:
    """The screen at the end of the session, in which these lines are typed."""
    shell = pexpect.spawn(
        "bash",
        ["--norc", "-i"],
        env=dict(os.environ) | {"PS1": "$ ", "TERM": "xterm-256color"},
        dimensions=(ROWS, COLUMNS),
        encoding="utf-8",
    )
    screen = _Screen(shell)
    stream = pyte.Stream(screen)
    _read(shell, screen, stream, is_at_prompt=True)
    for line in lines:
        # A line that is typed and not yet sent: what comes after it is a new prompt.
        shell.send(line)
        _read(shell, screen, stream, is_at_prompt=False)
        shell.send("\r")
        _read(shell, screen, stream, is_at_prompt=True)
    shell.close()
    return screen


def _read(
    shell: pexpect.spawn, screen: _Screen, stream: pyte.Stream, *, is_at_prompt: bool
) -> None:
    """Read until the cursor is behind an empty prompt, or is not. Raises TimeoutError."""
    deadline = time.monotonic() + SECONDS
    while screen.is_at_prompt is not is_at_prompt:
        if time.monotonic() > deadline:
            raise TimeoutError("\n".join(screen.display))
        stream.feed(shell.read_nonblocking(4096, timeout=SECONDS))


def drawn(screen: pyte.Screen) -> Text:
    """The screen as text with styles."""
    rows = []
    for y in range(screen.lines):
        row = Text()
        for x in range(screen.columns):
            cell = screen.buffer[y][x]
            colour = None if cell.fg == "default" else cell.fg.replace("bright", "bright_")
            style = Style(color=_colour(colour), bold=cell.bold, italic=cell.italics)
            row.append(cell.data, style + Style(underline=cell.underscore))
        row.rstrip()
        rows.append(row)
    while rows and not rows[-1]:
        rows.pop()
    return Text("\n").join(rows)


def _colour(name: str | None) -> str | None:
    if name and re.fullmatch("[0-9a-f]{6}", name):
        return f"#{name}"
    return {"brown": "yellow", "bright_brown": "bright_yellow"}.get(name or "", name)


def draw(name: str, path: Path) -> None:
    """Play the session of this name and write its picture."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(drawn(played(TYPED[name])))
    # No fonts from elsewhere: a picture should not ask anybody for anything.
    plain = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    plain = plain.replace("font-family: Fira Code, monospace", "font-family: monospace")
    console.save_svg(str(path), title="askcli", code_format=plain, unique_id=name)


def main() -> None:
    """Draw what the command line names."""
    name, path = [*sys.argv[1:], None, None][:2]
    for one in [name] if name else TYPED:
        draw(one, Path(path) if path else ROOT / "docs" / f"{one}.svg")


if __name__ == "__main__":
    main()
