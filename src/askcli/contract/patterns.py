"""Patterns of texts in requests.

Patterns and not validators where possible, so that OpenAPI documents them. They are read by Rust's
regex in the server, by ECMAScript and Python's re elsewhere: the dialect is what these share, so
that characters beyond 16 bits stand for themselves and not as escapes.
"""

from __future__ import annotations

from typing import Final


def _class(*ranges: tuple[int, int]) -> str:
    return "".join(f"{_character(first)}-{_character(last)}" for first, last in ranges)


def _character(code: int) -> str:
    return f"\\u{code:04x}" if code < 0x10000 else chr(code)


# Controls, line separators, bidirectional overrides.
_UNPRINTABLE = _class((0x00, 0x1F), (0x7F, 0x9F), (0x2028, 0x202E), (0x2066, 0x2069))
# Nothing to see, or an effect on the characters around: marks of direction, spaces without a width,
# fillers, tags, annotations, shorthand and musical formats.
_INVISIBLE = _class(
    (0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x115F, 0x1160), (0x17B4, 0x17B5),
    (0x180E, 0x180E), (0x200B, 0x200B), (0x200E, 0x200F), (0x2060, 0x206F), (0x3164, 0x3164),
    (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFFB), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
)  # fmt: skip
# Invisible too, and needed: joiners in Persian and Indic words, selectors of a glyph.
_JOINERS = _class((0x180B, 0x180F), (0x200C, 0x200D), (0xFE00, 0xFE0F))
# The other format characters, which are visible: marks of numbers and verses, hieroglyphs.
_MARKS = _class(
    (0x600, 0x605), (0x6DD, 0x6DD), (0x70F, 0x70F), (0x890, 0x891), (0x8E2, 0x8E2),
    (0x110BD, 0x110BD), (0x110CD, 0x110CD), (0x13430, 0x1343F),
)  # fmt: skip

# NUL, which PostgreSQL does not store, is in no text.
ANY_TEXT: Final = r"^[^\x00]*$"
SOME_TEXT: Final = r"^[^\x00]*[^\s\x00][^\x00]*$"

# The empty Braille pattern: a space between others, and no space to \\s.
_EMPTY = _character(0x2800)

_HIDDEN = _UNPRINTABLE + _INVISIBLE
_LINE = rf"[^{_HIDDEN}]*[^\s{_HIDDEN}{_JOINERS}{_EMPTY}][^{_HIDDEN}]*"
ONE_LINE: Final = f"^{_LINE}$"
A_TITLE: Final = f"^(?:{_LINE})?$"  # or nothing
# The minimum of an address (whether it exists, only a message to it would show), without
# characters by which two addresses could differ and look the same.
_IN_EMAIL = rf"[^@\s{_HIDDEN}{_JOINERS}{_MARKS}{_EMPTY}]"
AN_EMAIL: Final = rf"^{_IN_EMAIL}+@{_IN_EMAIL}+$"

_UUID = "[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}"

# An id; of a search, an id after a dot, or another one and its rank before that.
CURSOR = rf"^(?:{_UUID}|(?:{_UUID}\.[0-9a-f]{{16}})?\.{_UUID})$"

ID_PREFIX: Final = r"^[0-9a-fA-F-]{1,36}$"

# What a text must be, in words that follow the name of its field.
FORMS: Final = {
    ANY_TEXT: "must not contain NUL",
    SOME_TEXT: "must be more than blanks, without NUL",
    ONE_LINE: "must be one line of visible characters",
    A_TITLE: "must be one line of visible characters, or empty",
    AN_EMAIL: "must be an email address, such as ada@example.org",
    CURSOR: "must be the next_cursor of a page",
    ID_PREFIX: "must be 1 to 36 hexadecimal digits and dashes",
}
