"""Database rows as shapes of the contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from askcli.contract.shapes import ApiToken, Conversation, Question, Session, Usage, User
from askcli.services.clock import rfc3339
from askcli.store.prepared import Record
from askcli.store.queries.id_times import time_of

# Of a sum of costs. Far below the price of one token, and above the error of the additions.
DOLLAR_DECIMALS = 12

# Of a conversation's first question, where nobody gave it a title.
TITLE_CHARACTERS = 80


def as_user(row: Record) -> User:
    """Return a user's row as the contract shows it, without the password hash."""
    return User(
        id=str(row["id"]),
        name=str(row["name"]),
        email=str(row["email"]),
        created_at=rfc3339(row["created_at"]),
    )


def as_question(row: Mapping[Any, Any]) -> Question:
    """Return a question's row as the contract shows it."""
    return Question(
        id=str(row["id"]),
        user_id=str(row["user_id"]),
        conversation_id=str(row["conversation_id"]),
        question=row["question"],
        system=row["system"],
        answer=row["answer"],
        status=row["status"],
        stop_reason=row["stop_reason"],
        error=row["error"],
        model=row["model"],
        max_tokens=row["max_tokens"],
        input_tokens=row["input_tokens"],
        output_tokens=row["output_tokens"],
        cost_usd=row["cost_usd"],
        created_at=rfc3339(row["created_at"]),
        answered_at=rfc3339(row["answered_at"]) if row["answered_at"] else None,
    )


def as_conversation(row: Record) -> Conversation:
    """Return a conversation, as `store.queries.conversations` sums it up, as the contract does."""
    return Conversation(
        id=str(row["id"]),
        title=row["title"] or _beginning(row["beginning"]),
        turns=row["turns"],
        cost_usd=_total(row["cost_usd"]),
        created_at=rfc3339(time_of(row["first_id"])),
        last_activity_at=rfc3339(time_of(row["last_id"])),
        last_question_id=str(row["last_id"]),
    )


def _beginning(text: str) -> str:
    """Return the beginning of a text in one line."""
    line = " ".join(text.split())
    return line if len(line) <= TITLE_CHARACTERS else f"{line[: TITLE_CHARACTERS - 1].rstrip()}…"


def as_session(row: Record, *, is_current: bool) -> Session:
    """Return a session's row as the contract shows it."""
    return Session(
        id=str(row["id"]),
        client=row["client"],
        address=row["network"],
        created_at=rfc3339(row["created_at"]),
        last_used_at=rfc3339(row["last_used_at"]),
        current=is_current,
    )


def as_api_token(row: Record) -> ApiToken:
    """Return an API token's row as the contract shows it, without the token."""
    last_used_at = row["last_used_at"]
    return ApiToken(
        id=str(row["id"]),
        name=row["name"],
        scopes=row["scopes"].split(),
        created_at=rfc3339(row["created_at"]),
        expires_at=rfc3339(row["expires_at"]),
        last_used_at=rfc3339(last_used_at) if last_used_at else None,
    )


def as_usage(row: Record) -> Usage:
    """Return a row of usage (a day and a model) as the contract shows it."""
    return Usage(
        day=row["day"],
        model=row["model"],
        questions=row["questions"],
        input_tokens=row["input_tokens"],
        output_tokens=row["output_tokens"],
        cost_usd=_total(row["cost_usd"]),
    )


def _total(dollars: float | None) -> float | None:
    """Return a sum of costs without the digits that only its additions have made."""
    return None if dollars is None else round(dollars, DOLLAR_DECIMALS)
