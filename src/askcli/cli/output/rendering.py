"""A block of Markdown as the lines of a terminal."""

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

# Readable on dark and on light: the terminal's own sixteen colours.
THEME = "ansi_dark"
STYLES = Theme({"markdown.code": "cyan", "markdown.code_block": "none"})


# Deeper than this is shown as it was written: the parser lets go of what is in it, and in a
# narrow window no room is left.
DEEPEST, COLUMNS_PER_LEVEL = 15, 4


class _Heading(Heading):
    """A heading at the left, where the text is."""

    LEVEL_ALIGN: ClassVar[Any] = {}


class _CodeBlock(CodeBlock):
    """Code in a list or a quotation, without a background that would be copied as blanks."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield highlighted(str(self.text).rstrip("\n"), self.lexer_name)


class _Table(TableElement):
    """A table whose cells are never cut: a long word goes on in the next line."""

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
        # A link shows its address: hidden behind its text, it could lead anywhere.
        super().__init__("", hyperlinks=False)
        self.markup, self.parsed = text, blocks.parser.parse(text)
        for token in self.parsed:
            token.children = token.children and _as_text(token.children)


def _as_text(tokens: list[Token]) -> list[Token]:
    """The tokens of a line, with images as links to them, and bare addresses told once."""
    told: list[Token] = []
    for token in tokens:
        if token.type == "image":
            told.append(Token("text", "", 0, content=f"{token.content} ({token.attrs['src']})"))
        elif token.info != "auto":  # an <address>, whose text is the address
            told.append(token)
    return told


Line = list[Segment]


def rendered(terminal: Console, block: str) -> list[Line]:
    """The lines of one block, none wider than the terminal, without blank ones around them."""
    markdown = _Markdown(block.strip("\n"))
    level = max((token.level for token in markdown.parsed), default=0)
    is_deep = level > min(DEEPEST, terminal.width // COLUMNS_PER_LEVEL)
    shown = Text(block.strip("\n")) if is_deep else markdown
    lines = terminal.render_lines(shown, pad=False)
    said = [number for number, line in enumerate(lines) if not _is_blank(line)]
    return [_trimmed(line) for line in lines[said[0] : said[-1] + 1]] if said else []


def rendered_code(terminal: Console, code: blocks.Code) -> list[Line]:
    """The lines of code, as long as they are: a terminal that wraps them lets them be copied."""
    text = highlighted("\n".join(code.lines), code.language)
    lines = text.split("\n", allow_blank=True)
    return [list(line.render(terminal)) for line in lines]


def highlighted(code: str, language: str) -> Text:
    """The code with its colours; as it is, where the language is unknown."""
    text = Syntax("", language or "text", theme=THEME).highlight(code)
    text.no_wrap, text.end = False, ""
    if text.plain.endswith("\n") and not code.endswith("\n"):
        text.right_crop(1)
    return text


def _trimmed(line: Line) -> Line:
    """The line without the blanks that fill it up, which would be copied with it."""
    while line and not line[-1].text.strip(" "):
        line = line[:-1]
    return [*line[:-1], Segment(line[-1].text.rstrip(" "), line[-1].style)] if line else line


def _is_blank(line: Line) -> bool:
    return not any(segment.text.strip() for segment in line)


def encoded(terminal: Console, lines: list[Line], width: int | None = None) -> list[str]:
    """The lines as the terminal takes them, cut to `width` cells where that is said."""
    if not lines:
        return []
    if width is not None:
        lines = [_cut(line, width) for line in lines]
    flat = [segment for line in lines for segment in (*line, Segment.line())]
    with terminal.capture() as captured:
        terminal.print(Segments(flat), soft_wrap=True, end="")
    return [line.rstrip("\r") for line in captured.get().split("\n")[:-1]]


def _cut(line: Line, width: int) -> Line:
    """As much of a line as fits for certain.

    Terminals differ in how wide signs that belong together are (a thumb and the colour of its
    skin): the widest that any of them shows is what each takes alone.
    """
    cut: Line = []
    left = width
    for text, style, _ in line:
        fitting = 0
        while fitting < len(text) and left >= (size := _widest(text[fitting])):
            fitting, left = fitting + 1, left - size
        cut.append(Segment(text[:fitting], style))
        if fitting < len(text):
            break
    return cut


def _widest(sign: str) -> int:
    """How many cells a character takes alone."""
    kind = unicodedata.category(sign)
    if kind in ("Mn", "Me", "Cf"):
        return 0
    # Rich knows a symbol, or what only changes the one before it, as narrow: not all terminals do.
    return 2 if kind in ("So", "Sk") and sign > "~" else get_character_cell_size(sign)
