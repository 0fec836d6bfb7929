"""A Messages API over real HTTP, that can also do what the real one does on its bad days."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

HOLD, FAULT = {"type": "hold"}, {"type": "fault"}
# For `on`: refuses, and is not asked again before the deadline of the first text.
BUSY: dict[str, Any] = {"status": 529, "headers": {"retry-after": "3600"}}


@dataclass
class Reply:
    """What to answer.

    `hold_after` waits, after so many pieces (-1: before the message begins), until the test calls
    `release`; `fault_after` does
    the `fault` there: reset, end, stall, malformed, overloaded, endless. `edit` changes the list of
    events. `status` fails the request instead, always or the first `failures` times; `html` answers
    something else altogether, with any status; `raw` is all that is sent before the connection is
    closed.
    """

    pieces: list[str]
    stop_reason: str = "end_turn"
    hold_after: int | None = None
    fault: str | None = None
    fault_after: int = 0
    edit: Callable[[list[dict[str, Any]]], list[dict[str, Any]]] = list
    pause: float = 0.0
    input_tokens: Any = 11
    html: bool = False
    raw: bytes | None = None
    status: int = 200
    failures: int | None = None
    error_type: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    reached: threading.Event = field(default_factory=threading.Event)
    _released: threading.Event = field(default_factory=threading.Event)

    def release(self) -> None:
        """Let a held reply go on."""
        self._released.set()

    async def held(self) -> None:
        """Wait for `release`."""
        self.reached.set()
        await asyncio.get_running_loop().run_in_executor(None, self._released.wait, 30)


class FakeAnthropic:
    """The server, in a thread of the test process, and what was asked of it."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self._replies: dict[str, Reply] = {}
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.url = ""

    def __enter__(self) -> FakeAnthropic:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        for reply in self._replies.values():
            reply.release()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def on(self, marker: str, *pieces: str, **more: Any) -> Reply:
        """Answer questions that contain `marker` with these pieces."""
        self._replies[marker] = reply = Reply(list(pieces), **more)
        return reply

    def asked(self, marker: str) -> list[dict[str, Any]]:
        """The requests whose last message contains `marker`."""
        return [r for r in self.requests if marker in r["messages"][-1]["content"]]

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        app = web.Application(client_max_size=2**24)
        app.router.add_post("/v1/messages", self._messages)
        # An access line is written when a client leaves: into the log of whatever test runs then.
        runner = web.AppRunner(app, shutdown_timeout=1, access_log=None)
        self._loop.run_until_complete(runner.setup())
        site = web.TCPSite(runner, "127.0.0.1", 0)
        self._loop.run_until_complete(site.start())
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    def _reply(self, question: str) -> Reply:
        for marker, reply in self._replies.copy().items():  # a test may add to them
            if marker in question:
                return reply
        return Reply([f"You asked: {question}"])

    async def _messages(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        names = {"key": "authorization", "traceparent": "traceparent"}
        noted = {name: request.headers.get(header) for name, header in names.items()}
        self.requests.append(body | noted)
        reply = self._reply(body["messages"][-1]["content"])
        if reply.raw is not None:
            assert request.transport
            request.transport.write(reply.raw)
            request.transport.close()
        if reply.html:
            page = "<html>A hotel's login page, or a gateway's error</html>"
            headers = {"content-type": "text/html"} | reply.headers
            return web.Response(text=page, headers=headers, status=reply.status)
        if reply.status != 200 and reply.failures != 0:
            reply.failures = reply.failures and reply.failures - 1
            error = {"type": reply.error_type or "api_error", "message": "SECRET upstream words"}
            return web.json_response(
                {"type": "error", "error": error}, status=reply.status, headers=reply.headers
            )
        headers = {"content-type": "text/event-stream"} | reply.headers
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        with suppress(ConnectionError):  # the reader has left
            await self._send(request, response, reply, reply.edit(events_of(body, reply)))
        return response

    async def _send(
        self,
        request: web.Request,
        response: web.StreamResponse,
        reply: Reply,
        events: list[dict[str, Any]],
    ) -> None:
        for event in events:
            if event == HOLD:
                await reply.held()
            elif event == FAULT:
                if await self._fault(request, response, reply):
                    return
            else:
                await response.write(encoded(event))
                if event["type"] == "content_block_delta":
                    await asyncio.sleep(reply.pause)

    async def _fault(
        self, request: web.Request, response: web.StreamResponse, reply: Reply
    ) -> bool:
        """Do the reply's fault; whether that was the end of it."""
        if reply.fault == "reset":
            assert request.transport
            request.transport.abort()
        elif reply.fault == "stall":
            await reply.held()
        elif reply.fault == "malformed":
            await response.write(b"event: content_block_delta\ndata: {not json\n\n")
        elif reply.fault == "endless":
            while True:  # until the reader leaves
                await response.write(b"data: " + b"x" * 2**20 + b"\n")
        elif reply.fault == "overloaded":
            error = {"type": "overloaded_error", "message": "SECRET upstream words"}
            await response.write(encoded({"type": "error", "error": error}))
        return reply.fault != "malformed"


def encoded(event: dict[str, Any]) -> bytes:
    """An event as it is sent."""
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()


def events_of(body: dict[str, Any], reply: Reply) -> list[dict[str, Any]]:
    """The events of a reply to this request."""
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": reply.input_tokens, "output_tokens": 1},
    }
    block = {"type": "text", "text": ""}
    events: list[dict[str, Any]] = [
        *([HOLD] if reply.hold_after == -1 else []),
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": block},
    ]
    for number, piece in enumerate(reply.pieces):
        if number == reply.hold_after:
            events.append(HOLD)
        if reply.fault and number == reply.fault_after:
            events.append(FAULT)
        delta = {"type": "text_delta", "text": piece}
        events.append({"type": "content_block_delta", "index": 0, "delta": delta})
    return [
        *events,
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": reply.stop_reason, "stop_sequence": None},
            "usage": {"output_tokens": 7},
        },
        {"type": "message_stop"},
    ]
