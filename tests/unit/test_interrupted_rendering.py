"""A signal while an answer is drawn: all of its text is printed, and none of it twice."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import pytest

from askcli.cli.output.markdown import printing as markdown
from tests.support.screen import Terminal, lines


def printed(patch: pytest.MonkeyPatch, pieces: Iterator[str], *, ending: bool = False) -> list[str]:
    """The words on the screen after an answer, which may end by Ctrl-C; every piece is drawn."""
    terminal = Terminal()
    patch.setattr("sys.stdout", terminal)
    patch.setenv("TERM", "xterm-256color")
    patch.setattr(markdown, "DRAW_RATIO", 0)
    with pytest.raises(KeyboardInterrupt) if ending else nullcontext():
        markdown.print_markdown(pieces)
    return "\n".join(lines(terminal.getvalue())).split()


def signalled(monkeypatch: pytest.MonkeyPatch, name: str, at: int, number: int) -> list[str]:
    """Raise the signal in a call of the module's function; return the list of calls."""
    original, calls = getattr(markdown, name), list[str]()

    def function(*arguments: Any) -> Any:
        calls.append(name)
        if len(calls) == at:
            signal.raise_signal(number)
        return original(*arguments)

    monkeypatch.setattr(markdown, name, function)
    return calls


@pytest.mark.parametrize("is_second", [False, True])
@pytest.mark.parametrize("name", ["render_block", "to_ansi"])
def test_an_interrupt_of_the_last_rendering_shows_the_rest_as_it_is(
    monkeypatch: pytest.MonkeyPatch, name: str, is_second: bool
) -> None:
    calls = signalled(monkeypatch, name, 3, signal.SIGINT)

    def pieces() -> Iterator[str]:
        yield "- one **a**\n"
        yield "- two **b**\n"
        if is_second:
            signal.raise_signal(signal.SIGINT)

    shown = printed(monkeypatch, pieces(), ending=True)
    assert len(calls) >= 3
    assert shown == ["-", "one", "**a**", "-", "two", "**b**"]


def test_an_interrupt_after_the_last_rendering_shows_the_rest_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    document = markdown._LiveDocument
    original = document._finished

    def finished(self: Any) -> list[str]:
        rest = original(self)
        signal.raise_signal(signal.SIGINT)
        return rest

    monkeypatch.setattr(document, "_finished", finished)
    shown = printed(monkeypatch, iter(["# Title\n\n", "Some text"]), ending=True)
    assert shown == ["Title", "Some", "text"]


@pytest.mark.parametrize("name", ["render_block", "render_code", "to_ansi"])
def test_suspended_in_the_middle_of_a_drawing_no_text_is_shown_twice(name: str) -> None:
    pieces = ["# Title\n\nSome", " text\n\n```\nint a;\n", "int b;\nint c;\n```\n\n", "The *end*"]
    expected = ["Title", "Some", "text", "int", "a;", "int", "b;", "int", "c;", "The", "end"]
    counts = []
    for at in range(1, 30):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("os.kill", lambda *_: None)  # continued at once
            calls = signalled(patch, name, at, signal.SIGTSTP)
            assert printed(patch, iter(pieces)) == expected, at
        counts.append(len(calls))
    assert 3 <= max(counts) < 29  # every call has been the one


def test_a_suspension_that_the_parent_has_ignored_stays_ignored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A parent that ignores Ctrl-Z would wait for ever for a command that it has suspended."""
    before = signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    kept = []

    def pieces() -> Iterator[str]:
        kept.append(signal.getsignal(signal.SIGTSTP))
        yield "Some text"

    try:
        assert printed(monkeypatch, pieces()) == ["Some", "text"]
    finally:
        signal.signal(signal.SIGTSTP, before)
    assert kept == [signal.SIG_IGN]
