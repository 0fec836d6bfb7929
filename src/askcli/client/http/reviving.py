"""HTTP to the local server, which is started again when it has ended between two requests."""

from __future__ import annotations

import time
from collections.abc import Callable

from askcli.client.http.exchange import BrokenOff, Connections, NotReached, Request, Response
from askcli.errors import ShuttingDown

_SHUTTING_DOWN = f'"{ShuttingDown.code}"'.encode()  # a text in JSON has no such quotes
# A killed process may accept connections until the kernel has taken it down.
PAUSES_SECONDS = (0.0, 0.1, 0.2, 0.4, 0.8)


class RevivingConnections:
    """Repeats a request that no server has taken, after `revive`."""

    def __init__(self, connections: Connections, revive: Callable[[], object]) -> None:
        self._connections = connections
        self._revive = revive

    def send(self, request: Request) -> Response:
        """Send the request. Raises what `Connections` say, and the errors of `revive`."""
        for pause in PAUSES_SECONDS:
            try:
                response = self._connections.send(request)
                if pause or not _is_of_leaving_server(response):
                    return response
                response.close()
            except NotReached:
                pass
            except BrokenOff:
                if request.method != "GET":  # it may have done what was asked for before it ended
                    raise
            time.sleep(pause)
            self._revive()
        return self._connections.send(request)

    def close(self) -> None:
        """Close the connections."""
        self._connections.close()


def _is_of_leaving_server(response: Response) -> bool:
    """Whether the server refuses because it leaves: after another 503 it stays."""
    if response.status != ShuttingDown.status:
        return False
    try:
        return _SHUTTING_DOWN in response.read()
    except BaseException:
        response.close()
        raise
