"""Traces of a server on a port: begun where the environment asks for them, sent to the last span.

What is wrong with them keeps no server from serving: it is said at the start.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from askcli.errors import Misused
from askcli.services.background import wait_for_event
from askcli.settings.tracing import are_traces_wanted
from askcli.traces import spans

log = logging.getLogger("askcli.notices")

# For the last spans, once all requests are served: a collector may not answer.
FLUSH_SECONDS = 3.0
WITHOUT = "Served without traces, which OTEL_… asks for: %s"
PACKAGES = "opentelemetry-sdk opentelemetry-exporter-otlp-proto-http"
MISSING = f"OpenTelemetry is not installed. Run: pip install {PACKAGES}"


class _End:
    """A thread that waits to send the last spans.

    It is started with the server: later, memory may be short. The process does not wait for it.
    """

    def __init__(self, shut_down: Callable[[], None]) -> None:
        self._shut_down = shut_down
        self._is_due = threading.Event()
        self._then: Callable[[], object] = bool
        threading.Thread(target=self._run, name="traces", daemon=True).start()

    def _run(self) -> None:
        self._is_due.wait()
        with suppress(Exception):  # they are lost, and the loop may have ended
            self._shut_down()
            self._then()

    async def run(self, seconds: float) -> bool:
        """Send them; return whether that was done in this time."""
        is_done = asyncio.Event()
        self._then = partial(asyncio.get_running_loop().call_soon_threadsafe, is_done.set)
        self._is_due.set()
        return await wait_for_event(is_done, seconds)


class _State:
    end: _End | None = None


def start() -> None:
    """Record and send traces from now on, if the environment asks for it."""
    try:
        if not are_traces_wanted():
            return
        from askcli.traces.sdk import OpenTelemetry

        sdk = OpenTelemetry()
        _State.end = _End(sdk.shut_down)
        spans.start(sdk)
    except Misused as error:
        log.warning(WITHOUT, error.detail)
    except ImportError:
        log.warning(WITHOUT, MISSING)
    except Exception as error:  # noqa: BLE001 - its text may quote any of the variables
        log.warning(WITHOUT, f"a variable is wrong, or memory is short ({type(error).__name__}).")


async def stop() -> None:
    """Send what was recorded, for FLUSH_SECONDS at most."""
    spans.stop()
    end, _State.end = _State.end, None
    if end is not None and not await end.run(FLUSH_SECONDS):
        log.warning("The last traces were not sent within %d s.", FLUSH_SECONDS)
