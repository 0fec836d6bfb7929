"""The OpenAPI document: FastAPI's, completed with errors, headers, scopes and this server's model.

An error is documented under the media type that is sent, on every operation, so that generated
clients read it. Nothing here changes a response.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import TypeAdapter
from pydantic.alias_generators import to_camel

from askcli.contract.protocol import EVENT_STREAM, HEADER_REQUEST_ID, PROBLEM_JSON
from askcli.errors import AskcliError, Failed, Misused, Unreachable
from askcli.problems import BY_CODE, BY_STATUS, Problem

Responses = dict[int | str, dict[str, Any]]

_COMPONENTS = "#/components/schemas/{model}"
# Errors of a command itself.
_NEVER_SENT = (Failed, Misused, Unreachable)
# No type: tools disagree whether a stream's schema is that of the whole text, of one event or of an
# event's data, and what is generated from the wrong one fails at the first event.
EVENTS = {
    EVENT_STREAM: {
        "schema": {
            "description": "Server-sent events: question (the Question as stored), delta ({text}, "
            "its id the characters sent so far), then done (the finished Question) or error (a "
            "Problem). The data of each is JSON."
        }
    }
}

_HEADERS: dict[str, dict[str, Any]] = {
    HEADER_REQUEST_ID: {
        "description": "The request's id, in the server's log too",
        "required": True,
        "schema": {"type": "string"},
    },
    "Retry-After": {
        "description": "Seconds after which the request may succeed",
        "schema": {"type": "integer", "minimum": 0},
    },
    "WWW-Authenticate": {
        "description": "What is wrong with the token, or the scopes of which it needs one",
        "schema": {"type": "string"},
        "example": 'Bearer realm="askcli", error="invalid_token"',
    },
    "Location": {
        "description": "The path of what was made",
        "schema": {"type": "string"},
    },
    "Idempotency-Replayed": {
        "description": "The response is that of an earlier request with this Idempotency-Key",
        "schema": {"const": "true"},
    },
    "RateLimit": {
        "description": "The uses that remain of the limit nearest to its end (r), and the "
        "seconds until all are available again; on a 429, until one is (t)",
        "schema": {"type": "string"},
        "example": '"login";r=9;t=30',
    },
    "RateLimit-Policy": {
        "description": "The uses of that limit (q) in a window of seconds (w)",
        "schema": {"type": "string"},
        "example": '"login";q=10;w=300',
    },
}
_REPLAYED = ("askQuestion",)
_RATE_LIMITED = ("registerUser", "logIn", "refreshTokens", "changePassword", "createToken")
_RETRIED = ("429", "503", "default")


def _problem(description: str) -> dict[str, Any]:
    schema = {"$ref": _COMPONENTS.format(model=Problem.__name__)}
    return {"description": description, "content": {PROBLEM_JSON: {"schema": schema}}}


# The errors that every operation may answer with.
ANY_PROBLEM: Responses = {"default": _problem("An error")}


def problems(*statuses: int) -> Responses:
    """Return the `responses` of a route that can fail with these statuses and 422."""
    return {
        status: _problem(BY_STATUS.get(status, AskcliError).title) for status in (*statuses, 422)
    }


def operation_id(route: APIRoute) -> str:
    """Return the route's operationId: the words of its function's name."""
    return to_camel(route.name)


def install(app: FastAPI, default_model: str) -> None:
    """Complete the document of `app`; the example of `model` is this server's default one."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = generate()
            _add_components(document, default_model)
            for operation in _operations(document):
                _add_headers(operation)
                _separate_scopes(operation)
                _leave_out_null(operation)
        return generate()  # FastAPI keeps the document, which was completed in place

    app.openapi = openapi  # type: ignore[method-assign]


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in document["paths"].values():
        yield from path.values()


def _add_components(document: dict[str, Any], default_model: str) -> None:
    components = document["components"]
    problem = TypeAdapter(Problem).json_schema(ref_template=_COMPONENTS)
    components["schemas"] |= problem.pop("$defs") | {Problem.__name__: problem}
    problem["properties"]["code"]["enum"] = [
        code for code, kind in BY_CODE.items() if not issubclass(kind, _NEVER_SENT)
    ]
    components["schemas"]["AskBody"]["properties"]["model"]["examples"] = [default_model]
    components["headers"] = _HEADERS


def _add_headers(operation: dict[str, Any]) -> None:
    for status, response in operation["responses"].items():
        names = [HEADER_REQUEST_ID]
        if status == "201":
            names += ["Location"]
        if status == "401" or (status == "403" and "security" in operation):
            names += ["WWW-Authenticate"]
        if status in _RETRIED:
            names += ["Retry-After"]
        if operation["operationId"] in _REPLAYED:
            names += ["Idempotency-Replayed"]
        if operation["operationId"] in _RATE_LIMITED:
            names += ["RateLimit", "RateLimit-Policy"]
        headers = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
        response["headers"] = response.get("headers", {}) | headers


def _separate_scopes(operation: dict[str, Any]) -> None:
    """Document scopes as alternatives: one of them is enough."""
    if security := operation.get("security"):
        operation["security"] = [
            {scheme: [scope]}
            for requirement in security
            for scheme, scopes in requirement.items()
            for scope in scopes
        ]


def _leave_out_null(operation: dict[str, Any]) -> None:
    """Document no null for a parameter: one without a value is left out.

    Generated clients would send a null, or pass a number where a header takes text.
    """
    for parameter in operation.get("parameters", []):
        match parameter["schema"]:
            case {"anyOf": [other, {"type": "null"}]} as schema:
                del schema["anyOf"]
                schema |= other
