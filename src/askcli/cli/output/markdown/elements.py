"""Elements of Markdown as rich renders them here: nothing is cropped, and code is not wrapped."""

from __future__ import annotations

from typing import Any, ClassVar

from markdown_it.rules_block.table import escapedSplit
from markdown_it.token import Token
from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import (
    BlockQuote,
    CodeBlock,
    Heading,
    ListItem,
    Markdown,
    MarkdownElement,
    TableElement,
)
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from askcli.cli.output.markdown import blocks
from askcli.cli.output.markdown.highlighting import code_lines
from askcli.cli.output.terminal.console import visible

# Of a table: two for text, which a wide character takes, and two between it and the next cell.
COLUMNS_PER_CELL = 4

# Of a row's token in a table that is in no list or quotation.
ROW_LEVEL = 2


class _Heading(Heading):
    """A heading, left-aligned."""

    LEVEL_ALIGN: ClassVar[Any] = {}


class _CodeBlock(CodeBlock):
    """Code in a list or a quotation, without a background, which would be copied as blanks."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in code_lines(console, str(self.text).rstrip("\n"), self.lexer_name):
            yield from (*line, Segment.line())


class _ListItem(ListItem):
    """An item whose lines of code may be longer than the terminal is wide."""

    def render_bullet(self, console: Console, options: ConsoleOptions) -> RenderResult:
        style = console.get_style("markdown.item.bullet", default="none")
        return _prefixed(self, console, options, Segment(" • ", style))

    def render_number(
        self, console: Console, options: ConsoleOptions, number: int, last_number: int
    ) -> RenderResult:
        style = console.get_style("markdown.item.number", default="none")
        width = len(str(last_number)) + 1
        return _prefixed(self, console, options, Segment(f"{number:>{width}} ", style))


class _BlockQuote(BlockQuote):
    """A quotation whose lines of code may be longer than the terminal is wide."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        bar = Segment("▌ ", self.style)
        return _prefixed(self, console, options, bar, bar)


def _prefixed(
    parent: ListItem | BlockQuote,
    console: Console,
    options: ConsoleOptions,
    first: Segment,
    rest: Segment | None = None,
) -> RenderResult:
    """Yield the lines of the elements of a block, each after a prefix.

    Nothing is cropped to the width: rich's own rendering would crop code, or wrap it.
    """
    rest = rest or Segment(" " * first.cell_length, first.style)
    options = options.update(width=max(1, options.max_width - first.cell_length))
    rendered = Segment.apply_style(console.render(parent.elements, options), parent.style)
    for number, line in enumerate(Segment.split_lines(rendered)):
        yield rest if number else first
        yield from line
        yield Segment.line()


class _Table(TableElement):
    """A table whose cells are never cut: long words are wrapped.

    With more columns than fit, each of its rows is a line of cells: rich would leave columns out.
    """

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        header = self.header.row.cells if self.header and self.header.row else []
        rows = self.body.rows if self.body else []
        if len(header) * COLUMNS_PER_CELL > options.max_width:
            for cells in (header, *(row.cells for row in rows)):
                yield Text(" | ").join(cell.content for cell in cells)
            return
        table = Table(box=box.SIMPLE, pad_edge=False, collapse_padding=True)
        for column in header:
            heading = column.content.copy()
            heading.stylize("markdown.table.header")
            table.add_column(heading, overflow="fold")
        for row in rows:
            table.add_row(*(cell.content for cell in row.cells))
        yield table


class Document(Markdown):
    """Markdown as this client shows it."""

    elements: ClassVar[dict[str, type[MarkdownElement]]] = {
        **Markdown.elements,
        "heading_open": _Heading,
        "fence": _CodeBlock,
        "code_block": _CodeBlock,
        "table_open": _Table,
        "list_item_open": _ListItem,
        "blockquote_open": _BlockQuote,
    }

    def __init__(self, text: str) -> None:
        # Links show their address: hidden behind a text, it could lead anywhere.
        super().__init__("", hyperlinks=False)
        self.markup, self.parsed = text, blocks.parser.parse(text)
        _add_dropped_cells(self.parsed, text.split("\n"))
        for token in self.parsed:
            token.children = token.children and _as_text(token.children)


def _add_dropped_cells(tokens: list[Token], lines: list[str]) -> None:
    """Add to the last cell of a table's row those for which the head has no column.

    The parser drops them, as the standard says: a `|` in code is enough for one more cell.
    """
    columns, cell = 0, Token("inline", "", 0)
    for token in tokens:
        if token.type == "inline":
            cell = token
        elif token.type == "thead_open":
            columns = 0
        elif token.type == "th_open":
            columns += 1
        elif token.type == "tr_close" and cell.map and cell.children is not None:
            dropped = _cells(lines[cell.map[0]], is_nested=token.level > ROW_LEVEL)[columns:]
            if any(dropped):
                cell.children.append(Token("text", "", 0, content=" | ".join(["", *dropped])))


def _cells(line: str, *, is_nested: bool) -> list[str]:
    """Return the cells of a row; the mark of a list or quotation around it is not one."""
    row = line[line.find("|") :] if is_nested else line
    cells = [cell.strip() for cell in escapedSplit(row.strip())]
    return cells[not cells[0] : len(cells) - (not cells[-1])]


def _as_text(tokens: list[Token]) -> list[Token]:
    """Replace images by text with their address, and show bare addresses once.

    What the parser has decoded (`&#x202e;`) becomes visible here.
    """
    result: list[Token] = []
    for token in tokens:
        if token.type == "image":
            result.append(Token("text", "", 0, content=f"{token.content} ({token.attrs['src']})"))
        elif token.info != "auto":  # an <address>, whose text is the address
            result.append(token)
    for token in result:
        token.content = visible(token.content)
    return result
