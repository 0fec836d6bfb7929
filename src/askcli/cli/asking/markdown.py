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
from rich.segment import Segment, Segments
from rich.text import Text

from askcli.cli import console

# Parsing costs the more the longer a block is; ten times a second is enough to see its end.
PARSE_SECONDS = 0.1

_parser = MarkdownIt().enable("table")


def print_markdown(pieces: Iterator[str]) -> None:
    """Render the pieces of a text as they come; what came is printed whatever ends them."""
    terminal = Console(highlight=False)
    page = _Page(terminal)
    try:
        # No refreshing thread: printing beside it makes it erase the wrong lines.
        with Live(console=terminal, transient=True, auto_refresh=False) as live:
            for piece in pieces:
                if finished := page.add(console.harmless(piece)):
                    live.update(Text(""), refresh=True)
                    page.print(finished)
                live.update(page.tail(), refresh=True)
    finally:
        page.print(page.pending)


class _Page:
    """The text so far: blocks that are printed, and the pending one."""

    def __init__(self, terminal: Console) -> None:
        self._terminal = terminal
        self.pending = ""
        self._blocks = 0
        self._parsed = 0.0

    def add(self, piece: str) -> str:
        """Append a piece; the blocks that are finished now."""
        self.pending += piece
        finished = ""
        if "\n" in self.pending and time.monotonic() - self._parsed > PARSE_SECONDS:
            finished, self.pending = split_finished(self.pending)
            self._parsed = time.monotonic()
        return finished

    def tail(self) -> Text:
        """The last lines of the pending block, as they came."""
        rows = max(1, self._terminal.height - 2)
        lines = self.pending[-rows * self._terminal.width :].splitlines()[-rows:]
        return Text("\n".join(lines), no_wrap=True, overflow="ellipsis")

    def print(self, text: str) -> None:
        """Print blocks, an empty line between them."""
        for block in split_blocks(text):
            # A link shows its address: hidden behind its text, it could lead anywhere.
            markdown = Markdown(block.strip("\n"), hyperlinks=False)
            lines = _trimmed(self._terminal.render_lines(markdown, pad=False))
            if lines and self._blocks:
                lines.insert(0, [])
            self._blocks += bool(lines)
            ended = [segment for line in lines for segment in (*line, Segment.line())]
            self._terminal.print(Segments(ended), soft_wrap=True)


def _trimmed(lines: list[list[Segment]]) -> list[list[Segment]]:
    """The lines without the blank ones around them, which rich gives to some blocks."""
    said = [number for number, line in enumerate(lines) if not _is_blank(line)]
    return lines[said[0] : said[-1] + 1] if said else []


def _is_blank(line: list[Segment]) -> bool:
    return not any(segment.text.strip() for segment in line)


def split_finished(text: str) -> tuple[str, str]:
    """The blocks that more text cannot change, and the rest: the last block and what follows."""
    *finished, last = split_blocks(text)
    return "".join(finished), last


def split_blocks(text: str) -> list[str]:
    """The text's top-level blocks; together they are the text."""
    lines = text.splitlines(keepends=True)
    tops = [token.map[0] for token in _parser.parse(text) if token.level == 0 and token.map]
    starts = [0, *tops[1:]]
    return [
        "".join(lines[start:end])
        for start, end in zip(starts, [*tops[1:], len(lines)], strict=True)
    ]
