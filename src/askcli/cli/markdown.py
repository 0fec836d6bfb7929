"""Markdown on a terminal, block by block: a finished block is printed once and never repainted.

Only the block under way is shown live, and only its last lines, so that scrolling, selecting and
resizing work as with any other output.
"""

from __future__ import annotations

from collections.abc import Iterator

from markdown_it import MarkdownIt
from rich.console import Console
from rich.live import Live
from rich.markdown import Markdown
from rich.text import Text

from askcli.cli import console

_parser = MarkdownIt().enable("table")


def print_markdown(pieces: Iterator[str]) -> None:
    """Render the pieces of a text as they come."""
    terminal = Console(soft_wrap=False, highlight=False)
    pending, blocks = "", 0
    with Live(console=terminal, transient=True, auto_refresh=False) as live:
        for piece in pieces:
            pending += console.harmless(piece)
            finished, pending = split_finished(pending)
            if finished.strip():
                live.update(Text(""), refresh=True)
                _print_block(terminal, finished, blocks)
                blocks += 1
            live.update(_tail(pending, terminal), refresh=True)
        live.update(Text(""), refresh=True)
    if pending.strip():
        _print_block(terminal, pending, blocks)


def split_finished(text: str) -> tuple[str, str]:
    """The blocks that more text cannot change, and the rest: the last block and what follows."""
    tops = [token.map[0] for token in _parser.parse(text) if token.level == 0 and token.map]
    if len(tops) < 2:
        return "", text
    lines = text.splitlines(keepends=True)
    return "".join(lines[: tops[-1]]), "".join(lines[tops[-1] :])


def _print_block(terminal: Console, text: str, blocks: int) -> None:
    if blocks:
        terminal.print()
    terminal.print(Markdown(text.strip("\n")))


def _tail(text: str, terminal: Console) -> Text:
    lines = text.splitlines()[-max(1, terminal.height - 2) :]
    return Text("\n".join(lines), no_wrap=True, overflow="ellipsis")
