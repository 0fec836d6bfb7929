"""Mixed scripts in a word: letters that look like those of another script (UTS #39, 5.1)."""

from __future__ import annotations

import unicodedata

# Writing systems of several scripts, which are no mixture.
_TOGETHER = (
    {"Cjk", "Hiragana", "Katakana"},
    {"Cjk", "Hangul"},
    {"Cjk", "Bopomofo"},
)


def mixed(text: str) -> list[str]:
    """Return the scripts of the letters, none where they are of one writing system.

    `unicodedata` has no Script property; the name of a letter begins with its script's name, once
    the text is in the form NFKC, which has no letters in fancy type.
    """
    letters = [c for c in text if unicodedata.category(c) in ("Ll", "Lu", "Lt", "Lo")]
    scripts = {unicodedata.name(c, "?").split()[0].capitalize() for c in letters}
    if len(scripts) < 2 or any(scripts <= system for system in _TOGETHER):
        return []
    return sorted(scripts)
