"""Ctrl-C and errors in a chat: they end what is being done, and the chat goes on."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from askcli.cli.commands.chat import slash
from askcli.cli.output import failures
from askcli.cli.output.terminal import transient
from askcli.signals import handled


class Guard:
    """Calls what a Ctrl-C may interrupt."""

    def __init__(self) -> None:
        self._may_interrupt = False

    @contextmanager
    def nothing_else(self) -> Iterator[None]:
        """Let a Ctrl-C interrupt nothing in the block but what is called, and the prompt.

        One that comes just as an answer ends, or before the prompt is there, would end the chat.
        """
        with handled({signal.SIGINT: self._on_interrupt}):
            yield

    def call(self, act: Callable[[], None]) -> None:
        """Call; an error or a Ctrl-C ends what was called. Raises Leave."""
        try:
            self._may_interrupt = True
            try:
                act()
            finally:
                self._may_interrupt = False
        except KeyboardInterrupt:
            self._may_interrupt = False
            transient.clear()
        except slash.Leave:
            raise
        except Exception as error:  # noqa: BLE001 - a conversation outlives what nobody has foreseen
            failures.show(failures.as_askcli_error(error))
        finally:
            transient.go_on()

    def _on_interrupt(self, _number: int, _frame: FrameType | None) -> None:
        if self._may_interrupt:
            raise KeyboardInterrupt
