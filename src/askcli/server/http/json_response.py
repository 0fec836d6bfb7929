"""JSON responses whose bytes are made once, from what a service returns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from fastapi import Response


class JsonResponse(Response):
    """A response with a shape of the contract, which is not validated again on its way out."""

    media_type = "application/json"

    def render(self, content: Mapping[str, Any]) -> bytes:
        """Return the content as JSON."""
        return orjson.dumps(content, option=orjson.OPT_UTC_Z)
