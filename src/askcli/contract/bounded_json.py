"""JSON from outside, parsed only if its values take little memory and time.

An empty list is two characters of text and 64 bytes in memory: the size of the text is no bound.
"""

from __future__ import annotations

import json
import re
from codecs import BOM_UTF8
from typing import Any

# Outside of strings, their quotes included. A page of 100 questions has some 15,000.
MAX_STRUCTURE_CHARACTERS = 524_288

# Matches at every quote, also of a string without an end: were its quotes tried one after the
# other, each to the end of the text, the time would grow with the square of the size.
_STRING = r'(?s)"[^"\\]*+(?:\\.[^"\\]*+)*+"?'


class TooManyValues(ValueError):
    """More is outside of the strings than may be there."""


def parse(content: bytes | str, most: int = MAX_STRUCTURE_CHARACTERS) -> Any:
    """Parse JSON in UTF-8 with at most so many characters outside of its strings.

    A byte order mark before it is left out: some programs begin their files and responses with one.

    Raises TooManyValues for more, and ValueError or RecursionError for anything else.
    """
    text = content if isinstance(content, str) else content.removeprefix(BOM_UTF8).decode()
    if len(text) > most and _is_structure_larger(text, most):
        raise TooManyValues("the JSON has too many values.")
    return json.loads(text)


def _is_structure_larger(text: str, most: int) -> bool:
    size = end = 0
    for string in re.finditer(_STRING, text):
        size += string.start() - end + 2
        end = string.end()
        if size > most:
            return True
    return size + len(text) - end > most
