"""The blocks of code in an answer, without their fences."""

from __future__ import annotations

from askcli.cli.output.markdown import blocks
from askcli.errors import NotFound


def all_of(answer: str) -> list[str]:
    """Return the content of each block, wherever it stands, in order; each ends with a line feed.

    Indented text counts only where nothing is fenced: beside fences it is rather a paragraph of a
    list. A fence that is not closed ends with the answer, or with the list or quote around it.
    """
    tokens = blocks.parser.parse(answer)
    for kind in ("fence", "code_block"):
        found = [t.content for t in tokens if t.type == kind and t.content.strip()]
        if found:
            return [content if content.endswith("\n") else f"{content}\n" for content in found]
    return []


def last(answer: str) -> str:
    """Return the last block. Raises NotFound where there is none."""
    return _some(answer)[-1]


def joined(answer: str) -> str:
    """Return all blocks, an empty line between two. Raises NotFound where there is none."""
    return "\n".join(_some(answer))


def open_fence(answer: str) -> str:
    """Return the fence that closes the block of code at the end of the answer, empty for none."""
    last = blocks.parser.parse(f"{answer}\n\ntext")[-1]
    return last.markup if last.type == "fence" else ""


def _some(answer: str) -> list[str]:
    found = all_of(answer)
    if not found:
        raise NotFound(detail="there is no block of code in the answer.")
    return found
