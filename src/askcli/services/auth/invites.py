"""Invites: codes made by the host that allow registration."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from askcli.errors import NotFound
from askcli.services import audit
from askcli.services.auth.tokens import hash_token, random_token
from askcli.services.clock import new_id, now, rfc3339
from askcli.store.queries import invites

MAX_NOTE_CHARACTERS = 200


def create(connection: Connection, comment: str, uses: int, days: int) -> dict[str, Any]:
    """Create an invite for `uses` accounts; its `code` is returned here and stored nowhere."""
    code = random_token()
    row = {
        "id": new_id(),
        "code_hash": hash_token(code),
        "note": comment[:MAX_NOTE_CHARACTERS],
        "uses_left": uses,
        "created_at": now(),
        "expires_at": now() + timedelta(days=days),
    }
    invites.add(connection, row)
    audit.record(connection, "invite_created", detail=str(row["id"]))
    return {"code": code} | _shape(row)


def list_all(connection: Connection) -> list[dict[str, Any]]:
    """Return all invites, newest first, without their codes."""
    return [_shape(row) for row in invites.list_all(connection)]


def revoke(connection: Connection, invite_id: UUID) -> None:
    """End an invite. Raises NotFound."""
    if not invites.remove(connection, invite_id):
        raise NotFound(detail="There is no such invite; `askcli invite list` shows them.")
    audit.record(connection, "invite_revoked", detail=str(invite_id))


def _shape(row: Any) -> dict[str, Any]:
    return {
        "id": str(row["id"]),
        "note": row["note"],
        "uses_left": row["uses_left"],
        "created_at": rfc3339(row["created_at"]),
        "expires_at": rfc3339(row["expires_at"]),
    }
