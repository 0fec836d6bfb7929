"""Rendering of Markdown blocks as lines of a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.segment import Segment
from rich.text import Text
from rich.theme import Theme

from askcli.cli.output.markdown import blocks
from askcli.cli.output.markdown.elements import Document
from askcli.cli.output.markdown.highlighting import code_lines
from askcli.cli.output.markdown.rows import Line

STYLES = Theme({"markdown.code": "cyan", "markdown.code_block": "none"})

# Deeper nesting is shown as source: the parser drops its content, and a narrow window has no room.
DEEPEST, COLUMNS_PER_LEVEL = 15, 4


def render_block(terminal: Console, block: str) -> list[Line]:
    """Return the lines of a block without blank ones around.

    Only lines of code are wider than the terminal less one column, as the live region is.
    """
    markdown = Document(block.strip("\n"))
    level = max((token.level for token in markdown.parsed), default=0)
    is_deep = level > min(DEEPEST, terminal.width // COLUMNS_PER_LEVEL)
    content = Text(block.strip("\n")) if is_deep else markdown
    options = terminal.options.update(width=max(1, terminal.width - 1))
    lines = list(Segment.split_lines(terminal.render(content, options)))
    numbers = [number for number, line in enumerate(lines) if not _is_blank(line)]
    return [_trimmed(line) for line in lines[numbers[0] : numbers[-1] + 1]] if numbers else []


def render_code(terminal: Console, code: blocks.Code) -> list[Line]:
    """Return the lines of code unwrapped: lines wrapped by the terminal can be copied."""
    return code_lines(terminal, "\n".join(code.lines), code.language)


def _trimmed(line: Line) -> Line:
    """Remove padding, which would be copied with the line."""
    while line and not line[-1].text.strip(" "):
        line = line[:-1]
    return [*line[:-1], Segment(line[-1].text.rstrip(" "), line[-1].style)] if line else line


def _is_blank(line: Line) -> bool:
    return not any(segment.text.strip() for segment in line)
