"""askcli status and openapi: what there is to talk to, and how."""

from __future__ import annotations

import time
from typing import Any

from askcli import __version__
from askcli.cli import console, options
from askcli.client import local_server
from askcli.client.connect import Connection
from askcli.errors import AskcliError


def status(
    as_json: options.Json = False,
    server: options.Server = None,
    profile: options.Profile = None,
) -> None:
    """Show the server, the account and the local server; nothing is started for it."""
    found = _found(options.connection(server, profile))
    error = found.pop("failure", None)
    if as_json:
        console.out_json(found)
    else:
        for name, value in found.items():
            console.out(f"{name.replace('_', ' '):16}{value}\n")
    if error:
        raise error


def _found(connection: Connection) -> dict[str, Any]:
    settings, socket = connection.settings, connection.place.socket
    pids = [server.holder() for server in local_server.running(settings)]
    found: dict[str, Any] = {
        "version": __version__,
        "server": connection.place.name,
        "account": _account(connection),
        "local_server": f"running, process {', '.join(map(str, pids))}" if pids else "not running",
        "log": str(local_server.log_path(settings)),
        "data": str(settings.data_dir),
    }
    if socket and not local_server.listens(socket):
        return found | {"state": "starts when you ask"}
    began = time.monotonic()
    try:
        with connection.api() as api:
            health = api.ready()
    except AskcliError as error:
        return found | {"state": error.code, "failure": error}
    latency = round((time.monotonic() - began) * 1000, 1)
    return found | {"state": "ready", "server_version": health["version"], "latency_ms": latency}


def _account(connection: Connection) -> str:
    if connection.settings.token:
        return "from ASKCLI_TOKEN"
    account = connection.credentials.current(connection.place.key)
    return account["user"]["email"] if account else "not logged in"


def openapi(server: options.Server = None, profile: options.Profile = None) -> None:
    """Print the API's OpenAPI document."""
    with options.connected(server, profile) as api:
        console.out_json(api.openapi(), indent=2)
