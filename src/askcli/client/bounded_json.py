"""JSON from outside, parsed only if its values take little memory.

An empty list is two characters of text and 64 bytes in memory: the size of the text is no bound.
"""

from __future__ import annotations

import json
import re
from typing import Any

# Outside of strings. A page of 100 questions has some 10,000.
MAX_STRUCTURE_CHARACTERS = 524_288

_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"')


def parse(content: bytes | str) -> Any:
    """Parse JSON in UTF-8. Raises ValueError or RecursionError for anything else."""
    text = content if isinstance(content, str) else content.decode()
    _check_structure(text)
    return json.loads(text)


def _check_structure(text: str) -> None:
    """Raise ValueError when more is outside of strings than any response or row has there."""
    if len(text) <= MAX_STRUCTURE_CHARACTERS:
        return
    size = end = 0
    for string in _STRING.finditer(text):  # quotes are found in no other place
        size += string.start() - end
        end = string.end()
        if size > MAX_STRUCTURE_CHARACTERS:
            break
    else:
        size += len(text) - end
    if size > MAX_STRUCTURE_CHARACTERS:
        raise ValueError("the JSON has too many values.")
