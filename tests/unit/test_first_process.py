"""The first process of a container, for which the kernel takes no signal by default."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

from askcli import __main__ as command


class Exited(Exception):
    pass


def exit_with(code: int) -> None:
    raise Exited(code)


def test_a_signal_ends_a_container_that_is_still_starting(monkeypatch: pytest.MonkeyPatch) -> None:
    """To have no handler, and to be sent the signal again, does nothing to it."""

    def nothing(*_: Any) -> None:
        pass

    monkeypatch.setattr(os, "getpid", lambda: 1)
    monkeypatch.setattr(os, "kill", nothing)
    monkeypatch.setattr(signal, "signal", nothing)
    monkeypatch.setattr(os, "_exit", exit_with)
    with pytest.raises(Exited, match="143"):
        command._leave(signal.SIGTERM, None)
