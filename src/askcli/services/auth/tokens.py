"""Access tokens (JWT, HS256), and the random tokens for refreshing and for scripts."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import jwt

from askcli.errors import InvalidToken, TokenExpired
from askcli.services.clock import new_id

ALGORITHM = "HS256"
ISSUER = AUDIENCE = "askcli"
MAX_REMEMBERED = 4_096  # access tokens, of a kilobyte each
LEEWAY = timedelta(seconds=5)
CLAIMS = ("iss", "aud", "sub", "sid", "gen", "iat", "nbf", "exp", "jti")


@dataclass(frozen=True, slots=True)
class Login:
    """A session and its user."""

    user_id: UUID
    session_id: UUID


@dataclass(frozen=True, slots=True)
class _Verified:
    """What an access token says, and the times between which it is valid."""

    login: Login
    generation: int
    begins_at: float
    ends_at: float


class Tokens:
    """Signs and verifies tokens with the server's secret; the previous secret still verifies."""

    def __init__(self, secret: str, previous: str | None, life_seconds: int) -> None:
        self.life_seconds = life_seconds
        self.change(secret, previous)

    def change(self, secret: str, previous: str | None) -> None:
        """Use these secrets from now on: a token that neither of them has signed is not valid."""
        self._secrets = [key for key in (secret, previous) if key]
        self._keys = {_key_id(key): key for key in reversed(self._secrets)}
        self._verified: dict[str, _Verified] = {}

    def access(self, login: Login, generation: int, now: datetime) -> str:
        """Return an access token for the session, valid for `life_seconds`.

        `generation` is that of the refresh token issued with it.
        """
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(login.user_id),
            "sid": str(login.session_id),
            "gen": generation,
            "iat": now,
            "nbf": now,
            "exp": now + timedelta(seconds=self.life_seconds),
            "jti": str(new_id()),
        }
        secret = self._secrets[0]
        return jwt.encode(claims, secret, algorithm=ALGORITHM, headers={"kid": _key_id(secret)})

    def verify(self, access_token: str) -> tuple[Login, int]:
        """Return the login and generation of an access token. Raises TokenExpired, InvalidToken.

        One that was verified stays so until it expires: only its times are compared again.
        """
        verified, timestamp = self._verified.get(access_token), time.time()
        if verified is None or not verified.begins_at <= timestamp < verified.ends_at:
            verified = self._verify(access_token)
            if len(self._verified) >= MAX_REMEMBERED:
                self._verified.clear()
            self._verified[access_token] = verified
        return verified.login, verified.generation

    def _verify(self, access_token: str) -> _Verified:
        try:
            kid = str(jwt.get_unverified_header(access_token).get("kid"))
            claims = jwt.decode(
                access_token,
                self._keys.get(kid, self._secrets[0]),
                algorithms=[ALGORITHM],
                issuer=ISSUER,
                audience=AUDIENCE,
                leeway=LEEWAY,
                options={"require": list(CLAIMS)},
            )
            login = Login(UUID(claims["sub"]), UUID(claims["sid"]))
            begins_at, ends_at = max(claims["nbf"], claims["iat"]), claims["exp"]
            return _Verified(login, int(claims["gen"]), begins_at, ends_at)
        except jwt.ExpiredSignatureError:
            raise TokenExpired() from None
        except (jwt.InvalidTokenError, ValueError):
            raise InvalidToken() from None

    def successors(self, refresh_token: str, attempt: int) -> list[str]:
        """Return the refresh tokens that may follow this one, by the secret and the previous one.

        Derived with a secret and not random, so that the retry of a rotation gets the same
        successor although only hashes are stored. Each `attempt`, from 0, has another one.
        """
        return [_derived(key, refresh_token, attempt) for key in self._secrets]


def _derived(key: str, refresh_token: str, attempt: int) -> str:
    purpose = f"refresh:{attempt}:" if attempt else "refresh:"
    digest = hmac.digest(key.encode(), f"{purpose}{refresh_token}".encode(), "sha256")
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


def random_token() -> str:
    """Return 256 random bits as URL-safe text."""
    return secrets.token_urlsafe(32)


def hash_token(token: str) -> str:
    """Return the SHA-256 of a random token, which is stored: enough for 256 random bits."""
    return hashlib.sha256(token.encode()).hexdigest()


def _key_id(key: str) -> str:
    return hashlib.sha256(b"kid:" + key.encode()).hexdigest()[:16]
