"""A fake Anthropic provider: `python -m benchmarks.provider`.

The question says how it is answered: `[delay=0.02 rate=20 count=16]` is 16 deltas, the first after
20 ms, then 20 a second (0: all at once). Each delta is the time at which it was sent, so that any
reader on this machine knows how long it took to arrive.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from typing import Any, cast

import httptools
import uvloop

DIRECTIVE = re.compile(r"\[((?:\w+=[\d.]+ ?)+)\]")
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
    b"transfer-encoding: chunked\r\n\r\n"
)
DELTA = (
    b"event: content_block_delta\ndata: "
    b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"%b"}}\n\n'
)


def directive(delay: float = 0, rate: float = 0, count: int = 16) -> str:
    """Return what makes the provider answer so."""
    return f"[delay={delay} rate={rate} count={count}]"


def stamp() -> bytes:
    """Return the text of a delta: the time at which it is sent."""
    return b"t=%.6f " % time.monotonic()


class Answer:
    """One message, streamed."""

    def __init__(self, connection: Connection, how: dict[str, float]) -> None:
        self._connection = connection
        self._left = int(how.get("count", 16))
        rate = how.get("rate", 0)
        self._pause = 1 / rate if rate else 0.0
        self._next = time.monotonic() + how.get("delay", 0)
        self._is_begun = False
        self._at_next()

    def _at_next(self) -> None:
        delay = max(0.0, self._next - time.monotonic())
        asyncio.get_running_loop().call_later(delay, self._tick)

    def _tick(self) -> None:
        if self._connection.transport.is_closing():
            return
        begin = b"" if self._is_begun else STREAM_HEAD + chunk(message_start())
        self._is_begun = True
        if not self._pause:
            deltas = b"".join(DELTA % stamp() for _ in range(self._left))
            return self._connection.finish(
                begin + chunk(deltas) + chunk(message_end()) + chunk(b"")
            )
        self._left -= 1
        self._next += self._pause
        data = begin + chunk(DELTA % stamp())
        if self._left:
            self._connection.transport.write(data)
            return self._at_next()
        return self._connection.finish(data + chunk(message_end()) + chunk(b""))


class Connection(asyncio.Protocol):
    """A keep-alive connection of a client, which sends one request at a time."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._path, self._body = b"", b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's own class

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._path, self._body = b"", b""

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        if not self._path.startswith(b"/v1/messages"):
            return self.finish(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
        body = json.loads(self._body)
        how = instructions(body)
        if body.get("stream"):
            Answer(self, how)
        else:
            rate, count = how.get("rate", 0), how.get("count", 16)
            seconds = how.get("delay", 0) + (count / rate if rate else 0)
            asyncio.get_running_loop().call_later(seconds, self._whole, int(count))
        return None

    def _whole(self, count: int) -> None:
        text = b"".join(stamp() for _ in range(count)).decode()
        message = message_object() | {
            "content": [{"type": "text", "text": text}],
            "stop_reason": "end_turn",
            "usage": {"input_tokens": 11, "output_tokens": count},
        }
        body = json.dumps(message).encode()
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
        self.finish(head % len(body) + body)

    def finish(self, data: bytes) -> None:
        """Send the rest of a response."""
        if not self.transport.is_closing():
            self.transport.write(data)


def instructions(body: dict[str, Any]) -> dict[str, float]:
    """Return what the last message of a request says on how to answer it."""
    content = body["messages"][-1]["content"]
    match = DIRECTIVE.search(content if isinstance(content, str) else content[-1]["text"])
    words = match[1].split() if match else []
    return {name: float(value) for name, _, value in (word.partition("=") for word in words)}


def chunk(data: bytes) -> bytes:
    """Return a chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def message_object() -> dict[str, Any]:
    """Return the message before anything of it is known."""
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 11, "output_tokens": 1},
    }


def event(data: dict[str, Any]) -> bytes:
    """Return one server-sent event."""
    return f"event: {data['type']}\ndata: {json.dumps(data)}\n\n".encode()


def message_start() -> bytes:
    """Return the events before the first delta."""
    block = {"type": "text", "text": ""}
    return event({"type": "message_start", "message": message_object()}) + event(
        {"type": "content_block_start", "index": 0, "content_block": block}
    )


def message_end() -> bytes:
    """Return the events after the last delta."""
    delta = {"stop_reason": "end_turn", "stop_sequence": None}
    return (
        event({"type": "content_block_stop", "index": 0})
        + event({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 16}})
        + event({"type": "message_stop"})
    )


async def main() -> None:
    """Serve on a free port, which is printed."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
