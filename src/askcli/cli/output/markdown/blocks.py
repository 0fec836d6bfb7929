"""Top-level blocks of Markdown, and which of them are final: more text cannot change them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from markdown_it import MarkdownIt


class _Parser(MarkdownIt):
    """A parser that leaves a bare address as it is written.

    Decoded (`xn--`, `%E2%80%AE`) it could show letters that look like another host's.
    """

    def normalizeLinkText(self, link: str) -> str:  # noqa: N802 - the name of the method replaced
        """Return the address."""
        return link


# Without HTML and link definitions, which a terminal does not show: they are plain text.
parser = _Parser("commonmark", {"html": False}).enable(["table", "strikethrough"])
parser.disable(["reference", "html_block", "html_inline"])

# Possessive, as a model may write a line of any length: what a part has matched no other one gets.
_FENCE = re.compile(r" {0,3}(`{3,}+|~{3,}+)[ \t]*+([^\s`{]*+)[^\n`]*+\n")

# An unfinished line that may begin a block or go on with the one before: `2` may become an item of
# its list, `***` and `#` a word of its paragraph, "```" code within that.
_UNDECIDED = re.compile(r"[ \t]*+(?:\d{1,9}[.)]?|`{3,}+[^`\n]*+|[-+*_#=~|: \t]*+)")


@dataclass(frozen=True, slots=True)
class Code:
    """A fenced block of code, complete or not."""

    language: str
    lines: list[str]
    is_closed: bool


def split(text: str) -> list[str]:
    """Split the text into its blocks, which together are the text."""
    lines = text.splitlines(keepends=True)
    tops = [token.map[0] for token in parser.parse(text) if token.level == 0 and token.map]
    starts = [0, *tops[1:]]
    return [
        "".join(lines[start:end])
        for start, end in zip(starts, [*tops[1:], len(lines)], strict=True)
    ]


def settled(text: str) -> tuple[list[str], str]:
    """Return the blocks that more text cannot change, and the rest: a block and maybe a line."""
    end = text.rfind("\n") + 1
    if not _UNDECIDED.fullmatch(text, end):
        end = len(text)
    *final, last = split(text[:end])
    fenced = code(last)
    if end < len(text) and fenced and fenced.is_closed:
        return [*final, last], text[end:]
    return final, last + text[end:]


def code(block: str) -> Code | None:
    """Return the code of a fenced block at the margin, None for other blocks."""
    block = block.lstrip("\n")
    opening = _FENCE.match(block)
    if not opening or block.startswith(" "):
        return None
    fence = f"{opening[1][0]}{{{len(opening[1])},}}+"
    closing = re.compile(rf"^ {{0,3}}{fence}[ \t]*+$", re.MULTILINE)
    body = block[opening.end() :]
    end = closing.search(body)
    if end:
        body = body[: end.start()]
    lines = body.split("\n")
    return Code(opening[2], lines[:-1] if end else lines, is_closed=bool(end))
