"""askcli chat at a terminal on which odd things happen."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from uuid import uuid4

from askcli.cli.commands.chat.typed_history import TypedHistory
from tests.support.chatting import chat, left, turns
from tests.support.cli import Cli
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.live_terminal import LiveTerminal
from tests.support.servers import customized


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


def test_what_is_pasted_while_an_answer_streams_is_one_question(
    sqlite_cli: Cli, fake: FakeAnthropic
) -> None:
    marker, pasted = uuid4().hex, uuid4().hex
    held = fake.on(marker, "The beginning. ", "The end.", hold_after=1)
    live = chat(sqlite_cli)
    live.enter(marker)
    live.until("The beginning.")
    on, off = (live.written.rfind(f"\x1b[?2004{what}") for what in "hl")
    assert on > off  # so the terminal sends brackets
    live.type(f"\x1b[200~one\rtwo {pasted}\x1b[201~\r")
    held.release()
    live.until(f"two {pasted}", 2)
    left(live)
    assert turns(fake, pasted)[0][-1] == f"one\ntwo {pasted}"
    on, off = (live.written.rfind(f"\x1b[?2004{what}") for what in "hl")
    assert off > on


def test_a_suspended_chat_leaves_the_terminal_to_the_shell(
    sqlite_cli: Cli, fake: FakeAnthropic
) -> None:
    """In mid-answer. After `fg`, what is typed is kept for the prompt again, and not shown."""
    marker, ahead = uuid4().hex, uuid4().hex
    held = fake.on(marker, "The beginning. ", "The end.", hold_after=1)
    script = "set -m; askcli chat; stty -a; echo stopped; fg; stty -a; echo left"
    live = LiveTerminal(sqlite_cli.terminal_shell(script))
    live.until_prompt()
    live.enter(marker)
    live.until("The beginning.")
    live.type("\x1a")
    live.until("stopped")
    live.until("The beginning.")
    assert live.process.waitnoecho(30)
    live.type(f"{ahead}\r")
    held.release()
    live.until(f"You asked: {ahead}")
    live.until_prompt()
    live.type("\x04")
    live.until("left")
    live.end()
    assert [line for line in live.lines if ahead in line] == [f"> {ahead}", f"You asked: {ahead}"]
    flags = [line for line in live.lines if " icanon" in line or " icrnl" in line]
    assert flags[: len(flags) // 2] == flags[len(flags) // 2 :]
    assert len(flags) == 4
    assert not any("-icanon" in line or "-icrnl" in line for line in flags)


def ask_and_leave(live: LiveTerminal) -> None:
    """Ask a question at the prompt that comes, and leave by Ctrl-D, for a shell that says so."""
    live.until_prompt()
    live.type("Why?\r")
    live.until("You asked: Why?")
    live.until_prompt()
    live.type("\x04")
    live.until("left")


def test_a_chat_in_the_background_waits_for_the_terminal(sqlite_cli: Cli) -> None:
    script = "set -m; askcli chat & wait %1; fg; stty -a; echo left"
    live = LiveTerminal(sqlite_cli.terminal_shell(script))
    ask_and_leave(live)
    assert live.count(" icanon") == 1, live.lines
    live.end()


def test_an_answer_that_ends_in_the_background_ends_no_chat(
    sqlite_cli: Cli, fake: FakeAnthropic
) -> None:
    held = fake.on(marker := uuid4().hex, "The beginning. ", "The end.", hold_after=1)
    script = "set -m; askcli chat; bg; wait %1; echo waits; fg; echo left"
    live = LiveTerminal(sqlite_cli.terminal_shell(script))
    live.until_prompt()
    live.enter(marker)
    live.until("The beginning.")
    live.type("\x1a")
    held.release()
    live.until("waits")
    ask_and_leave(live)
    live.end()


def test_an_editor_that_leaves_the_terminal_raw(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    """Ctrl-C stops the next answer all the same."""
    marker = uuid4().hex
    held = fake.on(marker, "The beginning. ", "The end.", hold_after=1)
    editor = sqlite_cli.home / "editor"
    editor.write_text(f"#!/bin/sh\nstty raw -echo; echo {marker} > $1\n")
    editor.chmod(0o755)
    sqlite_cli.environment["EDITOR"] = f"{editor}"
    live = chat(sqlite_cli)
    live.enter("/edit")
    live.until("The beginning.")
    live.type("\x03")
    live.until("stopped; the text so far is kept")
    held.release()
    left(live)


def test_a_colour_among_the_keys_is_dropped(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    marker = uuid4().hex
    live = chat(sqlite_cli)
    live.type(f"\x1b[31m{marker}\r")
    live.until(f"You asked: {marker}")
    left(live)
    assert turns(fake, marker) == [[marker]]


def test_what_a_full_disk_has_cut_off_takes_nothing_that_is_typed_later(tmp_path: Path) -> None:
    TypedHistory(tmp_path).store_string("first")
    (path,) = tmp_path.rglob("typed.jsonl")
    with path.open("ab") as file:
        file.write(b'\n"second, of which the disk took')
    TypedHistory(tmp_path).store_string("third")
    assert list(TypedHistory(tmp_path).load_history_strings()) == ["third", "first"]


# Just before each prompt is there, and just after it.
INTERRUPTED = """
import os, signal
from askcli.cli.commands.chat.elsewhere import Elsewhere

def interrupted(method):
    def interrupt(self):
        os.kill(os.getpid(), signal.SIGINT)
        method(self)
    return interrupt

Elsewhere.look, Elsewhere.rest = interrupted(Elsewhere.look), interrupted(Elsewhere.rest)
"""


def test_a_ctrl_c_just_as_an_answer_ends_ends_no_chat(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    first, second = uuid4().hex, uuid4().hex
    sqlite_cli.environment |= customized(sqlite_cli.home, INTERRUPTED)
    live = chat(sqlite_cli)
    for marker in (first, second):
        live.enter(marker)
        live.until(f"You asked: {marker}")
        live.until_prompt()
    os.kill(live.process.pid, signal.SIGINT)  # of the prompt, too
    left(live)
    assert "Traceback" not in live.written


def test_a_dumb_terminal_gets_no_control_sequence(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    fake.on(marker := uuid4().hex, "*Here* it is.")
    sqlite_cli.environment["TERM"] = "dumb"
    terminal = sqlite_cli.terminal("chat")
    terminal.expect("> ")
    written = terminal.before
    terminal.send(f"{marker}\r")
    terminal.expect("it is")
    written += terminal.before
    terminal.expect("> ")
    terminal.sendcontrol("d")
    written += terminal.before + terminal.read()
    terminal.wait()
    assert (terminal.exitstatus, "\x1b" in written) == (0, False), written


def test_a_dumb_terminal_shows_each_line_once(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    fake.on(marker := uuid4().hex, "*Here* it is.")
    sqlite_cli.environment["TERM"] = "dumb"
    terminal = sqlite_cli.terminal("chat")
    terminal.expect_exact("> ")
    terminal.send(f"{marker}\r")
    terminal.expect_exact("> ")
    assert terminal.before.replace("\r", "") == f"{marker}\nHere it is.\n\n"
    terminal.send("\x1b[A\r")  # up: the line before
    terminal.expect_exact("Here it is.")
    terminal.expect_exact("> ")
    terminal.sendcontrol("d")
    assert terminal.read().strip() == ""
    terminal.wait()
    assert terminal.exitstatus == 0
    assert turns(fake, marker)[-1][-1] == marker
