"""The words of SQLite's search index that begin in the same way.

FTS5 makes one list of all rows of all words that begin like a prefix before it returns the first,
in one call that nothing ends: with 5,000 such words in a million rows it took 34 seconds. A few
words by name are read row by row; where there are more, rows are compared with the prefix.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

CREATE = "CREATE VIRTUAL TABLE question_vocabulary USING fts5vocab (question_index, 'instance')"
DROP = "DROP TABLE IF EXISTS question_vocabulary"

# Words by name in one query. Each is a list that is read along with the others.
MAX_WORDS = 100

_LAST_CHARACTER = "\U0010ffff"

# One step for each word, however many rows have it: the next one is looked up by the index.
_BEGINNING = text(
    """WITH RECURSIVE words (word) AS (
        SELECT (SELECT term FROM question_vocabulary
            WHERE term >= :prefix AND term < :end LIMIT 1)
        UNION ALL
        SELECT (SELECT term FROM question_vocabulary
            WHERE term > words.word || char(0) AND term < :end LIMIT 1)
        FROM words WHERE words.word IS NOT NULL)
    SELECT word FROM words WHERE word IS NOT NULL LIMIT :limit"""
)


def beginning(connection: Connection, owner: int, prefix: str, limit: int) -> list[str] | None:
    """Return the owner's words that begin with the prefix; None when there are more than that."""
    start = f"{owner}@{prefix}"
    values = {"prefix": start, "end": start + _LAST_CHARACTER, "limit": limit + 1}
    words = connection.execute(_BEGINNING, values).scalars().all()
    if len(words) > limit:
        return None
    return [word.partition("@")[2] for word in words]
