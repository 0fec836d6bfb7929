"""What an answerer sends, as a database stores it."""

from __future__ import annotations

import codecs

_UTF16 = codecs.getincrementaldecoder("utf-16-le")


class StorableText:
    """Makes the pieces of one answer storable: U+FFFD replaces NUL and unpaired surrogates.

    The halves of a surrogate pair may come in two pieces: JSON has them as two escapes. The first
    is kept until the second comes.
    """

    def __init__(self) -> None:
        self._decoder = _UTF16("replace")
        self._has_half = False

    def add(self, piece: str) -> str:
        """Return the storable text of a piece, without a first half at its end."""
        if piece.isascii() and not self._has_half:
            return piece.replace("\0", "\ufffd")
        text = self._decode(piece)
        self._has_half = self._decoder.getstate()[0] != b""
        return text

    def end(self) -> str:
        """Return what is left of a first half whose second did not come."""
        return self._decode("", is_last=True)

    def _decode(self, piece: str, *, is_last: bool = False) -> str:
        data = piece.encode("utf-16-le", "surrogatepass")
        return self._decoder.decode(data, is_last).replace("\0", "\ufffd")


def storable(text: str) -> str:
    """Return the storable form of a whole text."""
    whole = StorableText()
    return whole.add(text) + whole.end()
