"""The format of the token file: JSON, whose shape is checked before anything in it is used."""

from __future__ import annotations

import json
from typing import Any

from askcli.contract.protocol import TOKEN

PARTS = ("current", "accounts", "profiles")
_TEXT_FIELDS = ("access_token", "refresh_token", "password")


def encoded(content: dict[str, Any]) -> bytes:
    """Return the content as it is written."""
    return json.dumps(content, indent=1).encode() + b"\n"


def decoded(data: bytes) -> dict[str, Any] | None:
    """Return the content, None for a damaged file: one that is not as it is written."""
    try:
        content = json.loads(data)
        return content if _is_valid(content) else None
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None


def _is_valid(content: Any) -> bool:
    if not isinstance(content, dict) or not {"current", "accounts"} <= set(content) <= set(PARTS):
        return False
    if not all(isinstance(part, dict) for part in content.values()):
        return False
    accounts = [a for server in content["accounts"].values() for a in server.values()]
    profiles = content.get("profiles", {}).values()
    accounts += [profile["account"] for profile in profiles if "account" in profile]
    return (
        all(isinstance(a.get("user", {}).get("email"), str) for a in accounts)
        and all(isinstance(a.get("expires_at", 0), int | float) for a in accounts)
        and all(isinstance(a.get(name, ""), str) for a in accounts for name in _TEXT_FIELDS)
        and all(TOKEN.fullmatch(a.get("access_token", "-")) for a in accounts)
        and all("access_token" in a for a in accounts if "expires_at" in a)
        and all(isinstance(email, str) for email in content["current"].values())
        and all({type(p.get("server")), type(p.get("email"))} == {str} for p in profiles)
    )
