"""Names of events, headers and media types, and how a header's value is read."""

from __future__ import annotations

import re
from typing import Final

EVENT_QUESTION: Final = "question"
EVENT_DELTA: Final = "delta"
EVENT_DONE: Final = "done"
EVENT_ERROR: Final = "error"
EVENT_STREAM: Final = "text/event-stream"
PROBLEM_JSON: Final = "application/problem+json"
HEADER_ACCESS_TOKEN: Final = "x-access-token"  # noqa: S105 - a header's name
HEADER_REQUEST_ID: Final = "x-request-id"
HEADER_IDEMPOTENCY_KEY: Final = "idempotency-key"
HEADER_IDEMPOTENCY_REPLAYED: Final = "idempotency-replayed"
HEADER_LAST_EVENT_ID: Final = "last-event-id"
API_TOKEN_PREFIX: Final = "askcli_"  # noqa: S105 - unlike a JWT's; secret scanners can find it

TOKEN: Final = re.compile(
    r"[!-~]+"
)  # a header takes nothing else, and a library's error would quote it


def parse_whole_number(text: str) -> int | None:
    """Parse a header's value as a whole number, None if it is not one."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None
