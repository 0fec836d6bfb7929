"""HTTP to the local server, which is started again when it has ended between two requests."""

from __future__ import annotations

import time
from collections.abc import Callable

import httpx2

SHUTTING_DOWN = 503
# A killed process may accept connections until the kernel has taken it down.
PAUSES_SECONDS = (0.0, 0.1, 0.2, 0.4, 0.8)


class RevivingTransport(httpx2.BaseTransport):
    """Repeats a request that no server has taken, after `revive`."""

    def __init__(self, transport: httpx2.BaseTransport, revive: Callable[[], object]) -> None:
        self._transport = transport
        self._revive = revive

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send the request. Raises the errors of the transport and of `revive`."""
        for pause in PAUSES_SECONDS:
            try:
                response = self._transport.handle_request(request)
            except httpx2.ConnectError:
                pass
            except (httpx2.NetworkError, httpx2.RemoteProtocolError):
                if request.method != "GET":  # it may have done what was asked for before it ended
                    raise
            else:
                if response.status_code != SHUTTING_DOWN or pause:
                    return response
                response.close()
            time.sleep(pause)
            self._revive()
        return self._transport.handle_request(request)

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()
