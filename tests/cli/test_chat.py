"""askcli chat: a conversation at a prompt."""

from __future__ import annotations

import json
import os
import re
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


def test_a_question_goes_on_with_those_before(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    first, second = uuid4().hex, uuid4().hex
    fake.on(first, "The sky is **blue**.")
    live = chat(sqlite_cli)
    live.enter(first)
    live.until_prompt()
    live.enter(second)
    assert left(live) == [
        f"> {first}",
        "The sky is blue.",
        "",
        f"> {second}",
        f"You asked: {second}",
        "",
        "> Ask, or /help",
    ]
    assert turns(fake, second) == [[first, "The sky is **blue**.", second]]


def test_several_lines(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    """By Ctrl-J, Alt-Enter, a backslash before Enter, and by a paste."""
    marker = uuid4().hex
    live = chat(sqlite_cli)
    live.type(f"{marker}\none\x1b\rtwo\\\rthree\x1b[200~\nfour\r\nfive\x1b[201~")
    live.until("five")
    live.type("\r")
    left(live)
    assert turns(fake, marker) == [[f"{marker}\none\ntwo\nthree\nfour\nfive"]]


def test_ctrl_c_stops_the_answer_and_keeps_its_text(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    marker = uuid4().hex
    held = fake.on(marker, "The beginning. ", "The end.", hold_after=1)
    live = chat(sqlite_cli)
    live.enter(marker)
    live.until("The beginning.")
    live.type("\x03")
    live.until("stopped; the text so far is kept")
    held.release()
    live.until_prompt()
    live.type("draft\x03")  # at the prompt it empties the line
    live.until("Ctrl-D leaves.")
    left(live)
    shown = sqlite_cli("history", "list").out
    assert "cancelled" in shown


def test_an_error_ends_no_chat(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    marker = uuid4().hex
    live = chat(sqlite_cli, "--model", "no-such-model")
    live.enter(marker)
    live.until("askcli: error:")
    live.until_prompt()
    live.enter("/model claude-sonnet-5-5")
    live.until_prompt()
    live.enter(marker)
    live.until(f"You asked: {marker}")
    left(live)
    assert len(turns(fake, marker)) == 1


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


def test_keys_of_vi(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    marker = uuid4().hex
    sqlite_cli.environment["ASKCLI_EDITING_MODE"] = "vi"
    live = chat(sqlite_cli)
    live.type(f"mistake{marker}\x1b0")
    live.type("7x\r")
    left(live)
    assert turns(fake, marker) == [[marker]]


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


def test_a_paste_of_ten_thousand_lines(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    marker = uuid4().hex
    text = marker + "".join(f"\nline {number}" for number in range(10_000))
    live = chat(sqlite_cli)
    live.type(f"\x1b[200~{text}\x1b[201~")
    live.until("line 9999")
    live.type("\r")
    live.until_prompt()
    left(live)
    assert [request[-1] for request in turns(fake, marker)] == [text]


def test_a_terminal_that_is_resized_while_an_answer_streams(
    sqlite_cli: Cli, fake: FakeAnthropic
) -> None:
    marker = uuid4().hex
    words = " ".join(f"word{number}" for number in range(40))
    held = fake.on(marker, words, f" {words}\n\nThe end.", hold_after=1)
    live = chat(sqlite_cli)
    live.enter(marker)
    live.until("word39")
    live.resize(120, 30)
    held.release()
    live.until("The end.")
    text = " ".join(left(live))
    assert text.split().count("word0") == text.split().count("word39") == 2


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


def test_what_was_typed_is_private_and_found_again(sqlite_cli: Cli) -> None:
    first, second = uuid4().hex, uuid4().hex
    live = chat(sqlite_cli)
    live.enter(first)
    live.until_prompt()
    live.type(f"{second}\x1b\rsecond line\r")
    left(live)
    (typed,) = sqlite_cli.home.rglob("typed.jsonl")
    assert (typed.stat().st_mode & 0o777, typed.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    with typed.open("ab") as file:
        file.write(b"damaged\n[1]\n" + b"[" * 100_000 + b"\n")
    live = chat(sqlite_cli)
    live.type("\x1b[A\x1b[A")  # up, within the two lines of the second
    live.until(f"> {second}")
    live.type(f"\x03\x12{first[:8]}")  # Ctrl-C, Ctrl-R
    live.until(first)
    live.type("\r\x03")
    left(live)


def test_a_signal_leaves_the_terminal_as_it_was(sqlite_cli: Cli) -> None:
    live = LiveTerminal(sqlite_cli.terminal_shell("stty -a; askcli chat; stty -a"))
    live.until_prompt()
    psutil.Process(live.process.pid).children()[0].terminate()
    live.end()
    before, _, rest = live.written.partition("\x1b[?2004h")
    assert "\x1b[?2004l" in rest
    first, last = (
        re.findall(r"-?[a-z]+[;\s]", text[text.index("intr") :]) for text in (before, rest)
    )
    assert len(last) > 20
    assert first == last


def test_a_chat_needs_a_terminal(sqlite_cli: Cli) -> None:
    done = sqlite_cli("chat")
    assert (done.code, done.out) == (2, "")
    assert "chat needs a terminal" in done.err
