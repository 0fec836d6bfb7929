"""The audit log: who logged in, failed to, was disabled or deleted, when and from where.

Entries are written in the transaction of what they tell, and never hold a secret: not even the
email of a failed login, because people type their password into the wrong field.
"""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from sqlalchemy import Connection

from askcli.services.clock import new_id, now
from askcli.services.request_info import Visit
from askcli.store import audit

Event = Literal[
    "registered",
    "login",
    "login_failed",
    "login_limited",
    "rotated",
    "rotated_again",
    "reuse",
    "logout",
    "password_changed",
    "password_reset",
    "token_created",
    "token_revoked",
    "invite_created",
    "invite_revoked",
    "user_disabled",
    "user_enabled",
    "user_deleted",
    "user_exported",
    "quota_changed",
]


def note(
    connection: Connection,
    event: Event,
    visit: Visit | None = None,
    *,
    user_id: UUID | None = None,
    session_id: UUID | None = None,
    detail: str | None = None,
) -> None:
    """Write an entry; one without a visit is the host's own doing, on the server's machine."""
    entry = {
        "id": new_id(),
        "at": now(),
        "event": event,
        "user_id": user_id,
        "session_id": session_id,
        "address": visit.address and visit.address[:50] if visit else "host",
        "request_id": visit.request_id if visit else None,
        "detail": detail and detail[:200],
    }
    audit.add(connection, entry)
