"""Access tokens (JWT, HS256) and refresh tokens (256 random bits), made and checked."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import jwt

from askcli.errors import InvalidToken, Misused, TokenExpired
from askcli.files import create_private
from askcli.services.clock import new_id
from askcli.settings import Settings

ALGORITHM = "HS256"
ISSUER = AUDIENCE = "askcli"
MIN_SECRET_BYTES = 32
LEEWAY = timedelta(seconds=5)
CLAIMS = ("iss", "aud", "sub", "sid", "iat", "nbf", "exp", "jti")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request, as their access token says."""

    user_id: UUID
    session_id: UUID


class Tokens:
    """Makes and checks tokens with the server's secret; the previous one still verifies."""

    def __init__(self, secret: str, previous: str | None, life_seconds: int) -> None:
        self._keys = {_key_id(key): key for key in (previous, secret) if key}
        self._secret = secret
        self.life_seconds = life_seconds

    def access(self, caller: Caller, now: datetime) -> str:
        """An access token for the caller, good for `life_seconds`."""
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(caller.user_id),
            "sid": str(caller.session_id),
            "iat": now,
            "nbf": now,
            "exp": now + timedelta(seconds=self.life_seconds),
            "jti": str(new_id()),
        }
        headers = {"kid": _key_id(self._secret)}
        return jwt.encode(claims, self._secret, algorithm=ALGORITHM, headers=headers)

    def caller(self, token: str) -> Caller:
        """Whom an access token stands for. Raises TokenExpired, or InvalidToken for all else."""
        try:
            key = self._keys.get(str(jwt.get_unverified_header(token).get("kid")), self._secret)
            claims = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                issuer=ISSUER,
                audience=AUDIENCE,
                leeway=LEEWAY,
                options={"require": list(CLAIMS)},
            )
            return Caller(UUID(claims["sub"]), UUID(claims["sid"]))
        except jwt.ExpiredSignatureError:
            raise TokenExpired("The access token has expired; refresh it or log in.") from None
        except (jwt.InvalidTokenError, ValueError):
            raise InvalidToken("The access token is not valid; log in again.") from None

    def successor(self, refresh_token: str) -> str:
        """The refresh token that follows this one.

        Derived with the secret and not drawn, so that the retry of a rotation gets the same
        successor although only hashes are stored; without the secret it is as good as random.
        """
        digest = hmac.digest(self._secret.encode(), b"refresh:" + refresh_token.encode(), "sha256")
        return urlsafe_b64encode(digest).rstrip(b"=").decode()


def new_refresh_token() -> str:
    """256 random bits, as text."""
    return secrets.token_urlsafe(32)


def hashed(refresh_token: str) -> str:
    """What is stored of a refresh token: its SHA-256, enough for 256 random bits."""
    return hashlib.sha256(refresh_token.encode()).hexdigest()


def from_settings(settings: Settings, *, is_sqlite: bool) -> Tokens:
    """The tokens of this server. Raises Misused for a missing or a weak secret."""
    secret = settings.jwt_secret
    if not secret:
        if not is_sqlite:
            raise Misused(
                "JWT_SECRET is not set: with PostgreSQL all servers must share one. "
                "Make one with: openssl rand -base64 48"
            )
        secret = _own_secret(settings.data_dir)
    for name, key in (
        ("JWT_SECRET", secret),
        ("JWT_SECRET_PREVIOUS", settings.jwt_secret_previous),
    ):
        if key and len(key.encode()) < MIN_SECRET_BYTES:
            raise Misused(
                f"{name} is too short: use at least {MIN_SECRET_BYTES} bytes, "
                "for example from: openssl rand -base64 48"
            )
    return Tokens(secret, settings.jwt_secret_previous, settings.access_token_seconds)


def secret_path(data_dir: Path) -> Path:
    """Where a server on SQLite keeps the secret that it made for itself."""
    return data_dir / "jwt_secret"


def _own_secret(data_dir: Path) -> str:
    return create_private(secret_path(data_dir), secrets.token_urlsafe(48).encode()).decode()


def _key_id(key: str) -> str:
    return hashlib.sha256(b"kid:" + key.encode()).hexdigest()[:16]
