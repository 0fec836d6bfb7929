"""Rendering of Markdown blocks as lines of a terminal."""

from __future__ import annotations

import unicodedata
from typing import Any, ClassVar

from markdown_it.token import Token
from rich import box
from rich.cells import get_character_cell_size
from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import CodeBlock, Heading, Markdown, MarkdownElement, TableElement
from rich.segment import Segment, Segments
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text
from rich.theme import Theme

from askcli.cli.output import blocks

# The terminal's own sixteen colours, readable on dark and light backgrounds.
THEME = "ansi_dark"
STYLES = Theme({"markdown.code": "cyan", "markdown.code_block": "none"})


# Deeper nesting is shown as source: the parser drops its content, and a narrow window has no room.
DEEPEST, COLUMNS_PER_LEVEL = 15, 4


class _Heading(Heading):
    """A heading, left-aligned."""

    LEVEL_ALIGN: ClassVar[Any] = {}


class _CodeBlock(CodeBlock):
    """Code in a list or a quotation, without a background, which would be copied as blanks."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield highlight(str(self.text).rstrip("\n"), self.lexer_name)


class _Table(TableElement):
    """A table whose cells are never cut: long words are wrapped."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        table = Table(box=box.SIMPLE, pad_edge=False, collapse_padding=True)
        header = self.header.row.cells if self.header and self.header.row else []
        for column in header:
            heading = column.content.copy()
            heading.stylize("markdown.table.header")
            table.add_column(heading, overflow="fold")
        for row in self.body.rows if self.body else []:
            table.add_row(*(cell.content for cell in row.cells))
        yield table


class _Markdown(Markdown):
    elements: ClassVar[dict[str, type[MarkdownElement]]] = {
        **Markdown.elements,
        "heading_open": _Heading,
        "fence": _CodeBlock,
        "code_block": _CodeBlock,
        "table_open": _Table,
    }

    def __init__(self, text: str) -> None:
        # Links show their address: hidden behind a text, it could lead anywhere.
        super().__init__("", hyperlinks=False)
        self.markup, self.parsed = text, blocks.parser.parse(text)
        for token in self.parsed:
            token.children = token.children and _as_text(token.children)


def _as_text(tokens: list[Token]) -> list[Token]:
    """Replace images by text with their address, and show bare addresses once."""
    result: list[Token] = []
    for token in tokens:
        if token.type == "image":
            result.append(Token("text", "", 0, content=f"{token.content} ({token.attrs['src']})"))
        elif token.info != "auto":  # an <address>, whose text is the address
            result.append(token)
    return result


Line = list[Segment]


def render_block(terminal: Console, block: str) -> list[Line]:
    """Return the lines of a block, none wider than the terminal, without blank ones around."""
    markdown = _Markdown(block.strip("\n"))
    level = max((token.level for token in markdown.parsed), default=0)
    is_deep = level > min(DEEPEST, terminal.width // COLUMNS_PER_LEVEL)
    shown = Text(block.strip("\n")) if is_deep else markdown
    lines = terminal.render_lines(shown, pad=False)
    numbers = [number for number, line in enumerate(lines) if not _is_blank(line)]
    return [_trimmed(line) for line in lines[numbers[0] : numbers[-1] + 1]] if numbers else []


def render_code(terminal: Console, code: blocks.Code) -> list[Line]:
    """Return the lines of code unwrapped: lines wrapped by the terminal can be copied."""
    text = highlight("\n".join(code.lines), code.language)
    lines = text.split("\n", allow_blank=True)
    return [list(line.render(terminal)) for line in lines]


def highlight(code: str, language: str) -> Text:
    """Return the highlighted code; plain for an unknown language."""
    text = Syntax("", language or "text", theme=THEME).highlight(code)
    text.no_wrap, text.end = False, ""
    if text.plain.endswith("\n") and not code.endswith("\n"):
        text.right_crop(1)
    return text


def _trimmed(line: Line) -> Line:
    """Remove padding, which would be copied with the line."""
    while line and not line[-1].text.strip(" "):
        line = line[:-1]
    return [*line[:-1], Segment(line[-1].text.rstrip(" "), line[-1].style)] if line else line


def _is_blank(line: Line) -> bool:
    return not any(segment.text.strip() for segment in line)


def to_ansi(terminal: Console, lines: list[Line], width: int | None = None) -> list[str]:
    """Return the lines as text with escape sequences, optionally cut to `width` cells."""
    if not lines:
        return []
    if width is not None:
        lines = [_cut(line, width) for line in lines]
    flat = [segment for line in lines for segment in (*line, Segment.line())]
    with terminal.capture() as captured:
        terminal.print(Segments(flat), soft_wrap=True, end="")
    return [line.rstrip("\r") for line in captured.get().split("\n")[:-1]]


def _cut(line: Line, width: int) -> Line:
    """Cut a line to what certainly fits.

    Terminals differ in the width of combined characters (a thumb and its skin tone): at most it is
    the sum of the single widths.
    """
    cut: Line = []
    remaining = width
    for text, style, _ in line:
        fitting = 0
        while fitting < len(text) and remaining >= (size := _widest(text[fitting])):
            fitting, remaining = fitting + 1, remaining - size
        cut.append(Segment(text[:fitting], style))
        if fitting < len(text):
            break
    return cut


def _widest(char: str) -> int:
    """Return the cells of a single character."""
    kind = unicodedata.category(char)
    if kind in ("Mn", "Me", "Cf"):
        return 0
    # Rich counts symbols and modifiers as narrow; not all terminals do.
    return 2 if kind in ("So", "Sk") and char > "~" else get_character_cell_size(char)
