"""Streaming Markdown on a terminal: finished blocks are printed once, the rest is live below."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence

from rich.console import Console
from rich.segment import Segment

from askcli.cli.output.markdown import blocks, rendering
from askcli.cli.output.markdown.rendering import render_block, render_code
from askcli.cli.output.markdown.rows import Line, folded, to_ansi
from askcli.cli.output.terminal import console, transient
from askcli.cli.output.terminal.held_signals import held, let_through
from askcli.cli.output.terminal.live_region import Region, hidden_while_suspended
from askcli.cli.output.terminal.notices import passing_written_by

# Drawing may take one part in so many of the time: a long block is drawn less often.
DRAW_RATIO = 4

# Takes the lines that are final out of their list, and shows the rows that may change below them.
Show = Callable[[list[str], Sequence[str]], None]


def print_markdown(pieces: Iterator[str]) -> None:
    """Render pieces of text as they come; all text is printed even if the iterator raises.

    Where Ctrl-C breaks off the rendering, which may take long, the rest is printed as it is.
    """
    region = Region()
    document = _LiveDocument(_terminal(), region.show)
    # Notices belong to stderr, wherever that leads.
    is_one_screen = sys.stderr is not None and sys.stderr.isatty()
    passing = document.notice if is_one_screen else console.note
    # All of it is printed, whenever a signal comes.
    with hidden_while_suspended(region, document.draw), passing_written_by(passing), held():
        try:
            with let_through():
                _add_all(document, pieces)
        except BaseException as error:
            if not isinstance(error, Exception):  # Ctrl-C, or the time is up
                transient.end_soon()
            raise
        finally:
            document.end()


def _add_all(document: _LiveDocument, pieces: Iterator[str]) -> None:
    before = ""
    for piece in pieces:
        document.add(console.visible(piece, before))
        before = piece[-1:] or before


def _terminal() -> Console:
    # Rich assumes 80 columns for a dumb terminal, unless it is given both, and takes COLUMNS=0 for
    # a width, in which nothing is shown of a text.
    own = Console()
    is_wrong = own.is_dumb_terminal or own.width < 1
    size = shutil.get_terminal_size() if is_wrong else (None, None)
    return Console(highlight=False, width=size[0], height=size[1], theme=rendering.STYLES)


def render_lines(text: str) -> Iterator[str]:
    """Return the rendered lines of a complete text."""
    terminal = _terminal()
    lines: list[str] = []

    def show(final: list[str], _rows: Sequence[str]) -> None:
        lines.extend(final)
        final.clear()

    document = _LiveDocument(terminal, show)
    document.add(text)
    document.end()
    return iter(lines)


class _LiveDocument:
    """The text so far: printed blocks, and the unfinished one."""

    def __init__(self, terminal: Console, show: Show) -> None:
        self._terminal = terminal
        self._show = show
        self._pending = ""
        self._final: list[str] = []  # rendered, and not printed yet
        self._notice = ""  # shown below the text until more of it comes
        self._has_printed = False  # a block: an empty line comes before the next one
        self._lines_printed = 0  # of the unfinished block of code
        self._is_plain = False
        self._next = 0.0
        self._is_busy = False

    def add(self, piece: str) -> None:
        """Append a piece, and draw unless drawing takes too much of the time."""
        self._pending += piece
        self._notice = ""
        start = time.monotonic()
        if start >= self._next:
            self.draw()
            self._next = time.monotonic() + DRAW_RATIO * (time.monotonic() - start)

    def notice(self, text: str) -> None:
        """Show a notice below the text until more of it comes."""
        if self._terminal.is_dumb_terminal:
            console.note(text)
        else:
            self._notice = console.visible(text)
            self.draw()

    def draw(self) -> None:
        """Print the finished blocks, and show the rest below."""
        if self._is_busy:  # the process was suspended in the middle of a drawing, which goes on
            return
        self._is_busy = True
        try:
            rows = self._whole(self._render_pending)
            self._show(self._final, rows)
        finally:
            self._is_busy = False

    def _whole(self, render: Callable[[], list[str]]) -> list[str]:
        """Render; where that is broken off, all stays as it was, to be printed as it is written."""
        state = self._pending, self._lines_printed, self._has_printed, self._final
        with held():
            try:
                with let_through():
                    return render()
            except BaseException:
                self._pending, self._lines_printed, self._has_printed, self._final = state
                self._is_plain = True
                raise

    def _render_pending(self) -> list[str]:
        finished, last = blocks.settled(self._pending)
        final = [line for block in finished for line in self._finish(block)]
        self._pending = last
        code = blocks.code(last)
        lines = self._render(last, code)
        if code:
            final += self._complete_code_lines(code, lines)
        rows = [] if self._terminal.is_dumb_terminal else self._rows(lines)
        self._final = self._final + final  # the old list stays as it was, for an interrupt
        return rows

    def end(self) -> None:
        """Print the rest, as it is written where its rendering is or was broken off."""
        self._is_busy = True
        with held():
            try:
                if not self._is_plain:
                    self._final = self._final + self._whole(self._finished)
            finally:
                if self._is_plain:
                    self._final = self._final + self._source()
                self._pending = ""
                self._show(self._final, [])

    def _finished(self) -> list[str]:
        return [line for block in blocks.split(self._pending) for line in self._finish(block)]

    def _source(self) -> list[str]:
        source = self._pending.strip("\n").split("\n") if self._pending else []
        # Of the unfinished block of code, whose first line is the fence.
        rest = source[self._lines_printed + 1 :] if self._lines_printed else source
        return to_ansi(self._terminal, self._spaced([[Segment(line)] for line in rest]))

    def _finish(self, block: str) -> list[str]:
        lines = self._render(block, blocks.code(block))
        new = self._spaced(lines[self._lines_printed :])
        self._lines_printed = 0
        self._has_printed = self._has_printed or bool(lines)
        return to_ansi(self._terminal, new)

    def _render(self, block: str, code: blocks.Code | None) -> list[Line]:
        return render_code(self._terminal, code) if code else render_block(self._terminal, block)

    def _complete_code_lines(self, code: blocks.Code, lines: list[Line]) -> list[str]:
        """Return the complete lines of code, which later text does not change."""
        complete = lines[: len(code.lines) - (not code.is_closed)]
        new = self._spaced(complete[self._lines_printed :])
        self._lines_printed = len(complete)
        return to_ansi(self._terminal, new)

    def _rows(self, lines: list[Line]) -> list[str]:
        """Return the last rows of the unfinished block that fit on the terminal, and the notice."""
        lines = self._spaced(lines[self._lines_printed :])
        # The last column stays free: terminals differ in where the cursor is after it.
        width, room = self._terminal.width - 1, max(1, self._terminal.height - 1)
        rows = [row for line in lines[-room:] for row in folded(line, width)]
        if self._notice:
            notice = Segment(self._notice, self._terminal.get_style("dim"))
            rows.append(folded([notice], width)[0])
        return to_ansi(self._terminal, rows[-room:])

    def _spaced(self, lines: list[Line]) -> list[Line]:
        is_first = self._lines_printed == 0 and self._has_printed
        return [[], *lines] if lines and is_first else lines
