"""A person at a terminal in which a command runs: types, and waits for what the screen shows."""

from __future__ import annotations

import time

import pexpect
import pyte

from tests.support.screen import screen_lines

SECONDS = 60.0


class _AnsweringScreen(pyte.HistoryScreen):
    """A screen that tells where its cursor is, when it is asked."""

    def __init__(self, columns: int, rows: int, terminal: pexpect.spawn) -> None:
        super().__init__(columns, rows, history=100_000)
        self._terminal = terminal

    def write_process_input(self, data: str) -> None:
        """Send the answer as if it had been typed."""
        self._terminal.send(data)


class LiveTerminal:
    """The command's terminal. `written` is all that the command wrote."""

    def __init__(self, terminal: pexpect.spawn, columns: int = 80, rows: int = 24) -> None:
        self.process = terminal
        terminal.delaybeforesend = None
        self.written = ""
        self.screen = _AnsweringScreen(columns, rows, terminal)
        self._stream = pyte.Stream(self.screen)

    @property
    def lines(self) -> list[str]:
        """All lines on the screen and above it, without those that are empty at the end."""
        lines = screen_lines(self.screen)
        while lines and not lines[-1]:
            lines.pop()
        return lines

    def until(self, text: str, times: int = 1) -> None:
        """Wait until so many lines contain the text."""
        deadline = time.monotonic() + SECONDS
        while self.count(text) < times:
            assert time.monotonic() < deadline, self.lines
            self._read()

    def count(self, text: str) -> int:
        """How many lines contain the text."""
        return sum(text in line for line in self.lines)

    def until_prompt(self) -> None:
        """Wait until the cursor is at an empty prompt."""
        deadline = time.monotonic() + SECONDS
        while not self._is_at_prompt():
            assert time.monotonic() < deadline, self.lines
            self._read()

    def type(self, text: str) -> None:
        """Type the text, as it is."""
        self.process.send(text)

    def enter(self, text: str) -> None:
        """Type a line and Enter, once it is on the screen."""
        self.type(text)
        self.until(text[-20:])
        self.type("\r")

    def resize(self, columns: int, rows: int) -> None:
        """Change the size of the terminal."""
        self.screen.resize(rows, columns)
        self.process.setwinsize(rows, columns)

    def end(self) -> int | None:
        """Read to the end; return the exit code."""
        try:
            while True:
                self._read(SECONDS)
        except pexpect.EOF:
            self.process.wait()
        code: int | None = self.process.exitstatus
        return code

    def _is_at_prompt(self) -> bool:
        row = self.screen.display[self.screen.cursor.y]
        return row.startswith("> ") and self.screen.cursor.x == 2

    def _read(self, seconds: float = 1.0) -> None:
        try:
            text = self.process.read_nonblocking(65_536, seconds)
        except pexpect.TIMEOUT:
            return
        self.written += text
        self._stream.feed(text)
