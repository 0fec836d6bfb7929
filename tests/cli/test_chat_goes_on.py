"""A chat that goes on: after a kill, on another machine, beside another terminal."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from tests.support.chatting import chat, left, turns
from tests.support.cli import Cli, NewCli
from tests.support.databases import NewDatabase, all_that_is_stored
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.live_terminal import LiveTerminal
from tests.support.people import account, logged_in
from tests.support.processes import ServerProcess
from tests.support.servers import serving
from tests.support.waiting import eventually


@pytest.fixture
def elsewhere(sqlite_cli: Cli, sqlite_server: ServerProcess, new_cli: NewCli) -> Cli:
    """The same user on another machine."""
    email = account(sqlite_cli, sqlite_server)["user"]["email"]
    return logged_in(new_cli(sqlite_server), sqlite_server, email)


@pytest.mark.parametrize("how", ["--last", "--conversation"])
def test_a_killed_chat_goes_on_at_another_machine(
    sqlite_cli: Cli, elsewhere: Cli, fake: FakeAnthropic, how: str
) -> None:
    """In mid-answer: the answer is joined, and was asked for once."""
    earlier, marker = uuid4().hex, uuid4().hex
    held = fake.on(marker, "The beginning. ", "The end.", hold_after=1)
    live = chat(sqlite_cli)
    live.enter(earlier)
    live.until_prompt()
    live.enter(marker)
    live.until("The beginning.")
    os.kill(live.process.pid, signal.SIGKILL)
    live.end()
    conversation_id = json.loads(elsewhere("history", "--json").out)["items"][0]["conversation_id"]
    other = LiveTerminal(
        elsewhere.terminal("chat", how, *([conversation_id] if how == "--conversation" else []))
    )
    other.until("The beginning.")
    held.release()
    lines = left(other)
    assert lines[:5] == [
        f"> {earlier}",
        f"You asked: {earlier}",
        "",
        f"> {marker}",
        "The beginning. The end.",
    ]
    assert len(fake.asked(marker)) == 1


def test_no_chat_goes_on_in_a_conversation_that_is_none(sqlite_cli: Cli) -> None:
    """As the id of a question, which is no conversation's."""
    question_id = json.loads(sqlite_cli.in_process("ask", "--json", "hello").out)["id"]
    live = LiveTerminal(sqlite_cli.terminal("chat", "--conversation", question_id))
    assert live.end() == 1
    assert live.lines == ["askcli: error: There is no such conversation."]
    empty = LiveTerminal(sqlite_cli.terminal("chat", "--conversation", ""))  # as of a variable
    empty.until("askcli: error: '' is not an id; ")
    assert empty.end() == 2


def test_a_killed_chat_goes_on_at_its_terminal(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    marker = uuid4().hex
    held = fake.on(marker, "The beginning. ", "The end.", hold_after=1)
    live = LiveTerminal(sqlite_cli.terminal_shell("askcli chat; askcli chat -c"))
    live.until_prompt()
    live.enter(marker)
    live.until("The beginning.")
    chat_ = psutil.Process(live.process.pid).children()[0]
    chat_.kill()
    held.release()
    live.until("Killed")
    assert "The beginning. The end." in left(live)
    assert len(fake.asked(marker)) == 1


def test_a_server_that_dies_keeps_what_was_shown(
    tmp_path: Path, new_database: NewDatabase, new_cli: NewCli, fake: FakeAnthropic
) -> None:
    """The client is killed in mid-answer, then the server; both are started again elsewhere."""
    marker = uuid4().hex
    held = fake.on(marker, "The beginning.", " The end.", hold_after=1)
    server = serving(tmp_path, fake, new_database("sqlite"))
    cli = logged_in(new_cli(server), server)
    live = chat(cli)
    live.enter(marker)
    live.until("The beginning.")
    os.kill(live.process.pid, signal.SIGKILL)
    live.end()
    eventually(lambda: "The beginning." in all_that_is_stored(server))
    server.stop(signal.SIGKILL)
    held.release()
    server = server.again()
    try:
        other = new_cli(server)
        logged_in(other, server, account(cli, server)["user"]["email"])
        lines = left(chat(other, "--last"))
    finally:
        server.stop()
    assert lines[:2] == [f"> {marker}", "The beginning."]
    assert "The answer was interrupted." in "".join(lines)
    assert len(fake.asked(marker)) == 1


def test_two_terminals_see_each_others_turns(
    sqlite_cli: Cli, elsewhere: Cli, fake: FakeAnthropic
) -> None:
    first, second, third = uuid4().hex, uuid4().hex, uuid4().hex
    live = chat(sqlite_cli)
    live.enter(first)
    live.until_prompt()
    other = chat(elsewhere, "--last")
    other.enter(second)
    other.until_prompt()
    live.type("half a dra")
    live.until(f"You asked: {second}")
    live.until("> half a dra")
    live.enter("ft " + third)
    lines = left(live)
    assert [line for line in lines if line][:5] == [
        f"> {first}",
        f"You asked: {first}",
        f"> {second}",
        f"You asked: {second}",
        f"> half a draft {third}",
    ]
    assert turns(fake, third)[0][:4] == [
        first,
        f"You asked: {first}",
        second,
        f"You asked: {second}",
    ]
    left(other)


def test_what_a_model_sends_reaches_no_terminal_as_a_command(
    sqlite_cli: Cli, elsewhere: Cli, fake: FakeAnthropic
) -> None:
    marker = uuid4().hex
    fake.on(marker, "a\x1b]0;title\x07b\x1b[2Jc\x9b31md\x1b[200~e")
    live = chat(sqlite_cli)
    live.enter(marker)
    live.until_prompt()
    other = chat(elsewhere, "--last")
    for written in (live.written, other.written):
        assert "a␛]0;title␇b␛[2Jc\ufffd31md␛[200~e" in written
    left(live)
    left(other)
