"""askcli status and openapi: what there is to talk to, and how."""

from __future__ import annotations

import time
from typing import Any

from askcli import __version__
from askcli.cli import console, options
from askcli.client import local_server
from askcli.client.connect import api_at, local
from askcli.client.credentials import Credentials
from askcli.client.transport import Address, address
from askcli.errors import AskcliError
from askcli.settings import Settings


def status(as_json: options.Json = False, server: options.Server = None) -> None:
    """Show the server, the account and the local server; nothing is started for it."""
    settings = options.client_settings(server)
    found = _found(settings)
    error = found.pop("failure", None)
    if as_json:
        console.out_json(found)
    else:
        for name, value in found.items():
            console.out(f"{name.replace('_', ' '):16}{value}\n")
    if error:
        raise error


def _found(settings: Settings) -> dict[str, Any]:
    pids = [server.holder() for server in local_server.running(settings)]
    found: dict[str, Any] = {
        "version": __version__,
        "server": settings.server or "local",
        "account": _account(settings),
        "local_server": f"running, process {', '.join(map(str, pids))}" if pids else "not running",
        "log": str(local_server.log_path(settings)),
        "data": str(settings.data_dir),
    }
    place = _place(settings)
    if place is None:
        return found | {"state": "starts when you ask"}
    began = time.monotonic()
    try:
        with api_at(place, settings) as api:
            health = api.ready()
    except AskcliError as error:
        return found | {"state": error.code, "failure": error}
    latency = round((time.monotonic() - began) * 1000, 1)
    return found | {"state": "ready", "server_version": health["version"], "latency_ms": latency}


def _place(settings: Settings) -> Address | None:
    if settings.server:
        return address(settings.server)
    path = local_server.socket_path(settings)
    return local(settings, path) if local_server.listens(path) else None


def _account(settings: Settings) -> str:
    if settings.token:
        return "from ASKCLI_TOKEN"
    place = address(settings.server) if settings.server else None
    place = place or local(settings, local_server.socket_path(settings))
    account = Credentials(settings.config_dir).current(place.key)
    return account["user"]["email"] if account else "not logged in"


def openapi(server: options.Server = None) -> None:
    """Print the API's OpenAPI document."""
    with options.connected(server) as api:
        console.out_json(api.openapi(), indent=2)
