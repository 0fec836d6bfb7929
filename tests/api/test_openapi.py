"""The OpenAPI document: what generated clients and the page at /docs need of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from askcli.problems import BY_CODE
from tests.support import plain_http
from tests.support.databases import NewDatabase
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import Person
from tests.support.processes import ServerProcess
from tests.support.servers import serving

PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
TIMES = {"created_at", "answered_at", "last_activity_at", "expires_at", "last_used_at", "resets_at"}
IDS = {"id", "user_id", "conversation_id", "question_id", "last_question_id"}
# Each after those that return what it needs: an id, a token.
ORDER = """
    registerUser logIn refreshTokens getUser createToken listTokens revokeToken
    askQuestion getQuestion followAnswer cancelAnswer listQuestions getUsage
    listConversations getConversation renameConversation deleteQuestion
    askQuestion deleteConversation importQuestions deleteQuestions
    listModels getHealth getReadiness getMetrics
    listSessions endSession logIn endSessions logIn changePassword logOut
""".split()  # noqa: SIM905 - a list of them would be read no more easily
# Of every server, or about the body.
PLAIN_HEADERS = {"date", "server", "content-type", "content-length", "cache-control"}
PLAIN_HEADERS |= {"connection", "transfer-encoding", "x-content-type-options", "x-accel-buffering"}


@pytest.fixture(scope="module")
def document(sqlite_server: ServerProcess) -> dict[str, Any]:
    answer = plain_http.get(f"{sqlite_server.url}/openapi.json")
    document: dict[str, Any] = answer.json()
    return document


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def test_every_error_is_documented_as_it_is_sent(document: dict[str, Any]) -> None:
    for _, path, operation in operations(document):
        responses = operation["responses"]
        assert "default" in responses, path
        errors = {status: r for status, r in responses.items() if not status.startswith("2")}
        assert all(error["content"] == PROBLEM for error in errors.values()), path
        assert all("x-request-id" in response["headers"] for response in responses.values())
        assert "Retry-After" in responses["default"]["headers"]
    codes = set(document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"])
    assert codes == set(BY_CODE) - {"usage", "failed", "unreachable"}


def test_a_challenge_is_documented(alice: Person, document: dict[str, Any]) -> None:
    made = alice.http.post("/api/tokens", json={"name": "ci", "scopes": ["ask"]}).json()
    statuses = set()
    for token in ("", f"Bearer {made['token']}"):
        with plain_http.client(str(alice.http.base_url)) as http:
            for method, path, operation in operations(document):
                url = re.sub(r"{\w+}", str(made["id"]), path)
                answer = http.request(method, url, headers={"authorization": token})
                if "www-authenticate" in answer.headers:
                    statuses.add(answer.status_code)
                    documented = operation["responses"][str(answer.status_code)]["headers"]
                    assert "WWW-Authenticate" in documented, (method, path)
    assert statuses == {401, 403}


def test_a_parameter_is_left_out_and_never_null(document: dict[str, Any]) -> None:
    """Generated clients would send a null, or a number that they have made no text of."""
    for _, path, operation in operations(document):
        for parameter in operation.get("parameters", []):
            assert "null" not in str(parameter["schema"]), (path, parameter["name"])
    followed = document["paths"]["/api/questions/{question_id}/events"]["get"]["parameters"][1]
    assert followed["schema"]["type"] == "integer"


def test_every_parameter_but_an_id_says_what_it_does(document: dict[str, Any]) -> None:
    named = [
        (path, parameter)
        for _, path, operation in operations(document)
        for parameter in operation.get("parameters", [])
        if parameter["in"] != "path"
    ]
    assert len(named) > 10
    assert not [(path, one["name"]) for path, one in named if not one.get("description")]


def test_operations_are_named_in_words_and_say_their_scopes(document: dict[str, Any]) -> None:
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert set(ids) == set(ORDER)
    assert len(ids) == len(set(ids))
    for _, path, operation in operations(document):
        assert re.fullmatch(r"[A-Z][a-z]+( [A-Z][a-z]+)*", operation["summary"])
        scopes = [scope for way in operation.get("security", []) for scope in way.values()]
        assert all(scope in (["ask"], ["read"], ["account"]) for scope in scopes), path
        assert (
            scopes or path in ("/api/users", "/healthz", "/readyz", "/metrics") or "/auth/" in path
        )


def test_schemas_have_formats_and_no_list_that_changes(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    # Two shapes of one name would be Name-Input and Name-Output: one class to a generator.
    assert all(re.fullmatch(r"[A-Za-z]+", name) for name in schemas)
    for name in set(schemas) - {"AskBody", "Model"}:
        for field, schema in schemas[name]["properties"].items():
            if field in TIMES | IDS:
                expected = "date-time" if field in TIMES else "uuid"
                assert f"'format': '{expected}'" in str(schema), (name, field)
    assert schemas["Usage"]["properties"]["day"]["format"] == "date"
    model = schemas["AskBody"]["properties"]["model"]
    assert (model["examples"], "enum" in str(model)) == (["claude-sonnet-5-5"], False)


def test_an_event_stream_promises_no_type(document: dict[str, Any]) -> None:
    """Clients take it for that of the text, of an event or of its data, and two types for one."""
    streams = [
        (path, list(response["content"]), set(response["content"]["text/event-stream"]["schema"]))
        for _, path, operation in operations(document)
        for response in operation["responses"].values()
        if "text/event-stream" in response.get("content", {})
    ]
    path = "/api/questions/{question_id}/events"
    assert streams == [(path, ["text/event-stream"], {"description"})]


def test_every_example_works_as_it_stands(
    new_database: NewDatabase, fake: FakeAnthropic, tmp_path: Path
) -> None:
    """In order, with ids and tokens of earlier responses; every header sent is documented."""
    server = serving(tmp_path, fake, new_database("sqlite"), ASKCLI_LOGIN_LIMIT="10/300")
    with plain_http.client(server.url) as http:
        document = http.get("/openapi.json").json()
        by_id = {op["operationId"]: (method, path, op) for method, path, op in operations(document)}
        values: dict[str, str] = {"user_id": "me"}
        for name in ORDER:
            answer = _send(http, document, by_id[name], values)
            assert answer.is_success, (name, answer.text)
            documented = by_id[name][2]["responses"][str(answer.status_code)]["headers"]
            sent = set(answer.headers) - PLAIN_HEADERS
            assert sent <= {header.lower() for header in documented}, name
            _learn(name, answer, http, values)
    assert server.stop() == 0


def _send(
    http: httpx2.Client,
    document: dict[str, Any],
    by_id: tuple[str, str, dict[str, Any]],
    values: dict[str, str],
) -> httpx2.Response:
    method, path, operation = by_id
    params = {
        parameter["name"]: next(iter(parameter["examples"].values()))["value"]
        for parameter in operation.get("parameters", [])
        if parameter["in"] == "query" and parameter["required"]
    }
    if "{user_id}" in path:  # the page at /docs fills it in
        assert operation["parameters"][0]["examples"] == {"me": {"value": "me"}}
    body = None
    if content := operation.get("requestBody"):
        name = content["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        (body,) = document["components"]["schemas"][name]["examples"]
        body |= {field: values[field] for field in body if field == "refresh_token"}
    return http.request(method, path.format(**values), params=params, json=body)


def _learn(name: str, answer: httpx2.Response, http: httpx2.Client, values: dict[str, str]) -> None:
    """Keep what the next operations need of this one's response."""
    if name in ("logIn", "refreshTokens"):
        values["refresh_token"] = answer.json()["refresh_token"]
        http.headers["authorization"] = f"Bearer {answer.json()['access_token']}"
    elif name == "askQuestion":
        values["question_id"] = answer.json()["id"]
        values["conversation_id"] = answer.json()["conversation_id"]
    elif name == "createToken":
        values["token_id"] = answer.json()["id"]
    elif name == "listSessions":
        values["session_id"] = answer.json()["items"][0]["id"]
