"""The SDK's client, which makes requests and sends none; imported with the SDK."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import httpx2
from anthropic import APIStatusError, AsyncAnthropic, omit

from askcli.settings import proxies
from askcli.settings.loopback import is_on_loopback

# Of every request, half of its headers, and none of the API: they describe this host.
TELEMETRY = (
    *("X-Stainless-Lang", "X-Stainless-Package-Version", "X-Stainless-OS", "X-Stainless-Arch"),
    *("X-Stainless-Runtime", "X-Stainless-Runtime-Version", "X-Stainless-Async"),
    *("X-Stainless-Timeout", "X-Stainless-Read-Timeout", "X-Stainless-Retry-Count"),
)

# Making one loads more of the SDK: now, in a thread, and not when a provider fails.
_response = httpx2.Response(500, request=httpx2.Request("POST", "http://localhost"))
APIStatusError("", response=_response, body=None)


class Clients:
    """What makes the requests to one address."""

    def __init__(self, base_url: str | None) -> None:
        """A loopback `base_url` has no proxy. Raises Misused for a wrong proxy or certificate."""
        url = httpx2.URL(base_url) if base_url else None
        self._has_password = url is not None and bool(url.userinfo)  # it is sent as a header
        self._url = url and url.copy_with(userinfo=b"")
        is_near = is_on_loopback(base_url)
        auth = (url.username, url.password) if url and self._has_password else None
        with nullcontext() if is_near else proxies.checked(needs_socks=False):
            self._http = _Recording(auth=auth, trust_env=not is_near, timeout=None)
            # By the certificates that the environment names.
            self.ssl_context = httpx2.create_ssl_context(trust_env=not is_near)

    def sdk(self, api_key: str) -> AsyncAnthropic:
        """Return the SDK's client."""
        headers: dict[str, Any] = dict.fromkeys(TELEMETRY, omit)
        headers["accept-encoding"] = "identity"
        if self._has_password:  # it has the header that the SDK uses for the key
            headers["x-api-key"] = api_key
        return AsyncAnthropic(
            api_key=api_key,
            base_url=self._url,
            max_retries=0,
            default_headers=headers,
            http_client=self._http,
        )


class _Recording(httpx2.AsyncClient):
    """An HTTP client whose responses have the request and its proxy; nothing is sent."""

    def _init_transport(self, *_: Any, **__: Any) -> httpx2.AsyncBaseTransport:
        return _Recorder(None)

    def _init_proxy_transport(
        self, proxy: httpx2.Proxy, *_: Any, **__: Any
    ) -> httpx2.AsyncBaseTransport:
        return _Recorder(proxy)


class _Recorder(httpx2.AsyncBaseTransport):
    def __init__(self, proxy: httpx2.Proxy | None) -> None:
        self._proxy = proxy

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Return a response that stands for the request."""
        return httpx2.Response(200, request=request, extensions={"proxy": self._proxy})
