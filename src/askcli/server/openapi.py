"""Additions to the OpenAPI document that FastAPI generates: errors, and the available models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI

from askcli.contract.protocol import PROBLEM_JSON
from askcli.contract.shapes import Model, Problem
from askcli.errors import AskcliError
from askcli.problems import BY_STATUS


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route that can fail with these statuses and 422."""
    return {
        status: {
            "model": Problem,
            "description": BY_STATUS.get(status, AskcliError).title,
            "content": {PROBLEM_JSON: {}},
        }
        for status in (*statuses, 422)
    }


def list_models(app: FastAPI, models: Sequence[Model]) -> None:
    """Document the models of this server as the allowed values of `model`."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        field = document["components"]["schemas"]["AskBody"]["properties"]["model"]
        for schema in field["anyOf"]:
            if schema.get("type") == "string":
                schema["enum"] = [model["id"] for model in models]
        return document

    app.openapi = openapi  # type: ignore[method-assign]
