"""Connect: the server that the settings name, else this user's own, started on demand."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace

from askcli.client import local_server
from askcli.client.api import Api
from askcli.client.credentials import Credentials
from askcli.client.local_login import LocalLogin
from askcli.client.login import GivenToken, KeptLogin, Login
from askcli.client.transport import Address, Transport, address
from askcli.errors import Misused
from askcli.settings import Settings


@dataclass(frozen=True, slots=True)
class Connection:
    """Where a command's API is and what is kept for it."""

    settings: Settings
    place: Address
    credentials: Credentials

    def using(self, token: str) -> Connection:
        """The same place, with this token in place of the login that is kept."""
        return replace(self, settings=replace(self.settings, token=token))

    def open(self) -> Api:
        """The API there, started if need be. Raises Failed when a local server does not start."""
        if self.place.socket:
            local_server.ensure(self.settings)
        return self.api()

    def api(self) -> Api:
        """The API there, with the login that is kept for it, or ASKCLI_TOKEN."""
        transport = Transport(self.place, self.settings.timeout)
        login = self._login(transport)
        if self.place.socket:
            return Api(transport, login, revive=lambda: local_server.ensure(self.settings))
        return Api(transport, login)

    def account(self) -> str:
        """A name for the login that is kept for it: of whom at which server."""
        if self.settings.token:
            user = hashlib.sha256(self.settings.token.encode()).hexdigest()[:16]
        else:
            account = self.credentials.current(self.place.key)
            user = account["user"]["email"] if account else ""
        return f"{user} {self.place.key}"

    def _login(self, transport: Transport) -> Login:
        if self.settings.token:
            return GivenToken(self.settings.token)
        kind = LocalLogin if self.place.socket else KeptLogin
        return kind(self.credentials, transport)


def find(settings: Settings, tell: Callable[[str], None]) -> Connection:
    """Where the settings lead, nothing started yet. Raises Misused for an unknown profile.

    `tell` gets the notices that the user should read.
    """
    credentials = Credentials(settings.config_dir, settings.profile, tell)
    server = settings.server or (credentials.server() if settings.profile else None)
    if server:
        return Connection(settings, address(server), credentials)
    if settings.profile:
        raise Misused(
            f"there is no profile {settings.profile!r}: make it with "
            f"`askcli login --server URL --profile {settings.profile}`."
        )
    socket = local_server.socket_path(settings)
    return Connection(
        settings, Address("http://askcli", socket, settings.database_url), credentials
    )
