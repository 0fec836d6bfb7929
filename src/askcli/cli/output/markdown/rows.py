"""Lines of a terminal, as text with colours, and folded into rows."""

from __future__ import annotations

import unicodedata

from rich.cells import get_character_cell_size
from rich.console import Console
from rich.segment import Segment, Segments

Line = list[Segment]

TAB = 8


def to_ansi(terminal: Console, lines: list[Line]) -> list[str]:
    """Return the lines as text with escape sequences."""
    if not lines:
        return []
    flat = [segment for line in lines for segment in (*line, Segment.line())]
    with terminal.capture() as captured:
        terminal.print(Segments(flat), soft_wrap=True, end="")
    return [line.rstrip("\r") for line in captured.get().split("\n")[:-1]]


def folded(line: Line, width: int) -> list[Line]:
    """Return the line as rows that certainly fit into the width, with blanks for tabs.

    Terminals differ in the width of combined characters (a thumb and its skin tone): at most it is
    the sum of the single widths.
    """
    rows: list[Line] = [[]]
    used = 0
    for text, style, _ in line:
        begun = ""
        for char in text:
            cell = " " * (TAB - used % TAB) if char == "\t" else char
            size = len(cell) if char == "\t" else _widest(char)
            if used + size > width and used:
                rows[-1].append(Segment(begun, style))
                rows.append([])
                begun, used = "", 0
            begun, used = begun + cell, used + size
        rows[-1].append(Segment(begun, style))
    return rows


def _widest(char: str) -> int:
    """Return the cells of a single character."""
    kind = unicodedata.category(char)
    if kind in ("Mn", "Me", "Cf"):
        return 0
    # Rich counts symbols and modifiers as narrow; not all terminals do.
    return 2 if kind in ("So", "Sk") and char > "~" else get_character_cell_size(char)
