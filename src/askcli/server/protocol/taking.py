"""Whether the client of a connection takes what is sent to it, and that it has left."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from askcli.services.auth.watches import Watch

# How often TCP has sent again, after pauses that double, what the client has not taken: three
# seconds at least.
UNTAKEN_TRIES = 4
_BACKOFF_BYTE = 4  # of Linux' struct tcp_info


class Taking:
    """Aborts the connection of a client that does not take what is sent to it."""

    __slots__ = ("_flow", "_transport")

    def __init__(self, transport: asyncio.Transport, flow: FlowControl) -> None:
        self._transport = transport
        self._flow = flow

    def aborts(self) -> dict[str, Callable[[], bool]]:
        """Return what a request's state has of it."""
        return {
            "abort_if_stalled": self.abort_if_stalled,
            "abort_if_untaken": self.abort_if_untaken,
        }

    def abort_if_stalled(self) -> bool:
        """Abort the connection if its client is behind; return whether so."""
        return self._abort_if(self._flow.write_paused)

    def abort_if_untaken(self) -> bool:
        """Abort the connection if its client takes nothing, or is gone; return whether so."""
        return self._abort_if(_backoff(self._transport) >= UNTAKEN_TRIES)

    def _abort_if(self, is_due: bool) -> bool:
        if is_due:
            self._transport.abort()
        return is_due


def tell_of_loss(cycle: RequestResponseCycle | None) -> None:
    """Tell a request, if there is one, that the client has left."""
    if cycle is None:
        return
    cycle.disconnected = True
    cycle.message_event.set()
    state = cycle.scope["state"]
    state["has_left"] = True  # for a watch that is to come
    watch: Watch | None = state.get("watch")
    if watch is not None:
        watch.leave()


def _backoff(transport: asyncio.Transport) -> int:
    """Return how often TCP has tried in vain to send; 0 where that is not known."""
    sock = transport.get_extra_info("socket")
    if sys.platform != "linux" or sock is None or sock.family == socket.AF_UNIX:
        return 0
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BACKOFF_BYTE + 1)
    except OSError:  # it is closed
        return 0
    return int(info[_BACKOFF_BYTE])
