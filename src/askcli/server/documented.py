"""What OpenAPI says about errors, so that a route names only their statuses."""

from __future__ import annotations

from typing import Any

from askcli.contract import PROBLEM_JSON, Problem
from askcli.errors import BY_STATUS, AskcliError


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that can fail with these statuses, beside 422."""
    return {
        status: {
            "model": Problem,
            "description": BY_STATUS.get(status, AskcliError).title,
            "content": {PROBLEM_JSON: {}},
        }
        for status in (*statuses, 422)
    }
