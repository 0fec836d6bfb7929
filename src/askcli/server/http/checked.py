"""Responses to callers, of which nothing is sent before the caller is checked."""

from __future__ import annotations

from starlette.types import Message, Receive, Scope, Send

from askcli.errors import AskcliError
from askcli.server import problems
from askcli.services.auth.authentication import Authentication


class Checked:
    """Sends a response once its caller is checked, or the check's error in its place.

    In its place, and not by raising it: what has made the response, an error handler too, has begun
    to send it and would not expect another.
    """

    __slots__ = ("_authentication", "_receive", "_scope", "_send", "is_refused")

    def __init__(
        self, authentication: Authentication, scope: Scope, receive: Receive, send: Send
    ) -> None:
        self._authentication = authentication
        self._scope = scope
        self._receive = receive
        self._send = send
        self.is_refused = False

    async def send(self, message: Message) -> None:
        """Send a message of the response."""
        if message["type"] == "http.response.start":
            try:
                await self._authentication.confirm()
            except AskcliError as error:
                self.is_refused = True
                response = problems.response(error, self._scope["state"]["request_id"])
                await response(self._scope, self._receive, self._send)
        if not self.is_refused:
            await self._send(message)
