"""Flow control of a connection whose parser may be behind with what was read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.flow_control import FlowControl

from askcli.server.protocol.lazy import LazyEvent


class Flow(FlowControl):
    """Flow control that reads no more while bytes that were read wait to be parsed."""

    def __init__(self, transport: asyncio.Transport, may_read: Callable[[], bool]) -> None:
        super().__init__(transport)
        self._is_writable_event: Any = LazyEvent(True)
        self._may_read = may_read

    def resume_reading(self) -> None:
        """Read on, unless bytes wait."""
        if self._may_read():
            super().resume_reading()
