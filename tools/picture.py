"""Draw docs/session.svg: a real session at a pseudo-terminal, with whatever model answers here."""

from __future__ import annotations

import io
import os
import re
import sys
from pathlib import Path

import pexpect
import pyte
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.style import Style
from rich.text import Text

ROOT = Path(__file__).parents[1]
COLUMNS, ROWS = 88, 40
READY = "ready"
PROMPT = f"\x1b]0;{READY}\x07$ "
COMMANDS = (
    'askcli ask "What are list comprehensions in Python? One sentence and one line of code."',
    'askcli ask -c "Now with a set, one line of code."',
    "askcli history",
)


def played() -> pyte.Screen:
    """The screen at the end of the session."""
    shell = pexpect.spawn(
        "bash",
        ["--norc", "-i"],
        env=dict(os.environ) | {"PS1": "$ ", "TERM": "xterm-256color", "BASH_SILENCE": "1"},
        dimensions=(ROWS, COLUMNS),
        encoding="utf-8",
        timeout=120,
    )
    screen = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.Stream(screen)
    # What is expected is in the prompt and in no answer: a terminal's title.
    shell.sendline(f"bind 'set enable-bracketed-paste off'; PS1='\\[\\e]0;{READY}\\a\\]$ '; clear")
    shell.expect_exact(PROMPT)
    stream.feed("$ ")
    for command in COMMANDS:
        shell.sendline(command)
        shell.expect_exact(PROMPT)
        stream.feed(shell.before + "$ ")
    shell.close()
    return screen


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


def main() -> None:
    """Play the session and write the picture."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(drawn(played()))
    # No fonts from elsewhere: a picture should not ask anybody for anything.
    plain = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    plain = plain.replace("font-family: Fira Code, monospace", "font-family: monospace")
    path = Path(sys.argv[1]) if sys.argv[1:] else ROOT / "docs" / "session.svg"
    console.save_svg(str(path), title="askcli", code_format=plain, unique_id="session")


if __name__ == "__main__":
    main()
