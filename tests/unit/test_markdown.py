"""Answers on a terminal: no control byte but ours, nothing lost, the same however it is cut."""

from __future__ import annotations

import html
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import pyte
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from askcli.cli.output import answer
from askcli.cli.output.markdown import printing as markdown
from askcli.cli.output.terminal.live_region import Region
from tests.support.screen import KeepingScreen, Output, Terminal, lines, screen_lines
from tests.support.soak import SOAK

EXAMPLES = 5000 if SOAK else 15


# All that we write beside text: colours, up, erase, and "show it at once".
OURS = re.compile(r"\x1b\[[0-9;]*m|\x1b\[\d+A|\r\x1b\[K\x1b\[C\x1b\[J\r|\x1b\[\?2026[hl]|\n")


CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


WORDS = st.sampled_from(
    [
        "alpha",
        "beta",
        "Δέλτα",
        "漢字",
        "日本語の文",
        "👩‍👩‍👧",
        "👍🏽",
        "🇫🇷",
        "e\u0301",
        "שלום",
        "\u202eevil",
        "ก็",
        "हिन्दी",
        "﷽",
        "zero\u200bwidth",
        "a\u0300\u0301\u0302",
        "x" * 120,
        "ﬀ",
        "①",
        "\ufeff",
        "\u2028",
    ]
)


ESCAPES = st.sampled_from(
    [
        "\x1b[31m",
        "\x1b]0;owned\x07",
        "\x1b[2J",
        "\x9b5A",
        "\x1bP1$r\x1b\\",
        "\x08\x08",
        "\r",
        "\x7f",
        "\x1b[?1049h",
        "\x1b]8;;http://evil.example\x07",
        "\x00",
        "\x0e",
        "\x85",
        "\x1b",
    ]
)


MARKS = st.sampled_from(
    [
        "**",
        "_",
        "`",
        "```\n",
        "```python\n",
        "~~~\n",
        "# ",
        "## ",
        "> ",
        "- ",
        "1. ",
        "    ",
        "\t",
        "\n",
        "\n\n",
        "| ",
        " | ",
        "\n| --- | --- |\n",
        "[",
        "](http://a.example/b)",
        "<b>",
        "</b>",
        "<!--",
        "&amp;",
        "&#x202e;",
        "&#13;",
        "&#8232;",
        "&ZeroWidthSpace;",
        "![",
        "---\n",
        "===\n",
        "~~",
        "\\",
        "* * *\n",
        "<https://a.example>",
        "[x]: http://y\n",
        "- [ ] ",
        "$$",
        "<div>\n",
        " ",
        "  \n",
    ]
)


TEXTS = st.lists(st.one_of(WORDS, ESCAPES, MARKS, st.text(max_size=5)), max_size=40).map("".join)


PARTS = [
    "# {}\n",
    "{} **{}** _{}_ `{}` ~~{}~~\n",
    "- {}\n  - {}\n- {}\n",
    "1. {}\n2. {}\n",
    "> {}\n> {}\n",
    "| {} | {} |\n| --- | --- |\n| {} | {} |\n",
    "```\n{}\n{}\n```\n",
    "    {}\n",
    "[{}](http://{})\n",
    "![{}](http://{})\n",
    "<b>{}</b>\n",
    "<div>{}</div>\n",
    "[{}]: http://{}\n",
    "{}\n===\n",
    "- [ ] {}\n",
    "- a\n\n  ```py\n  {}\n  ```\n\n  | {} |\n  | --- |\n  | {} |\n",
    "> - {}\n>   > {}\n",
    "<{}@x.example>\n",
    "{}  \n{}\\\n{}\n",
    "<!-- {} -->\n",
    "Term\n: {}\n",
    "$$\n{}\n$$\n",
    "{}[^1]\n\n[^1]: {}\n",
    "&{};\n",
]


def written(
    pieces: Iterable[str],
    columns: int = 80,
    rows: int = 24,
    terminal: Terminal | None = None,
    **environment: str,
) -> str:
    """All that is written to a terminal when an answer comes in these pieces."""
    terminal = terminal or Terminal()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", terminal)
        patch.setattr(markdown, "DRAW_RATIO", 0)  # every piece is drawn
        environment = {"TERM": "xterm-256color", "COLUMNS": str(columns), "LINES": str(rows)}
        for name, value in (environment | environment).items():
            patch.setenv(name, value)
        markdown.print_markdown(iter(pieces))
    return terminal.getvalue()


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(TEXTS, st.data())
def test_whatever_comes_however_it_is_cut(text: str, data: Any) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    columns = data.draw(st.sampled_from([20, 40, 80, 200]))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    output = written(pieces, columns, rows=10)
    assert not CONTROL.search(OURS.sub("", output)), output
    whole = written([text], columns, rows=10)
    note(f"{text!r} {pieces!r}")
    assert without_end(lines(output, columns, 10)) == without_end(lines(whole, columns, 10))


@pytest.mark.parametrize(
    "text",
    [
        "1. one\n\n2. two\n\n3. three\n",
        "9. nine\n\n   - deep\n\n10. ten\n\nend\n",
        "1. run\n\n   ```sh\n   ls\n   ```\n\n2. look\n",
        "words\n***more***, words\n#tag\n```code``` words\n",
        "- item\n***more*** of it\n1)no item\n",
        "```\ncode\n```\n***bold***\n",
        "head | er\n--- | --- is no table\n",
    ],
)
def test_a_block_goes_on_although_its_next_line_began_like_another(text: str) -> None:
    assert without_end(lines(written(text))) == without_end(lines(written([text])))


def test_rows_that_go_leave_the_ones_above_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    region = Region()
    for rows in (["text", "a notice"], ["text"], ["text", "more"], ["text"], []):
        region.show([], rows)
    region.show(["text", "more"], [])
    assert without_end(lines(terminal.getvalue())) == ["text", "more"]


PLACES = [
    "a {} b **{}**\n",
    "# a {}\n",
    "> - {}\n",
    "| {} |\n| --- |\n| {} |\n",
    "[{}](http://a.example/{})\n",
    "![{}](http://a.example/{})\n",
    "<http://a.example/{}>\n",
    "```{}\n{}\n```\n",
    "- a\n\n  ```{}\n  {}\n  ```\n",
]
# An entity of HTML, a percent-encoded address and the host of an international domain.
DECODED = {
    "\u202e": ["&#x202e;", "&#8238;", "%E2%80%AE"],
    "\u200b": ["&#X200B;", "&#8203;", "&ZeroWidthSpace;", "%E2%80%8B"],
    "\u200e": ["&#x200e;", "&#8206;", "&lrm;"],
    "\xad": ["&#xad;", "&#173;", "&shy;"],
    "\U000e0041": ["&#xE0041;", "&#917569;", "%F3%A0%81%81"],
    "\u2028": ["&#x2028;", "&#8232;"],
    "\u2066": ["&#x2066;", "&#8294;"],
    "\x0c": ["&#xc;", "&#12;", "%0C"],
    "\r": ["&#xd;", "&#13;", "%0D"],
}


@pytest.mark.parametrize("char", DECODED)
def test_a_character_that_markdown_decodes_is_no_less_visible(char: str) -> None:
    for spelling in DECODED[char]:
        text = "\n".join(place.replace("{}", spelling) for place in PLACES)
        output = written([text])
        assert char not in OURS.sub("", output).replace("\r\n", "\n"), (spelling, output)
        assert not CONTROL.search(OURS.sub("", output)), (spelling, output)


def test_a_bare_address_is_shown_as_it_is_written() -> None:
    address = "http://xn--80ak6aa92e.com/%61%E2%80%AE"  # Cyrillic letters that look like "apple"
    assert address in written([f"See <{address}>, and\n\n| a |\n| - |\n| <{address}> |\n"])


@pytest.mark.parametrize(
    "text", ["👩&zwj;👩", "می&zwnj;خواهم", "&#x1F468;&#x200d;&#x1F4BB; 1&#xFE0F;"]
)
def test_an_entity_that_writing_needs_is_decoded(text: str) -> None:
    assert html.unescape(text) in written([text])


LONG_COMMAND = "git log --oneline --graph " + "".join(f"--flag-{n} " for n in range(12)) + "end"


@pytest.mark.parametrize("text", ["w" * 90, "```\n" + "w" * 90, "- `" + "w" * 60, "👍🏽w" * 30])
def test_each_letter_is_on_the_screen_as_soon_as_it_has_come(text: str) -> None:
    terminal, screen, fed = Terminal(), pyte.HistoryScreen(40, 24, history=1000), 0
    stream = pyte.Stream(screen)

    def pieces() -> Iterator[str]:
        nonlocal fed
        for number, letter in enumerate(text):
            yield letter
            new = terminal.getvalue()[fed:]  # all of it each time would take seconds
            stream.feed(new.replace("\n", "\r\n"))
            fed += len(new)
            output = "".join(screen_lines(screen))
            assert output.count("w") == text[: number + 1].count("w"), output

    written(pieces(), 40, terminal=terminal)


@pytest.mark.parametrize("block", ["1. run\n\n   ```sh\n   {}\n   ```\n", "> - a\n>\n>       {}\n"])
def test_a_command_in_a_list_can_be_copied_whole(block: str) -> None:
    output = re.sub(r"\x1b\[[0-9;]*m", "", written([block.format(LONG_COMMAND)], 40))
    assert LONG_COMMAND in output


def test_an_answer_from_the_first_row_on_is_not_kept_again_and_again() -> None:
    screen = KeepingScreen(40, 24, history=1000)
    pyte.Stream(screen).feed(written("One paragraph, then **another**.\n\nIts words.", 40, 24))
    assert len(screen.history.top) == 0
    assert [line for line in screen_lines(screen) if line] == [
        "One paragraph, then another.",
        "Its words.",
    ]


def without_end(output: list[str]) -> list[str]:
    """The lines without blank ones at the end."""
    while output and not output[-1]:
        output = output[:-1]
    return output


@settings(max_examples=EXAMPLES * 3, deadline=None, suppress_health_check=list(HealthCheck))
@given(TEXTS, st.data())
def test_a_pipe_carries_the_text_less_its_control_characters(text: str, data: Any) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    piped, raw = piped_as(pieces, raw=False), piped_as(pieces, raw=True)
    assert raw == text
    assert not CONTROL.search(piped.replace("\n", "").replace("\t", ""))
    # Character by character the same, but for the control characters, and a last line feed.
    expected = text.replace("\r", "")
    ended = expected if not expected or expected.endswith("\n") else expected + "\n"
    assert len(piped.removesuffix("\n")) == len(ended.removesuffix("\n"))
    for one, other in zip(piped, ended, strict=False):
        assert one == other or (CONTROL.match(other) and not CONTROL.match(one)), (one, other)


def piped_as(pieces: list[str], *, raw: bool) -> str:
    """What a pipe gets when an answer comes in these pieces."""
    pipe = Output()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", pipe)
        answer.shower(raw=raw)(iter(pieces))
    return pipe.getvalue()


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.sampled_from(PARTS), min_size=1, max_size=6))
def test_no_word_is_lost_in_the_rendering(parts: list[str]) -> None:
    text = ""
    words: list[str] = []
    for part in parts:
        own = [f"w{len(words) + n}w" for n in range(part.count("{}"))]
        text += part.format(*own) + "\n"
        words += own
    for columns in (20, 80):
        output = "".join(line.replace(" ", "") for line in lines(written([text], columns), columns))
        # A word may go on in the next line of its cell: so letters are counted.
        assert output.count("w") >= text.count("w") - text.count("www."), (text, output)
        if columns == 80:
            assert [word for word in words if word not in output] == []


@pytest.mark.parametrize("columns", [10, 20, 80])
@pytest.mark.parametrize("place", ["", "> ", "- "])
def test_a_table_wider_than_the_terminal_shows_all_of_its_text(columns: int, place: str) -> None:
    widest = [300] if SOAK or (columns, place) == (20, "> ") else []
    for count in (1, 2, 4, 5, 7, 18, 20, 26, 38, *widest):
        rows = ["".join(f"|{row}{n}語SECRET" for n in range(count)) for row in "ab"]
        text = "\n".join((rows[0], "|-" * count, rows[1])).replace("\n", "\n" + " " * len(place))
        output = "".join(lines(written([place + text], columns), columns))
        assert Counter(output)["語"] == 2 * count
        assert all(Counter(output)[letter] >= 2 * count for letter in "SRCT"), (count, output)


@pytest.mark.parametrize("place", ["", "> ", "- ", "> - "])
def test_a_cell_without_a_column_is_shown(place: str) -> None:
    rows = ["| Command | What |", "|---|---|", "| `ps aux | grep it` | *finds* \\| it |", "| a |"]
    indent = place.replace("-", " ")
    output = " ".join(lines(written([place + f"\n{indent}".join(rows)])))
    words = output.replace("▌", " ").split()
    assert " ".join(words).endswith("`ps aux grep it` | *finds* | it a")


def test_a_long_text_without_a_break_is_no_burden() -> None:
    for text in (
        "x" * 50_000,
        "> " * 2_000 + "deep",
        "- " * 500 + "deep",
        "*" * 20_000,
        "[" * 5_000,
    ):
        assert "x" in written([text, " x"], 80)
