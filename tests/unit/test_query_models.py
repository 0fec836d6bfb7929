"""A query that is validated as one model gives what FastAPI would make of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Annotated, Any
from unittest.mock import AsyncMock

import pytest
from fastapi import Query, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_dependant, request_params_to_args
from pydantic import BaseModel, Field
from starlette.types import Scope

from askcli.server.http import direct
from askcli.server.routes import history

_ROUTE: Any = next(r for r in history.router.routes if r.path.endswith("/questions"))  # type: ignore[attr-defined]
_ID = "01a21628-6c71-7192-9613-77f105166970"


def scope_of(query: str) -> Scope:
    """The scope of a request for questions."""
    return {
        "type": "http",
        "query_string": query.encode(),
        "headers": [],
        "path_params": {"user_id": "me"},
        "app": SimpleNamespace(state=SimpleNamespace(services=None)),
        "state": {"caller": None},
    }


def called(dependant: Dependant, query: str) -> Any:
    """What the endpoint is called with as the query; None if FastAPI is called."""
    queries = []

    async def endpoint(**values: Any) -> Response:
        queries.append(values["query"])
        return Response()

    endpoint.__annotations__["return"] = "Response"
    otherwise = AsyncMock()
    app = direct.app(replace(dependant, call=endpoint), AsyncMock(), otherwise)
    asyncio.run(app(scope_of(query), AsyncMock(), AsyncMock()))  # type: ignore[arg-type]
    assert otherwise.called == (not queries)
    return queries[0] if queries else None


@pytest.mark.parametrize(
    "query",
    [
        "",
        "limit=100",
        "limit=1&limit=2",
        "limit=1&limit=",
        "limit=1&other=2&other=3",
        "limit[]=1",
        "limit=1;limit=2",
        "%6cimit=2",
        "LIMIT=1",
        "limit",
        "limit=",
        "limit=0",
        "limit=%31",
        "limit=+1",
        "limit=1.0",
        "limit=1e0",
        "limit=true",
        "limit=\uff11",
        "limit=1%00",
        f"limit={'9' * 5_000}",
        "limit=x&since=yesterday",
        "since=1700000000",
        "since=9999-12-31T23:59:59%2B14:00",
        "since=2026-01-01&until=2026-01-31T12:00:00%2B01:00",
        f"conversation_id={_ID}&cursor={_ID}",
        f"conversation_id={_ID.upper()}",
        f"conversation_id=urn:uuid:{_ID}",
        f"conversation_id={{{_ID}}}",
        "conversation_id=",
        "cursor=",
        f"cursor={_ID}.7ff8000000000000.{_ID}",
        "id_prefix=%25",
        "search=two%20words&id_prefix=01a2",
        "search=two+words",
        "search=",
        "search=%00",
        "search=%ff%fe",
        "search=%ED%A0%80",
        "search=%F0%9F%98%80",
        "search=%",
        f"search={'a' * 6_000}",
        "query=1&user_id=me&self=1",
        "&".join(f"x{i}=1" for i in range(2_000)),
    ],
)
def test_it_is_as_fastapi_makes_it(query: str) -> None:
    values, errors = request_params_to_args(
        _ROUTE.dependant.query_params, Request(scope_of(query)).query_params
    )
    assert called(_ROUTE.dependant, query) == (None if errors else values["query"])


def test_no_field_is_looked_at_by_fastapi(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = list[Any]()
    extract: Callable[..., Any] = request_params_to_args.__globals__["_get_multidict_value"]

    def looking(*args: Any, **keywords: Any) -> Any:
        looks.append(args)
        return extract(*args, **keywords)

    monkeypatch.setitem(request_params_to_args.__globals__, "_get_multidict_value", looking)
    assert called(_ROUTE.dependant, "limit=7").limit == 7
    assert not looks
    request_params_to_args(_ROUTE.dependant.query_params, Request(scope_of("")).query_params)
    assert looks


class WithList(BaseModel):
    names: list[str] = []


class WithAlias(BaseModel):
    name: str = Field("", alias="n")


class Strict(BaseModel, extra="forbid"):
    name: str = ""


class Flat(BaseModel):
    name: str = ""


@pytest.mark.parametrize("annotation", [WithList, WithAlias, Strict, Flat | None])
def test_other_queries_are_left_to_fastapi(annotation: Any) -> None:
    def endpoint(query: Any) -> None: ...

    def dependant_of(annotation: Any) -> Dependant:
        endpoint.__annotations__["query"] = Annotated[annotation, Query()]
        return get_dependant(path="/", call=endpoint)

    assert called(dependant_of(annotation), "") is None
    assert called(dependant_of(Flat), "name=a") == Flat(name="a")
