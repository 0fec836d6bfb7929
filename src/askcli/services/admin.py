"""What the host does with accounts, on the server's machine and in one transaction each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, RowMapping

from askcli.contract import Question
from askcli.errors import NotFound
from askcli.services.audit import note
from askcli.services.auth.accounts import email_key
from askcli.services.clock import now, rfc3339
from askcli.services.shapes import as_api_token, as_question, as_session, as_user
from askcli.services.usage.quotas import NONE, Quota, beginnings
from askcli.store import api_tokens, audit, listing, questions, sessions, usage, users
from askcli.store.listing import Filter

PAGE = 500


def find(connection: Connection, who: str) -> RowMapping:
    """The user with this email or id. Raises NotFound."""
    try:
        row = users.by_id(connection, UUID(who))
    except ValueError:
        row = users.by_email(connection, email_key(who))
    if row is None:
        raise NotFound(detail=f"there is no user {who!r}; `askcli users list` shows them.")
    return row


def every(connection: Connection) -> list[dict[str, Any]]:
    """All users, with how many questions they have asked."""
    return [_shape(row) | {"questions": row["questions"]} for row in users.every(connection)]


def show(connection: Connection, who: str, quota: Quota) -> dict[str, Any]:
    """A user with their sessions, tokens, spending and quota; `quota` is the server's."""
    user = find(connection, who)
    spent = usage.spent(connection, user["id"], *beginnings(now()))
    own = sessions.of_user(connection, user["id"], now())
    return _shape(user) | {
        "sessions": [as_session(row, is_current=False) for row in own],
        "tokens": [as_api_token(row) for row in api_tokens.of_user(connection, user["id"])],
        "quota": {
            name: {"limit": getattr(quota.of(user), name), "used": used}
            for name, used in spent.items()
        },
    }


def disable(connection: Connection, who: str) -> RowMapping:
    """Shut a user out at once: sessions end, open streams and running answers too."""
    user = find(connection, who)
    if users.disable(connection, user["id"], now()):
        ended = sessions.end_all(connection, user["id"], now())
        questions.cancel_all(connection, user["id"], now())
        note(connection, "user_disabled", user_id=user["id"], detail=f"{ended} sessions ended")
    return user


def enable(connection: Connection, who: str) -> RowMapping:
    """Let a user in again; they have to log in."""
    user = find(connection, who)
    if user["disabled_at"]:
        sessions.end_all(connection, user["id"], now())  # of a login that was just under way
        users.change(connection, user["id"], disabled_at=None)
        note(connection, "user_enabled", user_id=user["id"])
    return user


def delete(connection: Connection, who: str) -> RowMapping:
    """Delete a user with their questions, sessions, tokens and usage."""
    user = find(connection, who)
    users.remove(connection, user["id"])
    note(connection, "user_deleted", user_id=user["id"])
    return user


def reset_password(connection: Connection, who: str, password_hash: str) -> RowMapping:
    """Set a password for a user who lost theirs, or had it stolen: all logins and tokens end."""
    user = find(connection, who)
    users.change(connection, user["id"], password_hash=password_hash)
    ended = sessions.end_all(connection, user["id"], now())
    revoked = api_tokens.remove_all(connection, user["id"])
    detail = f"{ended} sessions ended, {revoked} tokens revoked"
    note(connection, "password_reset", user_id=user["id"], detail=detail)
    return user


def set_quota(connection: Connection, who: str, told: Mapping[str, float | None]) -> RowMapping:
    """Change quotas of a user: None is the server's own, NONE no quota at all."""
    user = find(connection, who)
    columns = {f"quota_{name}": value for name, value in told.items()}
    users.change(connection, user["id"], **columns)
    shown = ", ".join(f"{k} {'none' if v == NONE else v}" for k, v in told.items())
    note(connection, "quota_changed", user_id=user["id"], detail=shown)
    return user


def all_questions(connection: Connection, user_id: UUID) -> Iterator[Question]:
    """All of a user's questions, the newest first, read page by page."""
    before = None
    while page := listing.page(connection, user_id, Filter(PAGE, before)):
        yield from (as_question(row) for row in page)
        before = page[-1]["id"]


def audit_entries(
    connection: Connection, limit: int | None, who: str | None, event: str | None
) -> list[dict[str, Any]]:
    """The newest entries of the audit log, the newest first; of one user, of one event."""
    user_id = find(connection, who)["id"] if who else None
    return [
        {name: _plain(value) for name, value in row.items()}
        for row in audit.newest(connection, limit, user_id, event)
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    return rfc3339(value) if hasattr(value, "astimezone") else value


def _shape(row: RowMapping) -> dict[str, Any]:
    disabled_at = row["disabled_at"]
    return {**as_user(row), "disabled_at": rfc3339(disabled_at) if disabled_at else None}
