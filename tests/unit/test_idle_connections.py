"""How long connections to a provider are kept open while nothing is asked."""

from __future__ import annotations

import uvicorn

from askcli.answerers.lazy_packages import load_lazily


def test_an_idle_connection_is_closed_well_before_a_self_hosted_provider_does_it() -> None:
    """One that the provider closes as it is used costs a question, which is not asked again."""
    load_lazily("anthropic")
    from askcli.answerers.messages_api.clients import IDLE_SECONDS  # with the SDK, which is slow

    assert uvicorn.Config("a:provider").timeout_keep_alive / 2 >= IDLE_SECONDS
