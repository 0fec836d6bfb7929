"""Memory that is short for a moment: calls that fail once."""

from __future__ import annotations

from typing import Any

import pytest


def fail_once(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, times: int = 1) -> None:
    """Let the next calls of this name fail for want of memory."""
    works, failed = getattr(owner, name), list[None]()

    def call(*args: Any, **keywords: Any) -> Any:
        if len(failed) < times:
            failed.append(None)
            raise MemoryError
        return works(*args, **keywords)

    monkeypatch.setattr(owner, name, call)
