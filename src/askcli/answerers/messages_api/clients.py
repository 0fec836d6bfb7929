"""The SDK's client, and the HTTP client that it sends with; imported with the SDK."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import httpx2
from anthropic import APIStatusError, AsyncAnthropic, DefaultAioHttpClient, Timeout, omit

from askcli.answerers.messages_api.bounded import bound
from askcli.answerers.messages_api.requests import (
    Requests,
    in_parts,
    note_response,
    pass_trace_on,
)
from askcli.settings import proxies
from askcli.settings.loopback import is_on_loopback

# Of an idle connection. Many servers that people host themselves (uvicorn, so vLLM and LiteLLM;
# Node; Apache) close one after five seconds, and a request on a connection that the provider closes
# at that moment cannot be told from one that it has taken.
IDLE_SECONDS = 2.0
# Of every request, half of its headers, and none of the API: they describe this host.
TELEMETRY = (
    *("X-Stainless-Lang", "X-Stainless-Package-Version", "X-Stainless-OS", "X-Stainless-Arch"),
    *("X-Stainless-Runtime", "X-Stainless-Runtime-Version", "X-Stainless-Async"),
    *("X-Stainless-Timeout", "X-Stainless-Read-Timeout", "X-Stainless-Retry-Count"),
)

# Making one loads more of the SDK: now, in a thread, and not when a provider fails.
_response = httpx2.Response(500, request=httpx2.Request("POST", "http://localhost"))
APIStatusError("", response=_response, body=None)


def http_client(base_url: str | None, requests: Requests) -> httpx2.AsyncClient:
    """Return the HTTP client; it sends what the URL has before its host as a header.

    aiohttp would take it from the URL as well, and refuse to have it twice.
    """
    url, is_near = base_url and httpx2.URL(base_url), is_on_loopback(base_url)
    with nullcontext() if is_near else proxies.checked(needs_socks=False):
        return DefaultAioHttpClient(
            auth=(url.username, url.password) if url and url.userinfo else None,
            trust_env=not is_near,
            event_hooks={
                "request": [requests.note, pass_trace_on, in_parts],
                "response": [note_response, bound],
            },
            # A redirected request may have been taken, and the key is for one address.
            follow_redirects=False,
            # As many connections as there are runs, whose number the server bounds.
            limits=httpx2.Limits(max_connections=None, keepalive_expiry=IDLE_SECONDS),
        )


def sdk_client(
    api_key: str, base_url: str | None, connect_seconds: float, http: httpx2.AsyncClient
) -> AsyncAnthropic:
    """Return the SDK's client, which sends with `http`."""
    url = httpx2.URL(base_url) if base_url else None
    headers: dict[str, Any] = dict.fromkeys(TELEMETRY, omit)
    headers["accept-encoding"] = "identity"
    if url and url.userinfo:  # its password has the header that the SDK uses for the key
        headers["x-api-key"] = api_key
    return AsyncAnthropic(
        api_key=api_key,
        base_url=url and url.copy_with(userinfo=b""),
        # The SDK obeys any Retry-After, however long; retries and all deadlines but
        # the connection's are in `services.runs.calls.retries`.
        max_retries=0,
        timeout=Timeout(None, connect=connect_seconds),
        default_headers=headers,
        http_client=http,
    )
