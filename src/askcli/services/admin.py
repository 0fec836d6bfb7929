"""Administration of accounts by the host, each function but `delete` within one transaction."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from askcli.contract.shapes import Question
from askcli.errors import NotFound
from askcli.services import audit
from askcli.services.auth import scripts
from askcli.services.auth.accounts import email_key
from askcli.services.clock import now, rfc3339
from askcli.services.shapes import as_api_token, as_session, as_user
from askcli.services.usage import quotas
from askcli.services.usage.quotas import UNLIMITED, Quota
from askcli.store.prepared import Record
from askcli.store.queries import api_tokens, listing, older, questions, sessions, usage, users
from askcli.store.queries import audit as audit_log
from askcli.store.queries.listing import Filter
from askcli.store.queries.retention import FOR_EVER

PAGE = 500
DELETED_AT_ONCE = 100  # questions


def find(connection: Connection, who: str) -> Record:
    """Return the user with this email or id. Raises NotFound."""
    try:
        row = users.by_id(connection, UUID(who))
    except ValueError:
        row = users.by_email(connection, email_key(who))
    if row is None:
        raise NotFound(detail=f"there is no user {who!r}; `askcli users list` shows them.")
    return row


def list_all(connection: Connection, quota: Quota | None = None) -> list[dict[str, Any]]:
    """Return all users with the number of their questions, and with their spending if asked for.

    `quota` is the server's, None for no spending.
    """
    rows = users.list_all(connection)
    listed = [_shape(row) | {"questions": row["questions"]} for row in rows]
    if quota is None:
        return listed
    spent = usage.spent_by_user(connection, *quotas.periods(now()))
    return [
        user | {"quota": _quota(quota.of(row), spent[row["id"]])}
        for user, row in zip(listed, rows, strict=True)
    ]


def show(connection: Connection, who: str, quota: Quota) -> dict[str, Any]:
    """Return a user with sessions, tokens, spending and quota; `quota` is the server's."""
    user = find(connection, who)
    spent = usage.spent(connection, user["id"], *quotas.periods(now()))
    own = sessions.of_user(connection, user["id"], now())
    return _shape(user) | {
        "sessions": [as_session(row, is_current=False) for row in own],
        "retention_days": user["retention_days"],
        "tokens": [as_api_token(row) for row in api_tokens.of_user(connection, user["id"])],
        "quota": _quota(quota.of(user), spent),
    }


def _quota(quota: Quota, spent: Mapping[Any, Any]) -> dict[str, Any]:
    limits = asdict(quota)
    return {name: {"limit": limits[name], "used": spent[name]} for name in limits}


def count_tokens(connection: Connection, who: str) -> int:
    """Return the number of a user's API tokens."""
    return len(api_tokens.of_user(connection, find(connection, who)["id"]))


def disable(connection: Connection, who: str) -> Record:
    """Disable a user: sessions, open streams and running answers end."""
    user = find(connection, who)
    if users.disable(connection, user["id"], now()):
        ended = sessions.end_all(connection, user["id"], now())
        questions.cancel_all(connection, user["id"], now())
        audit.record(
            connection, "user_disabled", user_id=user["id"], detail=f"{ended} sessions ended"
        )
    return user


def enable(connection: Connection, who: str) -> Record:
    """Enable a disabled user, who has to log in again."""
    user = find(connection, who)
    if user["disabled_at"]:
        sessions.end_all(
            connection, user["id"], now()
        )  # of a login under way when the user was disabled
        users.change(connection, user["id"], disabled_at=None)
        audit.record(connection, "user_enabled", user_id=user["id"])
    return user


def delete(transaction: Callable[[], AbstractContextManager[Connection]], who: str) -> Record:
    """Delete a user with their questions, sessions, tokens and usage.

    Most of the questions a few at a time, before the rest: all of them can take SQLite's only
    writer for minutes. Where that is broken off the user has fewer questions.
    """
    with transaction() as connection:
        user = find(connection, who)
    until, removed = now(), DELETED_AT_ONCE
    while removed:
        began = time.monotonic()
        with transaction() as connection:
            ids = older.ids(connection, user["id"], until, DELETED_AT_ONCE)
            removed = older.remove(connection, user["id"], ids)
        time.sleep(time.monotonic() - began)  # for the server, which SQLite gives no turn
    with transaction() as connection:
        users.remove(connection, find(connection, who)["id"])
        audit.record(connection, "user_deleted", user_id=user["id"])
    return user


def reset_password(
    connection: Connection, who: str, password_hash: str, *, keep_tokens: bool = False
) -> Record:
    """Set a new password, after a loss or a theft: all sessions end, API tokens unless kept."""
    user = find(connection, who)
    users.change(connection, user["id"], password_hash=password_hash)
    ended = sessions.end_all(connection, user["id"], now())
    revoked = 0 if keep_tokens else api_tokens.remove_all(connection, user["id"])
    detail = f"{ended} sessions ended, {revoked} tokens revoked"
    audit.record(connection, "password_reset", user_id=user["id"], detail=detail)
    return user


def set_quota(connection: Connection, who: str, limits: Mapping[str, float | None]) -> Record:
    """Change limits of a user by name: None is the server's own limit, UNLIMITED none at all."""
    user = find(connection, who)
    users.change(connection, user["id"], **quotas.columns(limits))
    words = {None: "default", UNLIMITED: "none"}
    detail = ", ".join(f"{name} {words.get(limit, limit)}" for name, limit in limits.items())
    audit.record(connection, "quota_changed", user_id=user["id"], detail=detail)
    return user


def set_retention(connection: Connection, who: str, days: int | None) -> Record:
    """Set for how many days a user's questions are kept: None is the server's own number."""
    user = find(connection, who)
    users.change(connection, user["id"], retention_days=days)
    kept = {None: "as the server's", FOR_EVER: "for ever"}.get(days, f"{days} days")
    audit.record(connection, "retention_changed", user_id=user["id"], detail=kept)
    return user


def all_questions(connection: Connection, user_id: UUID) -> Iterator[Question]:
    """Yield all of a user's questions, newest first, read page by page."""
    is_last, cursor = False, None
    while not is_last:
        page = listing.page(connection, user_id, Filter(PAGE, cursor))
        yield from page.rows
        is_last, cursor = page.cursor is None, page.cursor


def audit_entries(
    connection: Connection, limit: int | None, who: str | None, event: str | None
) -> list[dict[str, Any]]:
    """Return entries of the audit log, newest first, optionally of one user or one event.

    Raises NotFound for a user who is neither there nor in the log.
    """
    user_id = None if who is None else _id_in_log(connection, who)
    return [
        {name: _as_json(value) for name, value in row.items()}
        for row in audit_log.newest(connection, limit, user_id, event)
    ]


def _id_in_log(connection: Connection, who: str) -> UUID:
    """Return the id of a user, who may have been deleted since: by id alone then."""
    with suppress(ValueError):
        in_log = UUID(who)
        if audit_log.newest(connection, 1, in_log):
            return in_log
    user_id: UUID = find(connection, who)["id"]
    return user_id


def _as_json(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    return rfc3339(value) if hasattr(value, "astimezone") else value


def _shape(row: Record) -> dict[str, Any]:
    disabled_at = row["disabled_at"]
    local_part = row["email_key"].rpartition("@")[0]
    return {
        **as_user(row),
        "disabled_at": rfc3339(disabled_at) if disabled_at else None,
        "mixed_scripts": scripts.mixed(local_part),
    }
