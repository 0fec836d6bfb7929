"""askcli chat: a conversation at a prompt."""

from __future__ import annotations

import re
from uuid import uuid4

import psutil

from tests.support.chatting import chat, left, turns
from tests.support.cli import Cli
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.live_terminal import LiveTerminal


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
    live.until_prompt()
    fake.on(cut := uuid4().hex, "half", stop_reason="max_tokens")
    live.enter(cut)
    live.until("`askcli chat -c --max-tokens N`.")
    left(live)
    assert len(turns(fake, marker)) == 1


def test_keys_of_vi(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    marker = uuid4().hex
    sqlite_cli.environment["ASKCLI_EDITING_MODE"] = "vi"
    live = chat(sqlite_cli)
    live.type(f"mistake{marker}\x1b0")
    live.type("7x\r")
    left(live)
    assert turns(fake, marker) == [[marker]]


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
