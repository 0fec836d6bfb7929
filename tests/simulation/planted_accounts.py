"""Bugs that the simulation must find in logins."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

from askcli.errors import Unavailable
from askcli.files import Replacement
from askcli.services.auth import authentication
from askcli.services.auth.authentication import Authentication
from askcli.services.auth.rotation import Rotation
from askcli.services.auth.tokens import Tokens
from askcli.services.clock import now
from askcli.store.queries import sessions


def _rotation_is_not_saved() -> Any:
    """The token file is written once, and keeps the first tokens."""
    commit = Replacement.commit

    def commit_first(self: Any, content: bytes) -> None:
        if not self._path.exists():
            commit(self, content)

    return patch.object(Replacement, "commit", commit_first)


def _repeat_within_the_grace_is_theft() -> Any:
    """A token that was used is taken for stolen, also when its reply was lost."""
    successor = Rotation._successor

    def strict(self: Any, connection: Any, token: Any, *rest: Any) -> Any:
        return None if token["used_at"] else successor(self, connection, token, *rest)

    return patch.object(Rotation, "_successor", strict)


def _grace_goes_by_the_replicas_clock() -> Any:
    """The times of rotations are those of the clock of each replica."""
    successor = Rotation._successor

    def own(self: Any, connection: Any, token: Any, refresh_token: str, _: Any) -> Any:
        return successor(self, connection, token, refresh_token, now())

    return patch.object(Rotation, "_successor", own)


def _successors_are_random() -> Any:
    """The retry of a rotation gets another successor, which nobody has stored."""

    def repeated(_self: Any, _token: Any, _refresh_token: str, latest: Any) -> tuple[str, int]:
        return secrets.token_urlsafe(32), latest["generation"]

    return patch.object(Rotation, "_repeated", repeated)


def _unknown_successor_is_theft() -> Any:
    """A retry at a server that has not the secret of the first attempt ends the session."""
    successor = Rotation._successor

    def strict(self: Any, *rotation: Any) -> Any:
        try:
            return successor(self, *rotation)
        except Unavailable:
            return None

    return patch.object(Rotation, "_successor", strict)


def _previous_secret_is_ignored() -> Any:
    """Tokens are verified with the secret that signs them alone."""
    init = Tokens.__init__

    def alone(self: Any, secret: str, _: Any, life_seconds: int) -> None:
        init(self, secret, None, life_seconds)

    return patch.object(Tokens, "__init__", alone)


def _api_tokens_are_remembered() -> Any:
    """An API token that was valid once is not looked up again in the same process."""
    claim = Authentication._claim_by_api_token

    async def remembering(self: Any, token_hash: str) -> Any:
        return self._callers.get(token_hash) or await claim(self, token_hash)

    return patch.object(Authentication, "_claim_by_api_token", remembering)


def _sessions_are_remembered() -> Any:
    """A session that was valid once is not looked up again in the same process."""
    check, known = authentication._check_session, set[Any]()

    def remembering(connection: Any, login: Any, generation: int) -> None:
        name = connection.engine, login.session_id
        if name not in known:
            check(connection, login, generation)
            known.add(name)

    return patch.object(authentication, "_check_session", remembering)


def _new_password_keeps_sessions() -> Any:
    """The other sessions go on after a change of the password."""
    return patch.object(sessions, "end_all", lambda *_, **__: 0)


def _expiry_is_looked_at_once() -> Any:
    """An API token that was valid once is looked up, and its expiry not compared any more."""
    check = Authentication._check_api_token

    def lax(self: Any, connection: Any, token_hash: str, checked: Any) -> None:
        times = (lambda: datetime.min.replace(tzinfo=UTC)) if token_hash in self._callers else now
        with patch.object(authentication, "now", times):
            check(self, connection, token_hash, checked)

    return patch.object(Authentication, "_check_api_token", lax)
