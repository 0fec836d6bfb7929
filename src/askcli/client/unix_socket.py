"""HTTP over a Unix socket, with nothing left open where nobody listens any more."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx2

IDLE_SECONDS = 5.0  # httpx2's own


def transport(path: Path) -> httpx2.HTTPTransport:
    """Return a transport to the server at this socket."""
    import httpcore2  # as late as httpx2 does

    class Backend(httpcore2.SyncBackend):
        """Tries first: httpcore2 leaves a refused socket open, of which Python warns."""

        def connect_unix_socket(
            self,
            path: str,
            timeout: float | None = None,
            socket_options: Iterable[Any] | None = None,
        ) -> httpcore2.NetworkStream:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                probe.settimeout(timeout)
                try:
                    probe.connect(path)
                except OSError as error:
                    raise httpcore2.ConnectError(str(error)) from error
            return super().connect_unix_socket(path, timeout, socket_options)

    made = httpx2.HTTPTransport(uds=str(path), verify=False)
    made._pool = httpcore2.ConnectionPool(
        uds=str(path), network_backend=Backend(), keepalive_expiry=IDLE_SECONDS
    )
    return made
