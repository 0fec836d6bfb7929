"""A server that is not askcli, or not well: it answers each request with what the test gave it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID

from tests.support.http_servers import served

_ID, _TIME = str(UUID(int=7)), "2026-01-31T12:00:00Z"
_QUESTION = {
    **dict.fromkeys(("system", "stop_reason", "error", "max_tokens", "answered_at")),
    **dict.fromkeys(("input_tokens", "output_tokens", "cost_usd")),
    **{"id": _ID, "user_id": _ID, "conversation_id": _ID, "question": "Why?", "model": "m"},
    **{"answer": "", "status": "answering", "created_at": _TIME},
}


@dataclass(frozen=True)
class Response:
    """A response; `endless` is sent after the body until the client leaves, after each `pause`."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    endless: bytes = b""
    dripping_head: bytes = b""  # sent instead of a response, in the same way
    pause: float = 0.0


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: Any) -> None:
        """Say nothing of clients that have left."""


class HostileServer:
    """Answers every request as `respond` says, which gets its method and path."""

    def __init__(self, respond: Callable[[str, str], Response]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                self.rfile.read(int(self.headers.get("content-length", 0)))
                response = respond(self.command, self.path.partition("?")[0])
                with suppress(OSError):
                    while response.dripping_head:
                        self.wfile.write(response.dripping_head)
                        time.sleep(response.pause)
                self.send_response(response.status)
                for name, value in response.headers.items():
                    self.send_header(name, value)
                if not response.endless:
                    self.send_header("content-length", str(len(response.body)))
                self.end_headers()
                with suppress(OSError):  # the client has left
                    self.wfile.write(response.body)
                    while response.endless:
                        time.sleep(response.pause)
                        self.wfile.write(response.endless)

            do_GET = do_POST = do_DELETE = do_CONNECT = _answer  # noqa: N815

            def log_message(self, *_: Any) -> None:
                pass

        server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{server.server_port}"
        self._serving = served(server)

    def __enter__(self) -> HostileServer:
        self._serving.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._serving.__exit__(*error)


def always(status: int, body: bytes, **headers: str) -> HostileServer:
    """Return a server with one response to every request."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HostileServer(lambda _method, _path: Response(status, body, named))


def event(name: str, *, id_: str = "", data: dict[str, str] | None = None, **fields: str) -> bytes:
    """Return an event of an answer's stream, with `data` or a question that has these fields."""
    content = json.dumps(_QUESTION | fields if data is None else data)
    return f"event: {name}\nid: {id_}\ndata: {content}\n\n".encode()
