"""Servers of Python's own `http.server`, in threads of the test process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import BaseServer
from typing import TypeVar

S = TypeVar("S", bound=BaseServer)

POLL_SECONDS = 0.01  # shutdown waits for the next poll


@contextmanager
def served(server: S) -> Iterator[S]:
    """Let a server serve; however the block ends, its thread has ended before its socket.

    A thread that is left with a closed socket polls without a pause, to the end of the process.
    """
    thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), daemon=True)
    with server:
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
