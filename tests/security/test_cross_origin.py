"""Pages of other origins: those of ASKCLI_ALLOWED_ORIGINS may call the API, all others may not."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from askcli.server.http import cross_origin
from askcli.server.http.activity import Activity
from askcli.server.http.middleware import Envelope
from askcli.server.http.refusals import Refusals
from tests.support import plain_http
from tests.support.databases import NewDatabase
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.processes import ServerProcess
from tests.support.servers import serving

PAGE, OTHER = "https://app.example.org", "https://app.example.org:8443"
HEADERS = (
    "x-access-token,authorization,content-type,idempotency-key,last-event-id,x-request-id,"
    "if-none-match,traceparent"
)


@pytest.fixture(scope="module")
def open_server(
    new_database: NewDatabase, fake: FakeAnthropic, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    """A server that a page may call."""
    home, url = tmp_path_factory.mktemp("open"), new_database("sqlite")
    server = serving(home, fake, url, ASKCLI_ALLOWED_ORIGINS=f"{PAGE},http://localhost:5173")
    yield server
    assert server.stop() == 0


def preflight(server: ServerProcess, origin: str, method: str = "POST") -> httpx2.Response:
    headers = {
        "origin": origin,
        "access-control-request-method": method,
        "access-control-request-headers": HEADERS,
    }
    url = f"{server.url}/api/questions"
    return httpx2.options(url, headers=headers, trust_env=False)


def get(server: ServerProcess, origin: str) -> httpx2.Response:
    url = f"{server.url}/api/models"
    return plain_http.get(url, headers={"origin": origin})


def test_a_page_of_an_allowed_origin_may_call_the_api(open_server: ServerProcess) -> None:
    response = preflight(open_server, PAGE)
    assert (response.status_code, response.headers["access-control-allow-origin"]) == (200, PAGE)
    assert set(HEADERS.split(",")) <= set(
        response.headers["access-control-allow-headers"].lower().split(", ")
    )
    assert response.headers["x-request-id"]
    problem = get(open_server, PAGE)
    assert (problem.status_code, problem.json()["code"]) == (401, "not_authenticated")
    assert problem.headers["access-control-allow-origin"] == PAGE
    assert problem.headers["vary"] == "Origin"
    assert set(problem.headers["access-control-expose-headers"].split(", ")) == {
        "x-request-id", "idempotency-replayed", "retry-after", "location", "etag", "allow",
        "ratelimit", "ratelimit-policy", "www-authenticate",
    }  # fmt: skip
    for each in (response, problem):
        assert "access-control-allow-credentials" not in each.headers


def test_a_page_may_use_each_method_of_the_api(open_server: ServerProcess) -> None:
    paths = plain_http.get(f"{open_server.url}/openapi.json").json()["paths"].values()
    methods = {method.upper() for path in paths for method in path} | {"HEAD"}
    for method in methods:
        assert preflight(open_server, PAGE, method).status_code == 200, method
    assert preflight(open_server, PAGE, "PUT").json()["code"] == "forbidden"


REFUSED: dict[str, tuple[int, dict[str, str], bytes]] = {
    "another host": (421, {"host": "elsewhere.example"}, b""),
    "a malformed host": (400, {"host": "a b"}, b""),
    "a huge header": (431, {"authorization": "x" * 70_000}, b""),
    "a long body": (413, {}, b"x" * 70_000),
    "another type": (415, {"content-type": "text/plain"}, b"{}"),
    "a compressed body": (415, {"content-encoding": "gzip"}, b"{}"),
    "no JSON": (400, {}, b"{"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_page_can_read_why_its_request_is_refused(open_server: ServerProcess, what: str) -> None:
    status, headers, body = REFUSED[what]
    for origin in (PAGE, OTHER):
        response = httpx2.post(
            f"{open_server.url}/api/auth/login",
            content=body,
            headers={"origin": origin, "content-type": "application/json"} | headers,
            trust_env=False,
        )
        assert (response.status_code, response.json()["status"]) == (status, status)
        allowed = response.headers.get("access-control-allow-origin")
        assert allowed == (PAGE if origin == PAGE else None)
        assert (
            origin == OTHER or "x-request-id" in response.headers["access-control-expose-headers"]
        )


def test_a_page_can_read_that_the_server_failed() -> None:
    app = FastAPI()

    @app.get("/")
    def fail() -> None:
        raise ZeroDivisionError

    app.add_middleware(Refusals, allowed=None, refusal=lambda: None)
    cross_origin.install(app, [PAGE])
    app.add_middleware(Envelope, activity=Activity(), is_leaving=lambda: False)
    with TestClient(app, raise_server_exceptions=False) as http:
        response = http.get("/", headers={"origin": PAGE})
    assert (response.status_code, response.json()["code"]) == (500, "server_error")
    assert response.headers["access-control-allow-origin"] == PAGE


@pytest.mark.parametrize("origin", [OTHER, "null", "http://app.example.org", f"{PAGE}.evil.org"])
def test_a_page_of_any_other_origin_may_not(open_server: ServerProcess, origin: str) -> None:
    response = preflight(open_server, origin)
    assert response.status_code == response.json()["status"] == 403
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["request_id"] == response.headers["x-request-id"]
    for response in (preflight(open_server, origin), get(open_server, origin)):
        assert "access-control-allow-origin" not in response.headers


def test_no_origin_is_allowed_by_default(sqlite_server: ServerProcess) -> None:
    assert preflight(sqlite_server, PAGE).status_code == 405
    for response in (preflight(sqlite_server, PAGE), get(sqlite_server, PAGE)):
        assert not [name for name in response.headers if name.startswith("access-control")]
