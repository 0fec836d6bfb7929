"""Invisible characters are shown on a terminal, and those that writing needs are left alone."""

from __future__ import annotations

import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from askcli.cli.output.terminal.console import as_json, visible
from askcli.cli.output.terminal.progress import RowProgress
from tests.support.screen import Terminal


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("pass\u200bword", "pass<U+200B>word"),
        ("\ufeffx\u2060y\u00adz", "<U+FEFF>x<U+2060>y<U+00AD>z"),
        ("hi\U000e0068\U000e0069", "hi<U+E0068><U+E0069>"),
        ("a\u202eb\u2066c\u200fd\u061c", "a<U+202E>b<U+2066>c<U+200F>d<U+061C>"),
        ("l\u200dl\u200c", "l<U+200D>l<U+200C>"),
        ("👍\ufe0f\ufe01\ufe02", "👍\ufe0f<U+FE01><U+FE02>"),
        ("👩\u200d\u200d", "👩\u200d<U+200D>"),
        ("\udcc2\udc9b", "<U+DCC2><U+DC9B>"),
        ("x\ufe0f \U000e0101\u3164", "x<U+FE0F> <U+E0101><U+3164>"),
    ],
)
def test_what_hides_text_or_turns_it_round_is_shown(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "👩‍👩‍👧 ❤️‍🔥 👍🏽 👨🏽‍💻 🏳️‍🌈 ⛹🏽‍♂️ 1️⃣ ☺︎",
        "می\u200cخواهم",  # noqa: RUF001 - it is Persian
        "क\u094d\u200dष श\u094d\u200cव",
        "ශ\u0dca\u200dර",
        "葛\U000e0100 ︎".rstrip("\ufe0e "),
        "naïve 漢字 שלום",
    ],
)
def test_what_writing_needs_is_left_alone(text: str) -> None:
    assert visible(text) == text
    assert as_json(text) == f'"{text}"'


@given(
    st.text(
        st.sampled_from("a👩🏽क❤ \u200d\u200c\u200b\ufe0f\u202e\U000e0041\U000e0101葛\udcc2\udc9b")
    )
)
def test_pieces_are_shown_as_the_whole_and_json_loses_nothing(text: str) -> None:
    pieces = [visible(char, text[index - 1] if index else "") for index, char in enumerate(text)]
    assert "".join(pieces) == visible(text)
    assert json.loads(as_json(text)) == text
    assert "\u202e" not in as_json(text)
    as_json(text).encode()  # raises an exception for half of a surrogate pair


def test_a_notice_above_a_bar_is_shown_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    notice = "bad\u200b :wales: [red]row[/red] :x:"
    with RowProgress(1, is_quiet=False) as progress:
        progress.write(notice)
    assert visible(notice) in terminal.getvalue()
