"""What OpenAPI says beside what FastAPI finds out: errors, and the models that there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI

from askcli.contract import PROBLEM_JSON, Model, Problem
from askcli.errors import AskcliError
from askcli.problems import BY_STATUS


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


def name_models(app: FastAPI, models: Sequence[Model]) -> None:
    """Let the document say which models this server has: another one is refused."""
    document = app.openapi

    def named() -> dict[str, Any]:
        found = document()
        model = found["components"]["schemas"]["AskBody"]["properties"]["model"]
        for kind in model["anyOf"]:
            if kind.get("type") == "string":
                kind["enum"] = [known["id"] for known in models]
        return found

    app.openapi = named  # type: ignore[method-assign]
