"""The certificates that the environment names, for HTTP clients that make connections with TLS."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from askcli.errors import Misused


def check() -> None:
    """Raise Misused for a file without certificates."""
    if path := os.environ.get("SSL_CERT_FILE"):
        import ssl  # most servers have none set

        with checked():
            ssl.create_default_context(cafile=path)


@contextmanager
def checked() -> Iterator[None]:
    """Make a client of httpx2 in the block. Raises Misused for a file without certificates."""
    try:
        yield
    except OSError as error:  # ssl.SSLError, too; of a missing file OpenSSL gives odd reasons
        path = os.environ.get("SSL_CERT_FILE")
        if not path:
            raise
        raise Misused(
            f"SSL_CERT_FILE: {path} is not a file of certificates in PEM that can be read."
        ) from error
