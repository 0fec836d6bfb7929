"""HTTP of the tests themselves, without proxies and TLS: loading certificates takes 20 ms each."""

from __future__ import annotations

from typing import Any

import httpx2


def client(url: str = "", address: str | None = None, **more: Any) -> httpx2.Client:
    """A client of the server at `url`, from this machine's `address`."""
    transport = httpx2.HTTPTransport(verify=False, local_address=address)
    return httpx2.Client(
        base_url=url, transport=transport, **({"timeout": 60, "trust_env": False} | more)
    )


def get(url: str, **more: Any) -> httpx2.Response:
    """GET a URL."""
    return httpx2.get(url, trust_env=False, verify=False, **more)


def post(url: str, **more: Any) -> httpx2.Response:
    """POST to a URL."""
    return httpx2.post(url, trust_env=False, verify=False, **more)
