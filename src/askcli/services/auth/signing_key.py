"""The secret that signs access tokens: the host's, or one that a server on SQLite makes itself."""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path

from askcli.errors import Misused
from askcli.files import create_private
from askcli.settings import Settings

MIN_BYTES = 32
MIN_KINDS = 8  # of characters: 32 times the same one is long, and no secret

_HOW = "make one with: openssl rand -base64 48"

# SHA-256 of every secret of 32 bytes and more that this project ever showed anybody, in its
# tests or its documents: whoever copied one shares it with the world.
_PUBLISHED = {"5fc9e39e7d66d0c54b059a88c1e665ca1b88f98ee391f5874bad6458cba270f3"}


def signing_secrets(settings: Settings, *, is_sqlite: bool) -> tuple[str, str | None]:
    """The secret and the one before it. Raises Misused for a missing, weak or published one."""
    secret = settings.jwt_secret
    if not secret:
        if not is_sqlite:
            raise Misused(
                f"JWT_SECRET is not set: with PostgreSQL all servers must share one; {_HOW}"
            )
        secret = _own(settings.data_dir)
    _check("JWT_SECRET", secret)
    if settings.jwt_secret_previous:
        _check("JWT_SECRET_PREVIOUS", settings.jwt_secret_previous)
    return secret, settings.jwt_secret_previous


def _check(name: str, secret: str) -> None:
    if len(secret.encode()) < MIN_BYTES:
        raise Misused(f"{name} is too short: use at least {MIN_BYTES} bytes; {_HOW}")
    if len(set(secret)) < MIN_KINDS:
        raise Misused(f"{name} can be guessed: it is made of a few characters; {_HOW}")
    if hashlib.sha256(secret.encode()).hexdigest() in _PUBLISHED:
        raise Misused(f"{name} was published with askcli's own code; {_HOW}")


def secret_path(data_dir: Path) -> Path:
    """Where a server on SQLite keeps the secret that it made for itself."""
    return data_dir / "jwt_secret"


def _own(data_dir: Path) -> str:
    return create_private(secret_path(data_dir), secrets.token_urlsafe(48).encode()).decode()
