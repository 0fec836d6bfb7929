"""askcli chat at a terminal on which odd things happen."""

from __future__ import annotations

import os
from uuid import uuid4

from tests.support.chatting import chat, left
from tests.support.cli import Cli
from tests.support.fake_anthropic import FakeAnthropic


def test_a_pipe_in_place_of_what_was_typed_is_not_waited_for(
    sqlite_cli: Cli, fake: FakeAnthropic
) -> None:
    marker = uuid4().hex
    directory = sqlite_cli.home / ".local/state/askcli/chat"
    directory.mkdir(parents=True)
    os.mkfifo(directory / "typed.jsonl")
    live = chat(sqlite_cli)
    live.enter(marker)
    left(live)
    assert len(fake.asked(marker)) == 1
