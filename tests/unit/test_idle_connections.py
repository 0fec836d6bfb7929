"""How long connections to a provider are kept open while nothing is asked."""

from __future__ import annotations

import uvicorn


def test_an_idle_connection_is_closed_well_before_a_self_hosted_provider_does_it() -> None:
    """One that the provider closes as it is used costs a question, which is not asked again."""
    from askcli.answerers.messages_api.connections import IDLE_SECONDS  # with aiohttp: it is slow

    assert uvicorn.Config("a:provider").timeout_keep_alive / 2 >= IDLE_SECONDS
