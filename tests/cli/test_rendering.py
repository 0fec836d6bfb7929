"""Answers rendered on a terminal: Markdown, widths, colours, scrolling."""

from __future__ import annotations

import json
import re
from typing import Any
from uuid import uuid4

import pyte
import pytest

from tests.support.cli import Cli
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.screen import fed, lines, screen_lines


def _screen(terminal: Any, columns: int = 80, rows: int = 24) -> pyte.Screen:
    screen = pyte.Screen(columns, rows)
    pyte.Stream(screen).feed(terminal.read())
    terminal.wait()
    return screen


def test_a_terminal_shows_rendered_markdown(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    marker = uuid4().hex
    text = "# Heading\n\nSome **bold** words.\n\n- one\n- two\n\n```python\nx = 1\n```\n\nThe end."
    fake.on(marker, *(text[i : i + 7] for i in range(0, len(text), 7)))
    terminal = sqlite_cli.terminal("ask", marker)
    screen = _screen(terminal)
    assert terminal.exitstatus == 0
    screen_text = "\n".join(line.rstrip() for line in screen.display).strip()
    assert "**" not in screen_text
    assert "#" not in screen_text
    assert "```" not in screen_text
    assert "• one" in screen_text
    assert screen_text.endswith("The end.")
    row = next(y for y, line in enumerate(screen.display) if "bold" in line)
    column = screen.display[row].index("bold")
    assert screen.buffer[row][column].bold
    assert not screen.buffer[row][0].bold


def test_blocks_stand_one_line_apart_and_nothing_raw_is_left(
    sqlite_cli: Cli, fake: FakeAnthropic
) -> None:
    marker = uuid4().hex
    code = "```python\ndef sky(wavelength):\n    return wavelength ** -4\n```"
    table = "| colour | nm |\n| --- | --- |\n| blue | 450 |"
    text = f"Words.\n\n1. one\n2. two\n\n{table}\n\n{code}\n\nMore.\n\n> The end."
    fake.on(marker, *(text[i : i + 9] for i in range(0, len(text), 9)), pause=0.01)
    sqlite_cli.environment["NO_COLOR"] = "1"
    for columns in (40, 80, 200):
        terminal = sqlite_cli.terminal("ask", marker, columns=columns, rows=40)
        screen_text = [line.rstrip() for line in _screen(terminal, columns, 40).display]
        assert [line.strip() for line in "\n".join(screen_text).strip().splitlines()] == [
            "Words.", "",
            "1 one", "2 two", "",
            "colour  nm", "───────────", "blue    450", "",
            "def sky(wavelength):", "return wavelength ** -4", "",
            "More.", "",
            "▌ The end.",
        ]  # fmt: skip


def test_a_long_answer_scrolls_by_once(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    marker = uuid4().hex
    paragraphs = [f"Paragraph number {n}.\n\n" for n in range(60)]
    fake.on(marker, *paragraphs)
    terminal = sqlite_cli.terminal("ask", marker, rows=10)
    screen = pyte.HistoryScreen(80, 10, history=1000)
    pyte.Stream(screen).feed(terminal.read())
    terminal.wait()
    lines = ["".join(line[x].data for x in range(80)).strip() for line in screen.history.top] + [
        line.strip() for line in screen.display
    ]
    paragraphs = [line for line in lines if line.startswith("Paragraph")]
    assert paragraphs == [f"Paragraph number {n}." for n in range(60)]


COLOURS = re.compile(r"\x1b\[[0-9;]*(?:3[0-7]|38|4[0-7]|48|9[0-7])[0-9;]*m")


ANSWER = """\
# A heading

Some **bold** words, *slanted* ones, `code`, and a [link](https://a.example/path).

1. one
2. two
   - inner

| colour | wave | remark |
| --- | --- | --- |
| blue | 450 | aWordThatIsLongerThanAnyNarrowColumnCanBeWide |

```python
def sky(wavelength):
    return "a line of code that is certainly longer than forty columns are"
```

> quoted

The end, 漢字 and 👍.
"""


@pytest.mark.parametrize("columns", [40, 80, 200])
@pytest.mark.parametrize("environment", [{}, {"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_an_answer_at_every_width_with_and_without_colour(
    sqlite_cli: Cli, fake: FakeAnthropic, columns: int, environment: dict[str, str]
) -> None:
    marker = uuid4().hex
    fake.on(marker, *(ANSWER[i : i + 11] for i in range(0, len(ANSWER), 11)))
    sqlite_cli.environment |= environment
    written = sqlite_cli.terminal("ask", marker, columns=columns).read()
    screen_text = [line for line in lines(written, columns, 24) if line]
    together = "".join(line.strip() for line in screen_text)
    for word in re.findall(r"\w+", re.sub(r"```python|# ", "", ANSWER)):
        assert word in together, word
    assert not re.search(r"\*\*|`|^#|\| ---", together)
    assert all(len(line) <= columns for line in screen_text)
    assert 'return "a line of code that is certainly longer than forty' in together
    assert bool(COLOURS.search(written)) == (not environment)
    assert ("\x1b" in written) == ("TERM" not in environment)


@pytest.mark.parametrize("columns", [30, 200])
def test_a_dumb_terminal_has_its_own_width(
    sqlite_cli: Cli, fake: FakeAnthropic, columns: int
) -> None:
    marker = uuid4().hex
    words = " ".join(["word"] * 38)
    fake.on(marker, words)
    sqlite_cli.environment["TERM"] = "dumb"
    written = sqlite_cli.terminal("ask", marker, columns=columns).read()
    rows = [line for line in written.splitlines() if line]
    assert " ".join(rows) == words
    assert max(map(len, rows)) in range(columns - 11, columns)


@pytest.mark.parametrize("columns", ["0", "-1", "wide"])
def test_columns_that_are_none_leave_an_answer_whole(
    sqlite_cli: Cli, fake: FakeAnthropic, columns: str
) -> None:
    marker = uuid4().hex
    fake.on(marker, "A whole answer.\n\n```\nand code\n```")
    sqlite_cli.environment["COLUMNS"] = columns
    for words in (("ask", marker), ("history", "show")):
        shown = lines(sqlite_cli.terminal(*words).read())
        assert {"A whole answer.", "and code"} <= {line.strip() for line in shown}, shown


def test_no_entity_hides_or_reverses_the_text_of_an_answer(
    sqlite_cli: Cli, fake: FakeAnthropic
) -> None:
    marker = uuid4().hex
    fake.on(marker, "only &#x202e;eldnac on od, x&#x200", "b;y <http://a.example/%E2%80%AE>\n")
    asked = sqlite_cli.terminal("ask", marker).read()
    stored = json.loads(sqlite_cli.in_process("history", "export").out.splitlines()[0])
    shown = sqlite_cli.terminal("history", "show", stored["id"]).read()
    for written in (asked, shown):
        assert "only <U+202E>eldnac on od, x<U+200B>y http://a.example/%E2%80%AE" in written
        assert not re.search("[\u200b\u202e]", written)


def test_what_is_printed_is_never_touched_again(sqlite_cli: Cli, fake: FakeAnthropic) -> None:
    marker = uuid4().hex
    code = "```\n" + "".join(f"line {n}\n" for n in range(60)) + "```\n\n"
    text = f"First words.\n\n{code}Last words."
    fake.on(marker, *(text[i : i + 5] for i in range(0, len(text), 5)))
    written = sqlite_cli.terminal("ask", marker, rows=12).read()
    before: list[str] = []
    for update in re.findall(r"\x1b\[\?2026h.*?\x1b\[\?2026l", written, re.DOTALL):
        end = written.index(update) + len(update)
        now = screen_lines(fed(written[:end], 80, 12))
        while now and not now[-1]:
            now.pop()
        # Only the last line, which is under way, may be another one now.
        assert now[: max(0, len(before) - 1)] == before[:-1]
        before = now
    paragraphs = [line for line in before if line.startswith("line ")]
    assert paragraphs == [f"line {n}" for n in range(60)]
    # A long block is not kept until it is whole: its lines come when they are.
    assert len(written) < 20 * len(text)


def test_a_terminal_of_another_encoding_gets_no_bytes_of_utf_8(
    sqlite_cli: Cli, fake: FakeAnthropic
) -> None:
    """Of U+011B and U+011D they are C1 control characters, which begin a sequence there."""
    marker = uuid4().hex
    fake.on(marker, "\u011b31m\u011d52;c;")
    settings = "LC_ALL=C PYTHONCOERCECLOCALE=0 PYTHONUTF8=0"
    for words in ("ask --raw", "ask"):
        script = f"{settings} python -m askcli {words} {marker}"
        assert "?31m?52;c;" in sqlite_cli.terminal_shell(script).read()


def test_a_file_that_is_the_terminal_gets_its_encoding(
    sqlite_cli: Cli, fake: FakeAnthropic
) -> None:
    """In the C locale it is UTF-8, unless that is switched off."""
    marker = uuid4().hex
    fake.on(marker, "\u011b31m")
    for setting, shown in (("PYTHONUTF8=1", "\u011b31m"), ("PYTHONUTF8=0", "?31m")):
        settings = f"LC_ALL=C PYTHONCOERCECLOCALE=0 {setting}"
        script = f"{settings} python -m askcli ask -o /dev/tty {marker}"
        assert shown in sqlite_cli.terminal_shell(script).read()
