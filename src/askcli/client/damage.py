"""A token file that is damaged: told from a whole one, and set aside rather than lost."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

_STRINGS = ("access_token", "refresh_token", "password")
_PARTS = {"current", "accounts", "profiles"}


def whole(content: bytes) -> dict[str, Any] | None:
    """What a token file holds, None unless all of it has the form in which it is written."""
    try:
        parts = json.loads(content)
        return parts if _is_whole(parts) else None
    except (ValueError, AttributeError, RecursionError):
        return None


def _is_whole(parts: Any) -> bool:
    if not isinstance(parts, dict) or not {"current", "accounts"} <= set(parts) <= _PARTS:
        return False
    if not all(isinstance(part, dict) for part in parts.values()):
        return False
    accounts = [a for server in parts["accounts"].values() for a in server.values()]
    profiles = parts.get("profiles", {}).values()
    return (
        all(isinstance(a.get("user", {}).get("email"), str) for a in accounts)
        and all(isinstance(a.get("expires_at", 0), int | float) for a in accounts)
        and all(isinstance(a.get(name, ""), str) for a in accounts for name in _STRINGS)
        and all("access_token" in a for a in accounts if "expires_at" in a)
        and all(isinstance(email, str) for email in parts["current"].values())
        and all({type(p.get("server")), type(p.get("email"))} == {str} for p in profiles)
    )


def set_aside(path: Path) -> str:
    """Move the file to a name of its own; returns what to tell the user."""
    aside = path.with_name(f"{path.name}.damaged-{time.time_ns()}")
    path.replace(aside)
    return f"askcli: the token file was damaged and is now {aside}: log in again."
