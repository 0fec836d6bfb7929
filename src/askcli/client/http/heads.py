"""The head of a server's response: read whole, and refused where it could be read in two ways."""

from __future__ import annotations

import re
from collections import defaultdict
from http.client import HTTPException
from typing import BinaryIO

from askcli.errors import BadResponse

HEAD_BYTES = 65_536  # of a response and the provisional ones before it
_PROVISIONAL = re.compile(rb"\S+\s+1(?!01)\d\d\s")
_FIELD = re.compile(rb"([^\s:]+):([^\r]*)\r?\n")


def read(stream: BinaryIO) -> bytes:
    """Read up to the end of a head that is not of a provisional response, and return that.

    Raises HTTPException for one that is cut off, and BadResponse as `_check` does.
    """
    lines: list[bytes] = []
    left = HEAD_BYTES
    while True:
        lines.append(line := stream.readline(left))
        left -= len(line)
        if not line.endswith(b"\n"):
            raise HTTPException("the head of the response is cut off or too long.")
        if not lines[0].startswith(b"HTTP/"):
            raise HTTPException("the response is not HTTP.")
        if line in (b"\r\n", b"\n"):
            if not _PROVISIONAL.match(lines[0]):
                _check(lines[1:-1])
                return b"".join(lines)
            lines.clear()


def _check(lines: list[bytes]) -> None:
    """Raise BadResponse for a folded or malformed line, and where the body's end is ambiguous.

    Where two programs on the way find different ends, the rest is taken for the next response.
    """
    fields = defaultdict[bytes, set[bytes]](set)
    for line in lines:
        if not (field := _FIELD.fullmatch(line)):
            raise BadResponse("the server's response has a malformed line in its head.")
        fields[field[1].lower()].add(field[2].strip().lower())
    lengths, encodings = fields[b"content-length"], fields[b"transfer-encoding"]
    is_certain = len(lengths) + len(encodings) <= 1 and encodings <= {b"chunked"}
    if not is_certain or not all(length.isdigit() for length in lengths):
        raise BadResponse("the server's response does not say in one way where it ends.")
