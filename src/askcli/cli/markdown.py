"""Markdown on a terminal, block by block: a finished block is printed once and never repainted.

Only the block under way is shown live, and only its last lines, so that scrolling, selecting and
resizing work as with any other output.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from markdown_it import MarkdownIt
from rich.console import Console
from rich.live import Live
from rich.markdown import Markdown
from rich.text import Text

from askcli.cli import console

# Repainting and parsing cost the more the longer a block is; ten times a second is enough.
TIMES_A_SECOND = 10

_parser = MarkdownIt().enable("table")


def print_markdown(pieces: Iterator[str]) -> None:
    """Render the pieces of a text as they come; what came is printed whatever ends them."""
    terminal = Console(highlight=False)
    page = _Page(terminal)
    try:
        with Live(console=terminal, transient=True, refresh_per_second=TIMES_A_SECOND) as live:
            for piece in pieces:
                page.add(console.harmless(piece))
                live.update(page.tail())
    finally:
        page.flush()


class _Page:
    """The text so far: blocks that are printed, and the pending one."""

    def __init__(self, terminal: Console) -> None:
        self._terminal = terminal
        self._pending = ""
        self._blocks = 0
        self._parsed = 0.0

    def add(self, piece: str) -> None:
        """Append a piece, and print the blocks that it finished."""
        self._pending += piece
        moment = time.monotonic()
        if "\n" in self._pending and moment - self._parsed > 1 / TIMES_A_SECOND:
            finished, self._pending = split_finished(self._pending)
            self._print(finished)
            self._parsed = time.monotonic()

    def tail(self) -> Text:
        """The last lines of the pending block, as they came."""
        rows = max(1, self._terminal.height - 2)
        lines = self._pending[-rows * self._terminal.width :].splitlines()[-rows:]
        return Text("\n".join(lines), no_wrap=True, overflow="ellipsis")

    def flush(self) -> None:
        """Print what is pending."""
        pending, self._pending = self._pending, ""
        self._print(pending)

    def _print(self, text: str) -> None:
        if text.strip():
            if self._blocks:
                self._terminal.print()
            # A link shows its address: hidden behind its text, it could lead anywhere.
            self._terminal.print(Markdown(text.strip("\n"), hyperlinks=False))
            self._blocks += 1


def split_finished(text: str) -> tuple[str, str]:
    """The blocks that more text cannot change, and the rest: the last block and what follows."""
    tops = [token.map[0] for token in _parser.parse(text) if token.level == 0 and token.map]
    if len(tops) < 2:
        return "", text
    lines = text.splitlines(keepends=True)
    return "".join(lines[: tops[-1]]), "".join(lines[tops[-1] :])
