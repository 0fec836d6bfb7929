"""The audit log: logins, failures, disabled and deleted accounts, with time and address.

An entry is written in the transaction of the event, and never holds a secret: not even the email
of a failed login, because people type their password into the wrong field.
"""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from sqlalchemy import Connection

from askcli.services.clock import new_id, now
from askcli.services.request_info import MAX_ADDRESS_CHARACTERS, current_or_none
from askcli.store.queries import audit

MAX_DETAIL_CHARACTERS = 200

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
    "retention_changed",
]


def record(
    connection: Connection,
    event: Event,
    *,
    user_id: UUID | None = None,
    session_id: UUID | None = None,
    detail: str | None = None,
) -> None:
    """Write an entry with the current request's id and address, `host` outside of a request."""
    request = current_or_none()
    address = request.address if request else "host"
    entry = {
        "id": new_id(),
        "at": now(),
        "event": event,
        "user_id": user_id,
        "session_id": session_id,
        "address": address and address[:MAX_ADDRESS_CHARACTERS],
        "request_id": request.request_id if request else None,
        "detail": detail and detail[:MAX_DETAIL_CHARACTERS],
    }
    audit.add(connection, entry)
