"""Code that a lexer reads in all ways is shown plain, and an interrupt ends its highlighting."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from time import process_time
from typing import Any

import pytest
from rich.console import Console

from askcli import __main__
from askcli.cli.output import html
from askcli.cli.output.markdown import highlighting, rendering
from askcli.cli.output.markdown import printing as markdown
from askcli.cli.output.terminal import outgoing
from tests.support.screen import Terminal, lines

HOSTILE = [
    ("c", "int a" + " " * 4_000 + "!"),  # two seconds
    ("perl", "m{" * 4_000),
    ("autohotkey", " \n" * 2_000),
    ("python", " \n" * 4_000),
]


@pytest.fixture(autouse=True)
def _credit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(highlighting, "_seconds_left", 0.02)


@pytest.mark.parametrize(("language", "code"), HOSTILE)
def test_code_that_takes_long_to_highlight_is_shown_plain(language: str, code: str) -> None:
    """The next such block has no time left."""
    terminal = Console(force_terminal=True, width=80)
    for _ in range(2):
        shown = highlighting.code_lines(terminal, code, language)
        assert ["".join(part.text for part in line) for line in shown] == code.split("\n")
        assert not any(part.style for line in shown for part in line)
    assert highlighting._seconds_left == 0
    assert any(part.style for part in highlighting.code_lines(terminal, "int a;", "c")[0])


def test_a_limit_that_a_destructor_takes_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "unraisablehook", __main__._report)

    class Destroyed:
        def __del__(self) -> None:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)  # as one that has run out
            signal.raise_signal(signal.SIGVTALRM)

    def highlight() -> str:
        Destroyed()
        end = process_time() + 10
        while process_time() < end:
            pass
        return "for ever"

    assert highlighting.in_time("", "text", highlight) is None


def test_on_a_page_of_html_it_is_plain_too() -> None:
    language, code = HOSTILE[0]
    fenced = f"```{language}\n{{}}\n```\n"
    assert "<span" not in html.rendered(fenced.format(code))
    assert "<span" in html.rendered(fenced.format("int a;"))


def test_an_interrupt_while_an_answer_is_drawn_shows_its_rest_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    output, calls = Terminal(), list[str]()
    monkeypatch.setattr("sys.stdout", output)
    monkeypatch.setenv("TERM", "xterm-256color")
    original = rendering.render_code

    def interrupted(*arguments: Any) -> Any:
        calls.append("")
        if len(calls) == 3:
            raise KeyboardInterrupt
        return original(*arguments)

    monkeypatch.setattr(markdown, "render_code", interrupted)
    monkeypatch.setattr(markdown, "DRAW_RATIO", 0)

    def pieces() -> Iterator[str]:
        yield "# Title\n\n"
        yield "```c\nint a;\n"
        yield "int b;\n"
        yield "int c;\n```\n\n*end*"

    with pytest.raises(KeyboardInterrupt):
        markdown.print_markdown(pieces())
    assert len(calls) == 3  # the rest is not rendered
    shown = "\n".join(lines(output.getvalue()))
    assert shown.split() == ["Title", "int", "a;", "int", "b;", "int", "c;", "```", "*end*"]


def test_an_interrupt_after_text_is_written_shows_it_once_and_rendered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    output = Terminal()
    monkeypatch.setattr("sys.stdout", output)
    monkeypatch.setenv("TERM", "xterm-256color")
    original = outgoing.write_some

    def interrupted(stream: Any, data: bytes) -> int:
        monkeypatch.setattr(outgoing, "write_some", original)
        signal.raise_signal(signal.SIGINT)  # blocked, until what was written is remembered
        return original(stream, data)

    monkeypatch.setattr(outgoing, "write_some", interrupted)
    with pytest.raises(KeyboardInterrupt):
        markdown.print_markdown(iter(["# Title\n\nSome **begun** text", " never"]))
    shown = "\n".join(lines(output.getvalue()))
    assert shown.split() == ["Title", "Some", "begun", "text"]
