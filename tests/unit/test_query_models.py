"""A query that is validated as one model gives what FastAPI would make of it."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import Request
from fastapi.dependencies.utils import request_params_to_args
from pydantic import BaseModel, Field

from askcli.server.http import direct
from askcli.server.routes import history

_ROUTE: Any = next(r for r in history.router.routes if r.path.endswith("/questions"))  # type: ignore[attr-defined]
(_FIELD,) = _ROUTE.dependant.query_params
_ID = "01a21628-6c71-7192-9613-77f105166970"


@pytest.mark.parametrize(
    "query",
    [
        "",
        "limit=100",
        "limit=1&limit=2",
        "limit=1&other=2&other=3",
        "limit=",
        "limit=0",
        "limit=x&since=yesterday",
        f"conversation_id={_ID}&cursor={_ID}",
        "since=2026-01-01&until=2026-01-31T12:00:00%2B01:00",
        "search=two%20words&id_prefix=01a2",
        "search=",
    ],
)
def test_it_is_as_fastapi_makes_it(query: str) -> None:
    request = Request({"type": "http", "query_string": query.encode(), "headers": []})
    (extract,) = direct._extractors(_ROUTE.dependant)
    values, errors = extract(request)
    expected, expected_errors = request_params_to_args([_FIELD], request.query_params)
    assert bool(errors) == bool(expected_errors)
    if not errors:
        assert values == expected


def test_nothing_of_fastapi_looks_at_the_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(direct, "request_params_to_args", None)
    request = Request({"type": "http", "query_string": b"limit=7", "headers": []})
    (extract,) = direct._extractors(_ROUTE.dependant)
    assert extract(request)[0]["query"].limit == 7


class WithList(BaseModel):
    names: list[str] = []


class WithAlias(BaseModel):
    name: str = Field("", alias="n")


class Strict(BaseModel, extra="forbid"):
    name: str = ""


@pytest.mark.parametrize("annotation", [WithList, WithAlias, Strict, WithList | None, str])
def test_other_models_are_left_to_fastapi(annotation: Any) -> None:
    class Parameter:
        class field_info:  # noqa: N801
            pass

    Parameter.field_info.annotation = annotation  # type: ignore[attr-defined]
    assert not direct._is_flat_model(Parameter)
    assert direct._is_flat_model(_FIELD)
