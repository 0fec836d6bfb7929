"""Invisible characters, which can hide text from the reader or change its order.

Kept are those that writing needs: joiners inside of emoji and of the scripts that have them, and
one variation selector after a character that can have one.
"""

from __future__ import annotations

import re
from collections.abc import Callable

# The patterns are compiled at their first use: most texts are ASCII, which nothing hides in.

# Unicode's default ignorable code points, interlinear marks, letters that are blank, and halves of
# surrogate pairs: in the C locale Python writes U+DCC2 U+DC9B as the bytes of a control character.
_INVISIBLE = (
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ud800-\udfff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)
_JOINER, _NON_JOINER, _EMOJI_STYLE = "\u200d", "\u200c", "\ufe0f"
# Arabic and its relatives, the scripts of India and South-East Asia, Mongolian.
_JOINING = (
    "[\u0600-\u0eff\u0f00-\u109f\u1780-\u18af\u1900-\u1cff\ua800-\uabff\ufb50-\ufdff\ufe70-\ufefe"
    "\U00010a00-\U00011fff]"
)


def replaced(text: str, show: Callable[[str], str], before: str = "") -> str:
    """Return the text with its invisible characters as `show` returns them.

    `before` is the character before the text.
    """
    if text.isascii():
        return text

    def replace(match: re.Match[str]) -> str:
        start = match.start()
        last = text[start - 1] if start else before
        return match[0] if last and _is_needed(match[0], last) else show(match[0])

    return re.sub(_INVISIBLE, replace, text)


def _is_needed(char: str, last: str) -> bool:
    if char == _JOINER and (last == _EMOJI_STYLE or _is_emoji(last)):
        return True
    if re.match(_INVISIBLE, last):
        return False
    if char in (_JOINER, _NON_JOINER):
        return bool(re.match(_JOINING, last))
    if "\ufe00" <= char <= _EMOJI_STYLE:
        return last in "0123456789#*" or not (last.isascii() or last.isspace())
    if "\u180b" <= char <= "\u180f":
        return "\u1800" <= last <= "\u18af"
    return "\U000e0100" <= char <= "\U000e01ef" and _is_ideograph(last)


def _is_emoji(char: str) -> bool:
    from unicodedata import category

    return category(char) in ("So", "Sk", "Sm") and not char.isascii()


def _is_ideograph(char: str) -> bool:
    return "\u3400" <= char <= "\u9fff" or "\uf900" <= char <= "\ufaff" or char >= "\U00020000"
