"""The examples of proxies: streams arrive piece by piece, and the server learns who asks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from askcli.contract.limits import MAX_BODY_BYTES
from tests.support import plain_http, proxy_examples
from tests.support.cli import NewCli
from tests.support.databases import NewDatabase
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import ServerBehindProxy, add_user, logged_in
from tests.support.processes import ServerProcess
from tests.support.secrets import PASSWORD
from tests.support.servers import serving
from tests.support.streams import STREAM

HOST = "askcli.example.org"
CLIENT = "127.0.0.2"  # an address of this machine that is not the proxy's


@pytest.fixture(scope="module")
def behind(
    tmp_path_factory: pytest.TempPathFactory, fake: FakeAnthropic, new_database: NewDatabase
) -> Iterator[ServerProcess]:
    """A server as the examples want it."""
    settings = {"ASKCLI_TRUSTED_PROXIES": "127.0.0.1", "ASKCLI_ALLOWED_HOSTS": HOST}
    home = tmp_path_factory.mktemp("behind")
    process = serving(home, fake, new_database("sqlite", migrated=True), **settings)
    yield process
    assert process.stop() == 0


@pytest.fixture(scope="module", params=["nginx", "haproxy", "caddy"])
def http(
    request: pytest.FixtureRequest,
    behind: ServerProcess,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[httpx2.Client]:
    """A user's client that reaches the server through a proxy alone."""
    target = behind.url.removeprefix("http://")
    directory = tmp_path_factory.mktemp(request.param)
    with (
        proxy_examples.running(request.param, target, directory) as url,
        plain_http.client(url, CLIENT, headers={"host": HOST}) as client,
    ):
        login = {"email": add_user(behind), "password": PASSWORD}
        # Believed by nobody: it comes from a client.
        client.headers["x-forwarded-for"] = "203.0.113.9"
        tokens = client.post("/api/auth/login", json=login).json()
        client.headers["x-access-token"] = tokens["access_token"]
        yield client


def test_an_answer_arrives_piece_by_piece(http: httpx2.Client, fake: FakeAnthropic) -> None:
    marker = f"through {http.base_url}"
    reply = fake.on(marker, "one ", "two", hold_after=1)
    with http.stream(
        "POST", "/api/questions", json={"question": marker}, headers=STREAM
    ) as response:
        events = ((event.event, json.loads(event.data)) for event in httpx2.EventSource(response))
        (first, question) = next(events)
        assert (first, next(events)) == ("question", ("delta", {"text": "one "}))
        # A proxy that held it back would have done so until the end.
        assert http.get(f"/api/questions/{question['id']}").json()["status"] == "answering"
        reply.release()
        *pieces, (last, question) = events
    assert pieces == [("delta", {"text": "two"})]
    assert (last, question["answer"]) == ("done", "one two")


def test_the_server_learns_the_clients_address_and_the_request_id(http: httpx2.Client) -> None:
    response = http.get("/api/sessions", headers={"x-request-id": "of-the-client"})
    assert [session["address"] for session in response.json()["items"]] == [CLIENT]
    assert response.headers.get_list("x-request-id") == ["of-the-client"]


def test_bodies_as_long_as_the_servers_limit_reach_it(http: httpx2.Client) -> None:
    long = http.post("/api/questions", json={"question": "x" * (MAX_BODY_BYTES - 100)})
    assert (long.status_code, long.json()["code"]) == (422, "invalid_request")
    longer = http.post("/api/questions", json={"question": "x" * MAX_BODY_BYTES})
    assert (longer.status_code, longer.json()["code"]) == (413, "payload_too_large")


def test_numbers_and_health_stay_inside(http: httpx2.Client) -> None:
    # The server decodes a path, and strips the slashes at its end.
    ways = ("/metrics", "/healthz", "/readyz", "/%6detrics", "/metrics/", "/metrics//")
    for path in (*ways, "/metrics%0a", "/metrics%0a/"):
        assert http.get(path).status_code == 404, path
    assert http.get("/docs").status_code == 200


def test_status_finds_the_server_well_though_its_health_stays_inside(
    http: httpx2.Client, behind: ServerProcess, new_cli: NewCli
) -> None:
    seen = ServerBehindProxy(str(http.base_url).rstrip("/"), behind.database_url)
    nobody = new_cli(ASKCLI_SERVER=seen.url).in_process("status", "--json")
    problems = json.loads(nobody.out)["problems"]
    assert (nobody.code, [one["code"] for one in problems]) == (4, ["not_authenticated"])
    done = logged_in(new_cli(ASKCLI_SERVER=seen.url), seen).in_process("status", "--json")
    status = json.loads(done.out)
    assert (done.code, done.err, status["problems"]) == (0, "", [])
    assert (status["state"], status["server_version"]) == ("answers", status["version"])
    assert status["latency_ms"] > 0


def test_haproxy_takes_the_address_from_a_proxy_that_it_is_told_to_trust(
    behind: ServerProcess, tmp_path: Path
) -> None:
    target, proxy = behind.url.removeprefix("http://"), "127.0.0.3"
    with proxy_examples.running("haproxy", target, tmp_path, ASKCLI_PROXY=proxy) as url:
        for peer, last in ((proxy, "203.0.113.9"), (CLIENT, CLIENT)):
            with plain_http.client(url, peer, headers={"host": HOST}) as http:
                login = {"email": add_user(behind), "password": PASSWORD}
                # Of one connection: what is believed of one request is not left for the next.
                tokens = [
                    http.post("/api/auth/login", json=login, headers=headers).json()["access_token"]
                    for headers in ({"x-forwarded-for": "198.51.100.1, 203.0.113.9"}, {})
                ]
                items = http.get("/api/sessions", headers={"x-access-token": tokens[0]}).json()
                assert {one["address"] for one in items["items"]} == {last, peer}
