"""The local time zone of this process."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch


@contextmanager
def local_zone(name: str) -> Iterator[None]:
    """Be in this zone for a while."""
    try:
        with patch.dict(os.environ, TZ=name):
            time.tzset()
            yield
    finally:
        time.tzset()
