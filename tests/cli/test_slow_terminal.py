"""A terminal that takes nothing in the middle of a large write: signals come, no text twice."""

from __future__ import annotations

import re
import signal
from collections import Counter
from uuid import uuid4

import pexpect
import pytest

from tests.support.cli import Cli
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.screen import lines
from tests.support.waiting import eventually

LINES = 6000  # more than a terminal keeps for its reader
NUMBER = re.compile(r"\bc\d{5}\b")
ENDINGS = [
    ([], signal.SIGTERM, (None, signal.SIGTERM)),
    ([], signal.SIGINT, (130, None)),
    (["--timeout", "3"], None, (6, None)),
]


def begun(cli: Cli, fake: FakeAnthropic, *words: str) -> pexpect.spawn:
    """A terminal that shows the begin of a large piece of an answer, and is then not read."""
    marker = uuid4().hex
    text = "```\n" + "".join(f"line c{n:05} of the code\n" for n in range(LINES)) + "```\n\n"
    fake.on(marker, text, "never", hold_after=1)
    terminal = cli.terminal("ask", *words, marker)
    terminal.expect("c00000")
    return terminal


@pytest.mark.parametrize(("words", "number", "ended"), ENDINGS, ids=["TERM", "INT", "timeout"])
def test_a_command_ends_at_a_terminal_that_is_not_read(
    sqlite_cli: Cli,
    fake: FakeAnthropic,
    words: list[str],
    number: int | None,
    ended: tuple[int | None, int | None],
) -> None:
    terminal = begun(sqlite_cli, fake, *words)
    written = str(terminal.before) + str(terminal.after)
    if number:
        terminal.kill(number)
    eventually(lambda: not terminal.isalive())
    written += terminal.read()
    assert (terminal.exitstatus, terminal.signalstatus) == ended
    shown = Counter(NUMBER.findall("\n".join(lines(written))))
    assert 0 < len(shown) < LINES
    assert set(shown.values()) == {1}


def test_a_slow_terminal_shows_all_of_an_answer_that_ctrl_c_ends(
    sqlite_cli: Cli, fake: FakeAnthropic
) -> None:
    terminal = begun(sqlite_cli, fake)
    written = str(terminal.before) + str(terminal.after)
    terminal.kill(signal.SIGINT)
    written += terminal.read()
    terminal.wait()
    assert terminal.exitstatus == 130
    shown = NUMBER.findall("\n".join(lines(written)))
    assert shown == [f"c{n:05}" for n in range(LINES)]
