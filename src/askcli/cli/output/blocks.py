"""Markdown's top-level blocks: which text is finished, so that more text cannot change it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from markdown_it import MarkdownIt

# Without HTML and link definitions: a terminal shows neither, so they are text like any other.
parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
parser.disable(["reference", "html_block", "html_inline"])

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})[ \t]*([^\s`{]*)[^\n`]*\n")


@dataclass(frozen=True, slots=True)
class Code:
    """A fenced block of code, as far as it has come."""

    language: str
    lines: list[str]
    is_closed: bool


def split(text: str) -> list[str]:
    """The text's blocks; together they are the text."""
    lines = text.splitlines(keepends=True)
    tops = [token.map[0] for token in parser.parse(text) if token.level == 0 and token.map]
    starts = [0, *tops[1:]]
    return [
        "".join(lines[start:end])
        for start, end in zip(starts, [*tops[1:], len(lines)], strict=True)
    ]


def code(block: str) -> Code | None:
    """The code of a block that is fenced and begins at the margin, None of another one."""
    block = block.lstrip("\n")
    opened = _FENCE.match(block)
    if not opened or block.startswith(" "):
        return None
    sign = re.escape(opened[1])
    closing = re.compile(rf"^ {{0,3}}{sign}{re.escape(opened[1][0])}*[ \t]*$", re.MULTILINE)
    body = block[opened.end() :]
    closed = closing.search(body)
    if closed:
        body = body[: closed.start()]
    lines = body.split("\n")
    return Code(opened[2], lines[:-1] if closed else lines, is_closed=bool(closed))
