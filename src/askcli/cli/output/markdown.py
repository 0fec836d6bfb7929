"""Markdown on a terminal as it comes: what is finished is printed once, the rest shown below it."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from rich.console import Console

from askcli.cli.output import blocks, console, rendering
from askcli.cli.output.live_region import Region, leaving_no_trace
from askcli.cli.output.rendering import Line, encoded, rendered, rendered_code

# Of the time, drawing may take one part in so many: a long block is drawn less often.
PATIENCE = 4

# Takes the lines that are printed for good, and the rows below them that may change.
Show = Callable[[Sequence[str], Sequence[str]], None]


def print_markdown(pieces: Iterator[str]) -> None:
    """Render the pieces of a text as they come; what came is printed whatever ends them."""
    terminal = _terminal()
    region = Region(lambda text: console.write(sys.stdout, text))
    page = _Page(terminal, region.show)
    try:
        with leaving_no_trace(region, page.draw):
            for piece in pieces:
                page.add(console.harmless(piece))
    finally:
        page.end()


def _terminal() -> Console:
    # Rich takes a dumb terminal to have 80 columns, whatever it says.
    is_dumb = Console().is_dumb_terminal
    width = shutil.get_terminal_size().columns if is_dumb else None
    return Console(highlight=False, width=width, theme=rendering.STYLES)


def rendered_lines(text: str) -> Iterator[str]:
    """The lines of a whole text, rendered."""
    terminal = _terminal()
    lines: list[str] = []
    page = _Page(terminal, lambda printed, _rows: lines.extend(printed))
    page.add(text)
    page.end()
    return iter(lines)


class _Page:
    """The text so far: blocks that are printed, and the one under way."""

    def __init__(self, terminal: Console, show: Show) -> None:
        self._terminal = terminal
        self._show = show
        self._pending = ""
        self._has_printed = False  # a block: the next one stands an empty line below
        self._lines_printed = 0  # of the code under way
        self._next = 0.0

    def add(self, piece: str) -> None:
        """Append a piece, and show it unless drawing takes too long just now."""
        self._pending += piece
        began = time.monotonic()
        if began >= self._next:
            self.draw()
            self._next = time.monotonic() + PATIENCE * (time.monotonic() - began)

    def draw(self) -> None:
        """Print what is finished, and show the rest below it."""
        *finished, last = blocks.split(self._pending)
        printed = [line for block in finished for line in self._finish(block)]
        self._pending = last
        code = blocks.code(last)
        lines = self._rendered(last, code)
        if code:
            printed += self._go_on(code, lines)
        rows = [] if self._terminal.is_dumb_terminal else self._rows(lines, code)
        self._show(printed, rows)

    def end(self) -> None:
        """Print all that is left."""
        printed = [line for block in blocks.split(self._pending) for line in self._finish(block)]
        self._pending = ""
        self._show(printed, [])

    def _finish(self, block: str) -> list[str]:
        lines = self._rendered(block, blocks.code(block))
        new = self._spaced(lines[self._lines_printed :])
        self._lines_printed = 0
        self._has_printed = self._has_printed or bool(lines)
        return encoded(self._terminal, new)

    def _rendered(self, block: str, code: blocks.Code | None) -> list[Line]:
        return rendered_code(self._terminal, code) if code else rendered(self._terminal, block)

    def _go_on(self, code: blocks.Code, lines: list[Line]) -> list[str]:
        """Print the lines of code that are whole: what follows does not change them."""
        whole = lines[: len(code.lines) - (not code.is_closed)]
        new = self._spaced(whole[self._lines_printed :])
        self._lines_printed = len(whole)
        return encoded(self._terminal, new)

    def _rows(self, lines: list[Line], code: blocks.Code | None) -> list[str]:
        """The end of the block under way, as much as there is room for."""
        if code and any("\t" in line for line in code.lines):
            # With blanks for tabs, which are as wide as where they stand tells.
            untabbed = replace(code, lines=[line.expandtabs() for line in code.lines])
            lines = rendered_code(self._terminal, untabbed)
        lines = self._spaced(lines[self._lines_printed :])
        room = max(1, self._terminal.height - 1)
        # One column stays free: behind the last one, terminals differ in where the cursor is.
        return encoded(self._terminal, lines[-room:], self._terminal.width - 1)

    def _spaced(self, lines: list[Line]) -> list[Line]:
        is_first = self._lines_printed == 0 and self._has_printed
        return [[], *lines] if lines and is_first else lines
