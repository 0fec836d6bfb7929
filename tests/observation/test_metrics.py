"""Metrics of a server, right across its workers, and of one process alone."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from operator import ge
from pathlib import Path
from uuid import uuid4

import pytest
from prometheus_client.parser import text_string_to_metric_families

from askcli.metrics import names
from askcli.metrics.exposition import CONTENT_TYPE
from tests.support import plain_http
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import NewPerson
from tests.support.processes import ServerProcess
from tests.support.waiting import eventually

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]
REQUESTS = "askcli_http_request_duration_seconds_count"
PROBLEMS = "askcli_problems_total"


def scraped(server: ServerProcess) -> Samples:
    """The samples of a page, by name and labels."""
    response = plain_http.get(f"{server.url}/metrics")  # on a connection of its own
    assert response.headers["content-type"] == CONTENT_TYPE
    families = [*text_string_to_metric_families(response.text)]
    assert all(family.documentation for family in families)
    samples = [sample for family in families for sample in family.samples]
    return {(one.name, frozenset(one.labels.items())): one.value for one in samples}


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples.get((name, frozenset(labels.items())), 0)


def test_what_was_asked_of_any_worker_is_counted_once_by_all(
    observed: ServerProcess, fake: FakeAnthropic, new_person: NewPerson
) -> None:
    alice, marker = new_person(observed), uuid4().hex
    fake.on(marker, "an answer", status=529, failures=1, headers={"retry-after": "0"})
    before = scraped(observed)
    header = {"x-access-token": alice.tokens["access_token"]}
    url = f"{observed.url}/api/questions"
    asked = [
        plain_http.post(url, json={"question": marker}, headers=header).json() for _ in range(3)
    ]
    for question in asked * 2:
        plain_http.get(f"{url}/{question['id']}", headers=header).raise_for_status()
    assert plain_http.get(f"{url}/{uuid4()}", headers=header).status_code == 404
    pages = list[Samples]()

    def counted(name: str, **labels: str) -> set[float]:
        return {value(page, name, **labels) - value(before, name, **labels) for page in pages}

    def all_counted() -> bool:
        """Scrape; a worker counts a request, and an answer, just after their response."""
        pages[:] = [scraped(observed) for _ in range(4)]
        priced = min(counted("askcli_cost_dollars_total", **of_model)) > 0.99 * cost  # the last
        numbers = (min(counted(REQUESTS, **read, status=status)) for status in ("2xx", "4xx"))
        return priced and all(map(ge, numbers, (6, 1)))

    of_model = {"model": asked[0]["model"]}
    cost = sum(question["cost_usd"] for question in asked)
    read = {"route": "/api/questions/{question_id}", "method": "GET"}
    eventually(all_counted)
    assert counted(REQUESTS, **read, status="2xx") == {6}
    assert counted(REQUESTS, **read, status="4xx") == {1}
    assert counted(PROBLEMS, code="not_found") == {1}
    assert counted("askcli_answers_ended_total", end="answered") == {3}
    assert counted("askcli_answer_first_token_seconds_count") == {3}
    assert counted("askcli_upstream_calls_total") == {4}
    assert counted("askcli_upstream_retries_total") == {1}
    assert counted("askcli_upstream_errors_total", kind="overloaded") == {1}
    assert counted("askcli_tokens_total", **of_model, direction="output") == {21}
    (dollars,) = counted("askcli_cost_dollars_total", **of_model)
    assert dollars == pytest.approx(cost)
    assert {value(page, "askcli_answers_slots") for page in pages} == {128}


def test_an_error_is_counted_once_by_the_code_that_was_sent(
    observed: ServerProcess, new_person: NewPerson
) -> None:
    """Also where the caller's check fails after an endpoint has, or with its first unit of work."""
    header = {"x-access-token": new_person(observed).tokens["access_token"]}
    url = f"{observed.url}/api/tokens"
    before = scraped(observed)
    with plain_http.client() as http:
        http.delete(f"{observed.url}/api/sessions", headers=header).raise_for_status()
        refused = [
            http.request("GET", url, headers=header),
            http.request("POST", url, headers=header, json={"name": ""}),
        ]
    assert [response.json()["code"] for response in refused] == ["session_ended"] * 2

    def counted(name: str) -> float:
        return value(scraped(observed), PROBLEMS, code=name) - value(before, PROBLEMS, code=name)

    eventually(lambda: counted("session_ended") >= 2)
    assert (counted("session_ended"), counted("invalid_request")) == (2, 0)


def test_a_worker_in_anothers_place_goes_on_with_its_counts(observed: ServerProcess) -> None:
    path = {"route": "none", "method": "GET", "status": "4xx"}
    for _ in range(8):
        plain_http.get(f"{observed.url}/nothing")
    before, first = scraped(observed), observed.workers()
    assert value(before, REQUESTS, **path) >= 8
    for number, pid in enumerate(first, 1):  # one of them has the database open, as with one crash
        os.kill(pid, signal.SIGKILL)
        eventually(lambda number=number: len(observed.workers() - first) == number)  # type: ignore[misc]
        eventually(lambda: value(scraped(observed), "askcli_answers_slots") == 128)
    plain_http.get(f"{observed.url}/nothing")
    after = scraped(observed)
    assert value(after, REQUESTS, **path) == value(before, REQUESTS, **path) + 1


def test_labels_come_from_no_request(observed: ServerProcess) -> None:
    for path in ("/a", "/api/questions/a/b", "/metrics?a=1"):
        plain_http.get(f"{observed.url}{path}")
    with plain_http.client() as http:
        http.request("PROPFIND", f"{observed.url}/b")
    labels = [dict(labels) for name, labels in scraped(observed) if name == REQUESTS]
    templates = {one["route"] for one in labels}
    assert not templates & {"/a", "/b", "/api/questions/a/b"}
    assert {"none", "/metrics"} <= templates
    assert {one["method"] for one in labels} <= {"GET", "HEAD", "POST", "DELETE", "other"}


def files(directory: Path) -> Iterator[Path]:
    return (path for path in directory.rglob("*") if path.is_file())


def test_workers_have_private_files_and_one_process_has_none(
    observed: ServerProcess, temporary: Path, home: Path
) -> None:
    (own,) = temporary.glob("askcli-metrics-*")
    assert own.stat().st_mode & 0o777 == 0o700
    assert len([*files(own)]) == 10  # five of each worker, however many there have been
    (home / "tmp").mkdir(parents=True)
    one = ServerProcess(home, TMPDIR=str(home / "tmp"), ASKCLI_ANSWERER="scripted")
    assert value(scraped(one), "askcli_answers_slots") == 64
    assert one.stop() == 0
    assert not [*files(home / "tmp")]


def test_every_metric_is_documented_and_named_as_prometheus_has_it() -> None:
    page = (Path(__file__).parents[2] / "docs/operations.md").read_text()
    table = page.partition("\n## Metrics\n")[2].partition("\n## ")[0]
    for metric in names.ALL:
        ending = metric.name.removeprefix("askcli_").split("_", 1)[1:]
        assert metric.name in table or any(f"_{part}" in table for part in ending), metric.name
