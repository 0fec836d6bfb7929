"""The blocks of code in an answer, without their fences."""

from __future__ import annotations

from askcli.cli.output import blocks
from askcli.errors import NotFound


def all_of(answer: str) -> list[str]:
    """Return the content of each fenced or indented block, wherever it stands, in order."""
    tokens = blocks.parser.parse(answer)
    return [token.content for token in tokens if token.type in ("fence", "code_block")]


def last(answer: str) -> str:
    """Return the last block. Raises NotFound where there is none."""
    found = all_of(answer)
    if not found:
        raise NotFound(detail="there is no block of code in the answer.")
    return found[-1]
