"""The largest request that the API accepts."""

from __future__ import annotations

from typing import Final

MAX_QUESTION_CHARACTERS: Final = 400_000
MAX_SYSTEM_CHARACTERS: Final = 100_000
MAX_BODY_BYTES: Final = 2_097_152
MAX_PAGE: Final = 100
MAX_SEARCH_CHARACTERS: Final = 500
