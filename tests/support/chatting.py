"""A chat at a terminal, and what a model was asked by it."""

from __future__ import annotations

from tests.support.cli import Cli
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.live_terminal import LiveTerminal


def chat(cli: Cli, *arguments: str, columns: int = 80, rows: int = 24) -> LiveTerminal:
    """A chat whose prompt is there."""
    terminal = cli.terminal("chat", *arguments, columns=columns, rows=rows)
    live = LiveTerminal(terminal, columns, rows)
    live.until_prompt()
    return live


def left(live: LiveTerminal) -> list[str]:
    """Leave the chat; return the lines of its terminal."""
    live.until_prompt()
    live.type("\x04")
    assert live.end() == 0
    return live.lines


def turns(fake: FakeAnthropic, marker: str) -> list[list[str]]:
    """The messages of each request for the question with the marker."""
    return [[one["content"] for one in request["messages"]] for request in fake.asked(marker)]
