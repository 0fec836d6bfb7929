"""The server that the settings lead to: a remote one, else this user's local server."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace

from askcli.client.api import Api
from askcli.client.credentials import Credentials
from askcli.client.http.address import Address, parse_address
from askcli.client.http.transport import Transport
from askcli.client.login import GivenToken, Login, SavedLogin
from askcli.errors import Misused
from askcli.settings import Settings

# Of the time-out, to wait for another process: that error comes before the request's deadline.
LOCK_SHARE = 0.8


@dataclass(frozen=True, slots=True)
class Connection:
    """A command's server and the credentials saved for it."""

    settings: Settings
    address: Address
    credentials: Credentials
    is_token_from_stdin: bool = False
    flags: str = ""  # those that have led to it, as a shell takes them

    @property
    def is_local(self) -> bool:
        """Whether it is the local server that is started on demand."""
        return self.address.socket is not None

    def command(self, words: str) -> str:
        """Return a command for the same server and account, to be typed as it is."""
        return f"askcli {words}{self.flags}"

    def with_token(self, token: str) -> Connection:
        """Return a connection to the same server with *token*, which was read from stdin."""
        settings = replace(self.settings, token=token)
        return replace(self, settings=settings, is_token_from_stdin=True)

    def open(self) -> Api:
        """Return the API of the server, started if it is local.

        Raises Failed when a local server does not start.
        """
        if not self.is_local:
            return self.api()
        from askcli.client import local_server  # as LocalLogin: not needed to ask a server

        local_server.ensure(self.settings)
        return self.api(revive=lambda: local_server.ensure(self.settings))

    def api(self, revive: Callable[[], object] | None = None) -> Api:
        """Return the API of the server, with the saved login or ASKCLI_TOKEN.

        `revive` starts a local server again, when it has ended between two requests.
        """
        transport = Transport(self.address, self.settings.timeout, revive)
        return Api(transport, self._login(transport))

    def account_key(self) -> str:
        """Return a key for the account at its server: email, or digest of the token."""
        if self.settings.token:
            user = hashlib.sha256(self.settings.token.encode()).hexdigest()[:16]
        else:
            account = self.credentials.current(self.address.key)
            user = account["user"]["email"] if account else ""
        return f"{user} {self.address.key}"

    def _login(self, transport: Transport) -> Login:
        if self.settings.token:
            return GivenToken(self.settings.token, is_from_stdin=self.is_token_from_stdin)
        if self.is_local:
            from askcli.client.local_login import LocalLogin

            return LocalLogin(self.credentials, transport)
        return SavedLogin(self.credentials, transport)


def resolve(settings: Settings, *, is_profile_closer: bool = False) -> Connection:
    """Return the connection that the settings lead to, without starting or contacting a server.

    With a profile that was given closer to the command than a server, its own goes before that; a
    token is for the server beside it. Raises Misused for an unknown profile.
    """
    lock_seconds = LOCK_SHARE * settings.timeout
    credentials = Credentials(settings.config_dir, settings.profile, lock_seconds)
    server = settings.server
    if settings.profile and (not server or (is_profile_closer and not settings.token)):
        server = credentials.server() or server
    if server:
        return Connection(settings, parse_address(server), credentials)
    if settings.profile:
        raise Misused(
            f"there is no profile {settings.profile!r}: make it with "
            f"`askcli login --server URL --profile {shlex.quote(settings.profile)}`."
        )
    from askcli.client import local_server

    socket = local_server.socket_path(settings)
    return Connection(
        settings, Address("http://askcli", socket, settings.database_url), credentials
    )
