"""Sessions that are put into a server's database, as its logins do it.

A login is four transactions and a password's hash, a fifth of what a short test takes; logging in
has tests of its own.
"""

from __future__ import annotations

from contextvars import Context
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Connection

from askcli.contract.shapes import Tokens as TokensShape
from askcli.services import request_info
from askcli.services.auth.sessions import Sessions
from askcli.services.auth.tokens import Tokens, random_token
from askcli.services.request_info import RequestInfo
from askcli.services.shapes import as_user
from askcli.settings import Settings
from askcli.store.queries import users
from tests.support.processes import ServerProcess
from tests.support.secrets import SECRET, SECRETS
from tests.support.servers import LIMITS

# Of a server for whose users it makes no difference how they have logged in.
PLAIN = {"DB_CONN_STRING", "JWT_SECRET", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", *LIMITS}
PLAIN |= {"ASKCLI_REGISTRATION", "ASKCLI_UPSTREAM_ATTEMPTS"}
DEFAULTS = Settings(jwt_secret=SECRET)


def can_open(server: object) -> bool:
    """Whether a session in its database is as good as a login."""
    if not isinstance(server, ServerProcess):
        return False
    settings = server.settings
    is_ours = settings.get("JWT_SECRET") == SECRET and settings.keys() <= PLAIN
    return is_ours and all(settings.get(name) == "off" for name in LIMITS)


def open_session(connection: Connection, user_id: UUID, client: str) -> dict[str, Any]:
    """Open a session of a user; returns what the login would have."""
    tokens = Context().run(_opened, connection, user_id, client)
    SECRETS.learn(tokens["access_token"], tokens["refresh_token"])
    return cast(dict[str, Any], tokens)


def _opened(connection: Connection, user_id: UUID, client: str) -> TokensShape:
    request_info.bind(RequestInfo("login", client, "127.0.0.1"))
    life = timedelta(days=DEFAULTS.refresh_token_days)
    nothing = cast(Any, None)  # of what else it does
    tokens = Tokens(SECRET, None, DEFAULTS.access_token_seconds)
    sessions = Sessions(nothing, tokens, nothing, refresh_life=life, grace=timedelta(0))
    user, refresh_token = users.by_id(connection, user_id), random_token()
    assert user
    login = sessions._open(connection, user, refresh_token)
    return sessions._shape(login, refresh_token, 0, as_user(user))
