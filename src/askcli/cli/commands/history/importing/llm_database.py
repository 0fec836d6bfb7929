"""llm's database (logs.db): its turns and, of earlier versions, its responses.

A turn's texts are those of its messages, pieces of which may be fragments. Attachments, tools and
what they have answered are left out: a question here has text.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from askcli.cli.commands.history.importing.items import Item, item
from askcli.contract import bounded_json
from askcli.contract.limits import MAX_IMPORTED_ANSWER_CHARACTERS
from askcli.errors import Misused

_TURNS = """SELECT turns.*, threads.name AS title FROM turns
    LEFT JOIN threads ON threads.id = turns.thread_id ORDER BY turns.id"""
_RESPONSES = """SELECT responses.*, conversations.name AS title FROM responses
    LEFT JOIN conversations ON conversations.id = responses.conversation_id
    {without_turns} ORDER BY responses.id"""
_WITHOUT_TURNS = "WHERE responses.id NOT IN (SELECT id FROM turns)"
_FRAGMENTS = """SELECT group_concat(content, char(10)) FROM (
    SELECT content FROM {kind}_fragments JOIN fragments ON fragments.id = fragment_id
    WHERE response_id = ? ORDER BY {kind}_fragments."order")"""
_PARTS = (
    "SELECT text, payload FROM parts WHERE message_hash = ? AND type = 'text' ORDER BY position"
)

_MOST = MAX_IMPORTED_ANSWER_CHARACTERS


class LlmDatabase:
    """The questions of an open database; `tables` are the names of those that it has."""

    def __init__(self, connection: sqlite3.Connection, tables: set[str]) -> None:
        self._connection = connection
        self._has_turns, self._has_fragments = "turns" in tables, "prompt_fragments" in tables
        self._responses = _RESPONSES.format(without_turns=_WITHOUT_TURNS if self._has_turns else "")

    def count(self) -> int:
        """Return the number of questions."""
        queries = [self._responses, *([_TURNS] if self._has_turns else [])]
        return sum(self._one(f"SELECT count(*) FROM ({query})") for query in queries)  # noqa: S608

    def items(self) -> Iterator[Item]:
        """Yield the questions, one in memory."""
        sources = [(self._responses, self._of_response)]
        sources += [(_TURNS, self._of_turn)] if self._has_turns else []
        for query, made_of in sources:
            for row in self._connection.execute(query):
                try:
                    made = made_of(dict(row))
                except (LookupError, ValueError, TypeError, AttributeError, RecursionError):
                    raise Misused(f"llm has not written the row {row['id']!r}.") from None
                yield made

    def _of_response(self, row: dict[str, Any]) -> Item:
        prompt, system = row["prompt"], row["system"]
        if self._has_fragments:  # llm sends them before the prompt
            before, of_system = (
                self._one(_FRAGMENTS.format(kind=kind), row["id"]) for kind in ("prompt", "system")
            )
            prompt = "\n".join(filter(None, (before, prompt)))
            system = "\n".join(filter(None, (of_system, system)))
        texts = {"question": prompt, "system": system, "answer": row["response"]}
        return self._item(row, row["conversation_id"], texts)

    def _of_turn(self, row: dict[str, Any]) -> Item:
        question, system = self._asked(row["parent_message_hash"])
        answer = self._answered(row["tip_message_hash"], row["parent_message_hash"])
        texts = {"question": question, "system": system, "answer": answer}
        return self._item(row, row["thread_id"], texts)

    def _item(self, row: dict[str, Any], conversation: str | None, texts: dict[str, Any]) -> Item:
        created = _time(row["datetime_utc"])
        return item(
            key=f"llm:{row['id']}",
            conversation=f"llm:{conversation or row['id']}",
            title=row["title"],
            **texts,
            model=row.get("resolved_model") or row["model"],
            created_at=created,
            answered_at=created,
            **{name: _number(row.get(name)) for name in ("input_tokens", "output_tokens")},
        )

    def _asked(self, hash_: str | None) -> tuple[str, str]:
        """Return the text of the message that was asked, and of the system prompt before it."""
        question, seen = "", set[str]()
        while hash_ and hash_ not in seen and len(seen) < 10_000:
            seen.add(hash_)
            row = self._message(hash_)
            if row is None:
                break
            if row["role"] == "user" and not question:
                question = self._text(hash_)
            if row["role"] == "system":
                return question, self._text(hash_)
            hash_ = row["parent_hash"]
        return question, ""

    def _answered(self, tip: str | None, end: str | None) -> str:
        """Return the text of the assistant's messages, from the tip to the one that was asked.

        Of what is longer than any that is imported, the end.
        """
        texts: list[str] = []
        size = 0
        while tip and tip != end and len(texts) < 1_000 and size <= _MOST:
            row = self._message(tip)
            if row is None:
                break
            texts.append(self._text(tip) if row["role"] == "assistant" else "")
            size += len(texts[-1])
            tip = row["parent_hash"]
        return "".join(reversed(texts))

    def _message(self, hash_: str) -> sqlite3.Row | None:
        query = "SELECT role, parent_hash FROM messages WHERE hash = ?"
        row: sqlite3.Row | None = self._connection.execute(query, (hash_,)).fetchone()
        return row

    def _text(self, hash_: str) -> str:
        """Return the text of a message: the beginning of what is longer than any imported one."""
        size, texts = 0, list[str]()
        for text in self._pieces(hash_):
            texts.append(text)
            size += len(text)
            if size > _MOST:  # one fragment may be in it a thousand times
                break
        return "".join(texts)

    def _pieces(self, hash_: str) -> Iterator[str]:
        """Yield the texts of its parts, which may be made of literal pieces and of fragments."""
        fragment = "SELECT content FROM fragments WHERE id = ?"
        for row in self._connection.execute(_PARTS, (hash_,)):
            yield row["text"] or ""
            payload = {} if row["text"] else bounded_json.parse(row["payload"] or "{}")
            for piece in payload.get("text_ref") or []:
                is_literal = "literal" in piece
                yield (
                    piece["literal"] if is_literal else self._one(fragment, piece["fragment"]) or ""
                )

    def _one(self, query: str, *values: object) -> Any:
        row = self._connection.execute(query, values).fetchone()
        return row[0] if row else None


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _time(text: object) -> str:
    """Return a time of llm's, which is in UTC, as the server takes it; 1970 for none."""
    try:
        time = datetime.fromisoformat(str(text))
    except ValueError:
        time = datetime.fromtimestamp(0, UTC)
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).isoformat()
