"""A signal while an answer is drawn: all of its text is printed, and none of it twice."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any

import pytest

from askcli.cli.output import markdown
from tests.support.screen import Terminal, lines


def interrupted(patch: pytest.MonkeyPatch, pieces: Iterator[str]) -> list[str]:
    """The words on the screen after an answer that Ctrl-C ended; every piece is drawn."""
    terminal = Terminal()
    patch.setattr("sys.stdout", terminal)
    patch.setenv("TERM", "xterm-256color")
    patch.setattr(markdown, "DRAW_RATIO", 0)
    with pytest.raises(KeyboardInterrupt):
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

    shown = interrupted(monkeypatch, pieces())
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
    shown = interrupted(monkeypatch, iter(["# Title\n\n", "Some text"]))
    assert shown == ["Title", "Some", "text"]
