"""An answer that goes on while its asker no longer follows it."""

from __future__ import annotations

import subprocess
from uuid import uuid4

from tests.support.chatting import chat, left
from tests.support.cli import Cli
from tests.support.fake_anthropic import FakeAnthropic

ANSWER = ("The beginning. ", "\n\n```\nthe end\n```\n")


def test_a_chat_shows_an_answer_that_its_time_out_left_running(
    sqlite_cli: Cli, fake: FakeAnthropic
) -> None:
    """Once it has ended, and /code is its code."""
    marker = uuid4().hex
    held = fake.on(marker, *ANSWER, hold_after=1)
    live = chat(sqlite_cli, "--timeout", "1")
    live.enter(marker)
    live.until("the server continues it")
    held.release()
    live.until("the end")
    live.enter("/code")
    live.until("the end", 2)
    lines = left(live)
    assert sum(marker in line for line in lines) == 2
    assert len(fake.asked(marker)) == 1


def test_an_answer_whose_session_has_ended_can_be_followed(
    sqlite_cli: Cli, fake: FakeAnthropic
) -> None:
    marker = uuid4().hex
    held = fake.on(marker, *ANSWER, hold_after=1)
    asking = sqlite_cli.start("ask", marker, stderr=subprocess.PIPE)
    assert asking.stdout
    assert asking.stdout.read(3) == b"The"
    assert sqlite_cli.in_process("logout").code == 0
    _, err = asking.communicate()
    held.release()
    assert asking.returncode == 4
    assert b"follow it with: askcli ask --rejoin" in err
