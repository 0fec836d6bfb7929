"""A provider that floods: it begins each response in one way, and repeats the rest without end."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

# Sent before `flooding` is set: more than any buffers on the way hold.
SOME_BYTES = 16 * 2**20


class FloodingProvider:
    """Answers each request with a beginning, then a part again and again until it is cut off."""

    def __init__(self, beginning: bytes, part: bytes) -> None:
        self._beginning, self._flood = beginning, part * (1 + 65_536 // len(part))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._connections: list[socket.socket] = []
        self._sent = 0
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.flooding = threading.Event()  # SOME_BYTES have been taken
        self.cut_off = threading.Event()

    def __enter__(self) -> FloodingProvider:
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for one in (self._listener, *self._connections):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _listen(self) -> None:
        with suppress(OSError):  # until the end of the test
            while True:
                connection, _ = self._listener.accept()
                self._connections.append(connection)
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with suppress(OSError):
            request = b""
            while b"\r\n\r\n" not in request:
                request += connection.recv(65_536)
            connection.sendall(self._beginning)
            while True:
                connection.sendall(self._flood)
                self._sent += len(self._flood)
                if self._sent >= SOME_BYTES:
                    self.flooding.set()
        self.cut_off.set()
