"""Connect: the server that the settings name, else this user's own, started on demand."""

from __future__ import annotations

from pathlib import Path

from askcli.client import local_server
from askcli.client.api import Api
from askcli.client.credentials import Credentials
from askcli.client.local_account import LocalLogin
from askcli.client.login import GivenToken, KeptLogin, Login
from askcli.client.transport import Address, Transport, address
from askcli.settings import Settings


def connect(settings: Settings) -> Api:
    """The API to talk to. Raises Failed when the local server is needed and does not start."""
    if settings.server:
        return api_at(address(settings.server), settings)
    return api_at(local(settings, local_server.ensure(settings)), settings)


def local(settings: Settings, socket: Path) -> Address:
    """The address of this user's local server."""
    return Address("http://askcli", socket, settings.database_url)


def api_at(place: Address, settings: Settings) -> Api:
    """The API at an address, with the login that is kept for it, or ASKCLI_TOKEN."""
    transport = Transport(place, settings.timeout)
    login = _login(settings, transport)
    if place.socket:
        return Api(transport, login, revive=lambda: local_server.ensure(settings))
    return Api(transport, login)


def _login(settings: Settings, transport: Transport) -> Login:
    if settings.token:
        return GivenToken(settings.token)
    kind = LocalLogin if transport.address.socket else KeptLogin
    return kind(Credentials(settings.config_dir), transport)
