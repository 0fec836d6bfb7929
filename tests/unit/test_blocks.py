"""Markdown's top-level blocks, and fenced code as far as it has come."""

from __future__ import annotations

import pytest

from askcli.cli.output.markdown.blocks import Code, code, split

TEXTS = [
    "",
    "one",
    "one\n\ntwo\n",
    "# Title\ntext\n\n- a\n- b\n\n1. c\n",
    "text\n\n```py\nx = 1\n\ny = 2\n```\n\nmore",
    "| a | b |\n| --- | --- |\n| 1 | 2 |\n\n> quoted\n> more\n",
    "\n\n  \ntext after blank lines\n",
    "<div>\n\nno HTML\n",
    "[x]: http://no.link\n\ntext",
]


@pytest.mark.parametrize("text", TEXTS)
def test_the_blocks_together_are_the_text(text: str) -> None:
    assert "".join(split(text)) == text


def test_each_top_level_element_is_a_block() -> None:
    blocks = split("# Title\n\nwords\nmore\n\n- a\n- b\n\n```\ncode\n\ncode\n```\nend\n")
    assert [block.strip() for block in blocks] == [
        "# Title",
        "words\nmore",
        "- a\n- b",
        "```\ncode\n\ncode\n```",
        "end",
    ]


@pytest.mark.parametrize(
    ("block", "parsed"),
    [
        ("```python\nx = 1\n```\n", Code("python", ["x = 1"], True)),
        ("```\nx\n", Code("", ["x", ""], False)),
        ("\n~~~ sh\nls\n~~~~\n", Code("sh", ["ls"], True)),
        ("````\n```\n````\n", Code("", ["```"], True)),
        ("  ```\nindented\n```\n", None),
        ("words\n", None),
        ("```no line end", None),
        ("~~~~~", None),
        ("~~~\nx\n~~ ~~~\n~~~x\n ~~~~ \t\ny", Code("", ["x", "~~ ~~~", "~~~x"], True)),
        ("```a`b\n", None),
        ("```{.py}\nx\n", Code("", ["x", ""], False)),
    ],
)
def test_code_is_parsed_as_far_as_it_has_come(block: str, parsed: Code | None) -> None:
    assert code(block) == parsed


LONG = 100_000


@pytest.mark.parametrize(
    "block",
    [
        "~" * LONG,
        "`" * LONG,
        "~~~" + " \t" * LONG,
        "~~~" + "a" * LONG + "{" * LONG,
        "~~~\n" + "~" * LONG + "x",
        "~~~\n~~~" + " " * LONG + "x",
        "~" * LONG + "\n" + "~~~~\n" * LONG,
    ],
    ids=lambda block: repr(block[:5] + block[-5:]),
)
def test_no_line_takes_longer_than_its_length(block: str) -> None:
    """Or this does not end."""
    parsed = code(block)
    assert parsed is None or not parsed.is_closed
