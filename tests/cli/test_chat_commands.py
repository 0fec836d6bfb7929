"""The commands of a chat, and the conversations to choose from."""

from __future__ import annotations

import base64
import os
from uuid import uuid4

import pytest

from tests.support.chatting import chat, left, turns
from tests.support.cli import Cli
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.live_terminal import LiveTerminal

CODE = "Do this:\n\n```python\nx = 1\n```\n\nor that:\n\n- ```sh\n  y=2\n  ```\n"


@pytest.fixture
def marker(fake: FakeAnthropic) -> str:
    """A question that is answered with two blocks of code."""
    text = uuid4().hex
    fake.on(text, CODE)
    return text


def say(live: LiveTerminal, text: str, answer: str) -> None:
    """Type a command, and wait for what it says and the next prompt."""
    before = live.count(answer)
    live.enter(text)
    live.until(answer, before + 1)
    live.until_prompt()


def test_what_the_next_question_goes_on_with(
    sqlite_cli: Cli, fake: FakeAnthropic, marker: str
) -> None:
    (sqlite_cli.home / "notes.txt").write_text("Some notes.")
    live = chat(sqlite_cli)
    say(live, "/model", "* claude-sonnet-5-5")
    say(live, "/model no-such", "no-such is asked next; this server lists claude-")
    say(live, "/model claude-haiku-5-5", "claude-haiku-5-5 answers")
    say(live, "/system Be brief.", "The system prompt is set.")
    say(live, "/file no.txt", "askcli: error: cannot read no.txt")
    say(live, "/file notes.txt", "Files of the next question: notes.txt.")
    say(live, marker, "y=2")
    say(live, "/retry", "y=2")
    say(live, "/system", "There is no system prompt now.")
    say(live, f"again {marker}", "y=2")
    say(live, "/new", "new conversation")
    say(live, f"anew {marker}", "y=2")
    left(live)
    first, second, third, anew = fake.asked(marker)
    assert [one["model"] for one in (first, third, anew)] == [
        *["claude-haiku-5-5"] * 2,
        "claude-sonnet-5-5",
    ]
    assert (
        first["messages"][0]["content"]
        == f'{marker}\n\n<file name="notes.txt">\nSome notes.\n</file>'
    )
    assert second["messages"][-1] == first["messages"][0]
    assert [("Be brief." in str(one.get("system"))) for one in (first, second, third)] == [
        True,
        True,
        False,
    ]
    assert [len(request) for request in turns(fake, marker)] == [1, 3, 5, 1]


def test_files_go_once_and_can_be_taken_back(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    """With a question whose answer is stopped, too; at the start each is read."""
    first, second, third = uuid4().hex, uuid4().hex, uuid4().hex
    (sqlite_cli.home / "notes.txt").write_text("Some notes.")
    held = fake.on(first, "The beginning. ", "The end.", hold_after=1)
    live = chat(sqlite_cli, "--file", "notes.txt")
    live.enter(first)
    live.until("The beginning.")
    live.type("\x03")
    live.until("stopped; the text so far is kept")
    held.release()
    live.until_prompt()
    say(live, second, f"You asked: {second}")
    say(live, "/file notes.txt", "Files of the next question: notes.txt.")
    (sqlite_cli.home / "notes.txt").unlink()
    say(live, third, "askcli: error: cannot read notes.txt")
    say(live, "/file", "Files of the next question: none.")
    say(live, third, f"You asked: {third}")
    left(live)
    assert "Some notes." in turns(fake, first)[0][0]
    assert (turns(fake, second)[0][-1], turns(fake, third)[0][-1]) == (second, third)
    terminal = LiveTerminal(sqlite_cli.terminal("chat", "--file", "notes.txt"))
    assert terminal.end() == 2
    assert "cannot read notes.txt" in terminal.written


def test_tab_completes_commands_models_and_files(sqlite_cli: Cli) -> None:
    (sqlite_cli.home / "my notes.txt").write_text("Some notes.")
    (sqlite_cli.home / "other.txt").write_text("Others.")
    live = chat(sqlite_cli)
    say(live, "/model", "* claude-sonnet-5-5")
    for typed, completed, said in (
        ("/ti", "> /title", "nothing was asked in this conversation yet."),
        ("/model claude-h", "> /model claude-haiku-5-5", "claude-haiku-5-5 answers"),
        ("/file other.txt my", "> /file other.txt 'my notes.txt'", "other.txt, my notes.txt."),
    ):
        live.type(f"{typed}\t")
        live.until(completed)
        live.type("\r\r")  # the first one may take what is chosen in the menu
        live.until(said)
        live.until_prompt()
    left(live)


@pytest.mark.parametrize("command", ["/file", "/save"])
def test_the_names_of_files_hide_nothing_in_the_menu(sqlite_cli: Cli, command: str) -> None:
    """The working directory may be somebody else's checkout."""
    for name in ("plans\u202etxt.exe", "plans\u200b.md"):
        (sqlite_cli.home / name).write_text("x")
    live = chat(sqlite_cli)
    live.type(f"{command} pl\t")
    live.until("plans<U+202E>txt.exe")
    live.until("plans<U+200B>.md")
    assert "\u202e" not in live.written
    live.type("\x03")
    left(live)


def test_out_of_an_answer(sqlite_cli: Cli, marker: str) -> None:
    live = chat(sqlite_cli)
    say(live, "/code", "nothing was asked")
    say(live, marker, "y=2")
    before = len(live.lines)
    say(live, "/code", "y=2")
    assert live.lines[before - 1 :] == ["> /code", "y=2", "> Ask, or /help"]
    for command, copied in (("/copy", CODE), ("/copy code", "y=2\n")):
        say(live, command, "Copied by the terminal")
        assert f"\x1b]52;c;{base64.b64encode(copied.encode()).decode()}\x07" in live.written
    for written, beginning in (
        ("a b.md", "# "),
        ("talk.json", '{"items"'),
        ("'my talk.json'", '{"items"'),
        ("'it'\"'\"'s.md'", "# "),
        ("talk.HTML", "<!DOCTYPE"),
    ):
        name = "it's.md" if "it" in written else written.strip("'")
        say(live, f"/save {written}", f"Saved: {name}.")
        saved = (sqlite_cli.home / name).read_text()
        assert saved.startswith(beginning)
        assert saved.count("x = 1") == 1 or name.endswith("HTML")
    say(live, "/save", "/save needs the name of a file")
    left(live)


def test_titles_and_usage(sqlite_cli: Cli, marker: str) -> None:
    live = chat(sqlite_cli)
    say(live, "/title Blocks", "nothing was asked")
    say(live, marker, "y=2")
    say(live, "/title", f"Title: {marker}")
    say(live, "/title Two blocks", "Title: Two blocks")
    say(live, "/usage", "This conversation: 1 turn, $")
    assert any(line.startswith("Today: 1 question, ") for line in live.lines)
    say(live, "/new", "new conversation")
    say(live, f"another {marker}", "y=2")
    left(live)
    resumed = LiveTerminal(sqlite_cli.terminal("chat", "--resume"))
    resumed.until("Two blocks  (1 turn, just now)")
    resumed.type("2\r")
    lines = left(resumed)
    assert f"> {marker}" in lines
    assert "x = 1" in lines


def test_a_question_from_the_editor(sqlite_cli: Cli, fake: FakeAnthropic, marker: str) -> None:
    editor = sqlite_cli.home / "editor"
    editor.write_text(f'#!/bin/sh\nprintf "$(cat "$1")\\nsecond line {marker}\\n\\n" > "$1"\n')
    editor.chmod(0o755)
    sqlite_cli.environment["EDITOR"] = f"{editor}"
    live = chat(sqlite_cli)
    say(live, "/edit The first", "y=2")
    assert live.lines[1:3] == ["> The first", f"  second line {marker}"]
    sqlite_cli.environment["EDITOR"] = "false"
    left(live)
    assert turns(fake, marker) == [[f"The first\nsecond line {marker}"]]


def test_what_nobody_has_foreseen_ends_no_chat(sqlite_cli: Cli) -> None:
    """Bytes of another encoding and a NUL in what is pasted, and no such user."""
    sqlite_cli.environment |= {"EDITOR": "true"}
    live = chat(sqlite_cli)
    os.write(live.process.child_fd, b"/system caf\xe9\r")
    live.until("what was typed is not UTF-8 text")
    say(live, "/file ~nosuchuser/x", "no such user")
    say(live, "/save ~nosuchuser/x", "no such user")
    live.type("/file \x1b[200~a\0b\x1b[201~\r")
    live.until("embedded null")
    live.until_prompt()
    left(live)


def test_the_line_in_an_editor_that_fails(
    sqlite_cli: Cli, fake: FakeAnthropic, marker: str
) -> None:
    editor = sqlite_cli.home / "editor"
    editor.write_text('#!/bin/sh\nrm "$1"\n')
    editor.chmod(0o755)
    sqlite_cli.environment["EDITOR"] = f"{editor}"
    live = chat(sqlite_cli)
    live.type("a draft\x18\x05")  # Ctrl-X Ctrl-E
    live.until("left no text; nothing was asked.")
    live.until_prompt()
    editor.write_text(f'#!/bin/sh\nprintf "%s {marker}" "$(cat "$1")" > "$1"\n')
    live.type("\x1b[A")
    live.until("> /edit a draft", 2)
    live.type("\r")
    live.until("y=2")
    left(live)
    assert turns(fake, marker) == [[f"a draft {marker}"]]


@pytest.mark.parametrize("leave", ["/quit", "/exit"])
def test_help_mistakes_and_leaving(sqlite_cli: Cli, fake: FakeAnthropic, leave: str) -> None:
    live = chat(sqlite_cli)
    say(live, "/help", "Alt-Enter")
    say(live, "/hlep", "there is no command /hlep; did you mean /help?")
    say(live, "/etc/hosts", "You asked: /etc/hosts")
    live.enter(leave)
    assert live.end() == 0


def test_the_help_of_a_chat_is_wrapped_between_words(sqlite_cli: Cli) -> None:
    live = chat(sqlite_cli, columns=50)
    live.enter("/help")
    live.until("as /edit.")
    left(live)
    start = next(number for number, line in enumerate(live.lines) if line.startswith("/file"))
    rows = [
        "/file [PATH...]    Send text files with the next",
        " " * 19 + "question; without PATH there",
        " " * 19 + "are none.",
    ]
    assert live.lines[start : start + 3] == rows
