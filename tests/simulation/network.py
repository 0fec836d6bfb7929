"""TCP between the shells and the replicas: bytes in order, late, cut off, or swallowed one way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpcore2

from tests.simulation.shell import Shell
from tests.simulation.world import World

ADDRESS = (
    "http://askcli.example:3000"  # of the balancer, which passes each connection to any replica
)
LATENCY = (0.0005, 0.01)


class Peer:
    """A replica as the network sees it."""

    name: str
    is_listening: bool
    connections: list[Connection]

    def accept(self, connection: Connection) -> asyncio.Protocol:
        """Return the protocol for a new connection."""
        raise NotImplementedError

    def soon(self) -> Callable[..., None]:
        """Return what calls in the loop of the process that lives now, as long as it does."""
        raise NotImplementedError


class Network:
    """All connections, and what is wrong with them now."""

    def __init__(self, world: World, peers: list[Peer], *, is_spread: bool) -> None:
        """`is_spread` says that each request goes to any of the peers."""
        self.world = world
        self.peers = peers
        self.is_spread = is_spread
        self.connections: list[Connection] = []
        self.most_streams = 0  # that one user has had open at one replica
        self.slow = 0.0  # further seconds of latency at most
        # The direction in which nothing arrives now, "to" or "from" the server: TCP sends it again.
        self.swallowed = ""
        self._held: list[tuple[Connection, str, Callable[[], object]]] = []
        self.is_refusing = False
        self.duplicates = 0  # connections to come that a proxy repeats elsewhere

    def connect(self, host: str, port: int, timeout: float | None = None, **_: Any) -> Any:
        """Open a connection for the shell that runs, to any replica that listens."""
        shell = self.world.current
        assert isinstance(shell, Shell)
        shell.sleep(self.world.delay(*LATENCY))
        up = [peer for peer in self.peers if peer.is_listening]
        if not up or self.is_refusing:
            raise httpcore2.ConnectError("refused")
        connection = Connection(self, self.world.random.choice(up), shell)
        if self.duplicates and len(up) > 1:
            self.duplicates -= 1
            others = [peer for peer in up if peer is not connection.peer]
            connection.twin = Connection(self, self.world.random.choice(others), None)
            connection.twin.owner = connection.owner
            self.world.tell(f"fault: its requests go to {connection.twin.peer.name} as well")
        return connection

    def count_streams(self, opened: Connection) -> None:
        """Count the event streams at the replica and of the user of one that has begun."""
        those = [c for c in opened.peer.connections if c.is_streaming and c.owner == opened.owner]
        self.most_streams = max(self.most_streams, len(those))

    def hold(self, connection: Connection, direction: str, arrive: Callable[[], object]) -> None:
        """Keep what does not arrive now."""
        self._held.append((connection, direction, arrive))

    def swallow(self, direction: str) -> None:
        """Let nothing arrive in this direction from now on; all of it for an empty one."""
        self.swallowed = direction
        held, self._held = self._held, []
        for connection, which, arrive in held:
            connection.carry(which, arrive)

    def latency(self) -> float:
        return self.world.delay(*LATENCY) + self.world.delay(0, self.slow)


class Connection:
    """A connection, as the shell's end of it (of httpcore2's protocol NetworkStream).

    Without a shell it is a proxy's, whose responses nobody reads.
    """

    def __init__(self, network: Network, peer: Peer, shell: Shell | None) -> None:
        self.peer = peer
        self.twin: Connection | None = None
        self.owner = shell.name[:6] if shell else ""  # the user
        self.is_streaming = False
        self._network = network
        self._shell = shell
        self._received = b""
        self._state = "open"  # for the shell: open, ended or reset
        self._times = {"to": 0.0, "from": 0.0}  # of the last arrival in each direction
        self.transport = Transport(self)
        peer.connections.append(self)
        network.connections.append(self)
        self.protocol: Any = peer.accept(self)
        self.soon = peer.soon()
        self.soon(self.protocol.connection_made, self.transport)

    # The shell's end

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        shell = self._shell
        assert shell is not None
        end = None if timeout is None else shell.clock.monotonic(self._network.world.now) + timeout
        while not self._received and self._state == "open":
            left = end and end - shell.clock.monotonic(self._network.world.now)
            if left is not None and left <= 1e-9:
                raise httpcore2.ReadTimeout("the read timed out")
            shell.wait(left)
        if self._received:
            data, self._received = self._received[:max_bytes], self._received[max_bytes:]
            return data
        if self._state == "reset":
            raise httpcore2.ReadError("connection reset")
        return b""

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if self._state == "reset":
            raise httpcore2.WriteError("connection reset")
        self.carry("to", lambda: self.transport.arrive(buffer))
        if (twin := self.twin) and twin.is_streaming:
            # No proxy sends a request behind a response that has not ended: repeated so late, a
            # refresh token is rightly taken for a stolen one.
            twin.close()
            self.twin = None
        elif twin:
            twin.carry("to", lambda: twin.transport.arrive(buffer))

    def close(self) -> None:
        if self._state == "open":
            self._state = "ended"
            self.carry("to", self.transport.end)
            if self.twin:
                self.twin.close()

    def get_extra_info(self, info: str) -> Any:
        if info != "is_readable":
            return None
        # Asked where the connection is idle: a readable one is not used again.
        return self._state != "open" or bool(self._received) or self._network.is_spread

    # The network

    def carry(self, direction: str, arrive: Callable[[], object]) -> None:
        """Let something arrive later, after all that was sent before in this direction."""
        network = self._network
        if network.swallowed == direction:
            network.hold(self, direction, arrive)
            return
        world = network.world
        self._times[direction] = max(self._times[direction], world.now + network.latency())
        world.at(self._times[direction], arrive)

    def send(self, data: bytes) -> None:
        """Send from the server to the shell."""
        if data.startswith(b"HTTP/1.1 200") and b"text/event-stream" in data:
            self.is_streaming = True
            self._network.count_streams(self)
        if self.is_streaming and data.endswith(b"0\r\n\r\n"):
            self.is_streaming = False
        self.carry("from", lambda: self._take(data, "open"))

    def send_end(self, state: str) -> None:
        """Tell the shell that the server has closed the connection."""
        self.carry("from", lambda: self._take(b"", state))

    def _take(self, data: bytes, state: str) -> None:
        if self._state == "open" and self._shell:
            self._received += data
            self._state = state
            self._shell.wake()

    def cut(self) -> None:
        """Break it for both ends, now."""
        if self._state == "open":
            self._state = "reset"
            if self._shell:
                self._shell.wake()
        self.transport.end()

    @property
    def is_open(self) -> bool:
        return self._state == "open"


class Transport(asyncio.Transport):
    """The replica's end."""

    def __init__(self, connection: Connection) -> None:
        super().__init__({"peername": ("10.0.0.1", 4000), "sockname": ("10.0.0.2", 3000)})
        self._connection = connection
        self._is_closing = self._is_lost = self._is_paused = False
        self._waiting: list[bytes] = []

    def arrive(self, data: bytes) -> None:
        """Take what has come over the network."""
        self._connection.soon(self._read, data)

    def end(self) -> None:
        """Note that the other end has closed or broken the connection."""
        self._connection.soon(self._lose)

    def _read(self, data: bytes) -> None:
        if self._is_closing:
            return
        if self._is_paused:
            self._waiting.append(data)
        else:
            self._connection.protocol.data_received(data)

    def _lose(self) -> None:
        if not self._is_lost:
            self._is_lost = self._is_closing = True
            self._connection.peer.connections.remove(self._connection)
            self._connection.protocol.connection_lost(None)

    def write(self, data: Any) -> None:
        if not self._is_closing:
            self._connection.send(bytes(data))

    def close(self) -> None:
        if not self._is_closing:
            self._is_closing = True
            self._connection.send_end("ended")
            self._connection.soon(self._lose)

    def abort(self) -> None:
        if not self._is_lost:
            self._is_closing = True
            self._connection.send_end("reset")
            self._connection.soon(self._lose)

    def is_closing(self) -> bool:
        return self._is_closing

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        self._is_paused = True

    def resume_reading(self) -> None:
        self._is_paused = False
        waiting, self._waiting = self._waiting, []
        for data in waiting:
            self._connection.soon(self._read, data)
