"""The secret that signs access tokens: the host's, or a generated one on SQLite."""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path

from askcli.errors import Misused
from askcli.files import create_private
from askcli.settings import Settings

MIN_BYTES = 32
MIN_DISTINCT_CHARACTERS = 8  # 32 times the same character is long, and no secret

_HOW_TO = "make one with: openssl rand -base64 48"

# SHA-256 of every secret of 32 bytes or more that this project's tests or documents ever
# contained: anybody may know one that was copied from there.
_PUBLISHED = {"5fc9e39e7d66d0c54b059a88c1e665ca1b88f98ee391f5874bad6458cba270f3"}


def signing_secrets(settings: Settings, *, is_sqlite: bool) -> tuple[str, str | None]:
    """Return the secret and the previous one. Raises Misused if missing, weak or published."""
    secret, name = settings.jwt_secret, "JWT_SECRET"
    if not secret:
        if not is_sqlite:
            raise Misused(
                f"JWT_SECRET is not set: with PostgreSQL all servers must share one; {_HOW_TO}"
            )
        path = secret_path(settings.data_dir)
        secret, name = _kept(path), f"the secret in {path}"
    _check(name, secret)
    if settings.jwt_secret_previous:
        _check("JWT_SECRET_PREVIOUS", settings.jwt_secret_previous)
    return secret, settings.jwt_secret_previous


def _check(name: str, secret: str) -> None:
    if len(secret.encode()) < MIN_BYTES:
        raise Misused(f"{name} is too short: use at least {MIN_BYTES} bytes; {_HOW_TO}")
    if len(set(secret)) < MIN_DISTINCT_CHARACTERS:
        raise Misused(f"{name} can be guessed: it is made of a few characters; {_HOW_TO}")
    if hashlib.sha256(secret.encode()).hexdigest() in _PUBLISHED:
        raise Misused(f"{name} was published with askcli's own code; {_HOW_TO}")


def secret_path(data_dir: Path) -> Path:
    """Return the path of the generated secret."""
    return data_dir / "jwt_secret"


def _kept(path: Path) -> str:
    """Return the secret in the file, made once. Raises Misused where it is no text."""
    content = create_private(path, secrets.token_urlsafe(48).encode())
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise Misused(f"the secret in {path} is not text; {_HOW_TO}") from None
