"""Passwords where no thread can be started for bcrypt."""

from __future__ import annotations

import asyncio
import threading

import pytest

from askcli.errors import Unavailable
from askcli.services.auth.passwords import Passwords
from askcli.services.request_info import RequestInfo, bind


@pytest.mark.parametrize("error", [RuntimeError("can't start new thread"), MemoryError()])
def test_a_login_for_which_no_thread_can_be_started_is_unavailable(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(_: threading.Thread) -> None:
        raise error

    async def scenario() -> None:
        bind(RequestInfo("id", "client", None))
        passwords = Passwords()
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", fail)
            with pytest.raises(Unavailable) as refused:
                await passwords.matches("a", None)
            assert refused.value.retry_after
        assert not await passwords.matches("a", None)
        passwords.close()

    asyncio.run(scenario())
