"""The largest request that the API accepts, and the largest answer that it gives."""

from __future__ import annotations

from typing import Final

MAX_QUESTION_CHARACTERS: Final = 400_000
MAX_SYSTEM_CHARACTERS: Final = 100_000
MIN_PASSWORD_CHARACTERS: Final = 10
MAX_PASSWORD_BYTES: Final = 72  # all that bcrypt reads; a longer one is refused and never cut
MAX_BODY_BYTES: Final = 2_097_152
# Outside of a body's strings: a dozen fields, however they are indented, have some hundreds.
MAX_BODY_STRUCTURE: Final = 4096
MAX_PAGE: Final = 100
# Of a list: before one is empty, a server looks at some thousand questions.
MAX_EMPTY_PAGES: Final = 5_000
# Characters of `next_cursor`: twice what this version's have.
MAX_CURSOR: Final = 200
MAX_TITLE_CHARACTERS: Final = 200
# Of a request: so many, however their fields are set apart, are within MAX_BODY_STRUCTURE.
MAX_IMPORTED: Final = 25
MAX_IMPORTED_ANSWER_CHARACTERS: Final = 1_000_000
MAX_SEARCH_CHARACTERS: Final = 500
MAX_SEARCH_WORDS: Final = 100
MAX_SEARCH_PREFIXES: Final = 4
MIN_PREFIX_CHARACTERS: Final = 2
# Models give a tenth of it; an answer is stopped there, and its text so far is kept.
MAX_ANSWER_CHARACTERS: Final = 4_194_304
# What a client reads at most. The longest question with its answer takes less.
MAX_RESPONSE_BYTES: Final = 33_554_432
