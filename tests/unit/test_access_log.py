"""The access log: a line for each request, without the query, written together."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from time import perf_counter
from types import SimpleNamespace
from typing import Any

import pytest

from askcli.server.http import access_log
from askcli.server.http.access_log import AccessLog
from askcli.server.http.served import Served
from askcli.services.request_info import RequestInfo

LINE = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} INFO uvicorn\.access: "
REST = r" \d+\.\dms {size}B request_id=an-id"
ID = "0195ab"


def served(method: str, path: str, status: int, **more: Any) -> Served:
    scope = {
        "path": path,
        "query_string": b"search=secret",
        "http_version": "1.1",
        "client": ("192.0.2.1", 5),
        "state": {},
        **more,
    }
    info = RequestInfo("an-id", "client", None)
    return Served(info, method, scope, perf_counter(), status=status, size=7)


def written(log: AccessLog, *requests: Served) -> None:
    async def serve() -> None:
        for one in requests:
            log.add(one)
        log.flush()

    asyncio.run(serve())


def test_lines_are_written_together_without_queries(capsys: pytest.CaptureFixture[str]) -> None:
    async def serve() -> str:
        log = AccessLog()
        log.add(served("GET", "/a", 200))
        log.add(served("POST", '/b"\n', 404, client=None))
        before = capsys.readouterr().err
        log.flush()
        log.flush()
        return before

    assert asyncio.run(serve()) == ""
    first, second = capsys.readouterr().err.splitlines()
    rest = REST.format(size=7)
    assert re.fullmatch(LINE + re.escape('192.0.2.1:5 - "GET /a HTTP/1.1" 200') + rest, first)
    assert re.fullmatch(LINE + re.escape(' - "POST /b%22%0A HTTP/1.1" 404') + rest, second)


def test_a_line_of_json_names_the_route_the_user_and_the_question(
    capsys: pytest.CaptureFixture[str],
) -> None:
    state = {"caller": SimpleNamespace(user_id="0195cd")}
    route = SimpleNamespace(path="/api/questions/{question_id}")
    known = {"route": route, "state": state, "path_params": {"question_id": ID}}
    wrong = {"path_params": {"question_id": '"forged'}}
    log = AccessLog("json")
    written(log, served("GET", "/x", 200, **known), served("GET", "/y", 404, **wrong))
    one, other = map(json.loads, capsys.readouterr().err.splitlines())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", one.pop("time"))
    assert one.pop("ms") >= 0
    assert one == {
        "level": "info",
        "logger": "askcli.access",
        "message": "request",
        "request_id": "an-id",
        "user_id": "0195cd",
        "question_id": ID,
        "route": "/api/questions/{question_id}",
        "method": "GET",
        "status": 200,
        "bytes": 7,
        "client": "192.0.2.1:5",
    }
    assert (other["question_id"], other["user_id"], other["route"]) == (None, None, None)


@pytest.mark.parametrize(
    ("level", "paths"), [("debug", [200, 503]), ("info", [503]), ("warning", [])]
)
def test_what_watches_the_server_is_logged_where_it_fails(
    capsys: pytest.CaptureFixture[str], level: str, paths: list[int]
) -> None:
    route = {"route": SimpleNamespace(path="/readyz")}
    requests = [served("GET", "/readyz", status, **route) for status in (200, 503)]
    written(AccessLog("json", level), *requests)
    lines = map(json.loads, capsys.readouterr().err.splitlines())
    assert [line["status"] for line in lines] == paths


def test_where_stderr_is_closed_nothing_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", None)
    written(AccessLog(), served("GET", "/a", 200))


class UnjoinedLines(list[str]):
    """Lines that memory is too short to join."""

    def __iter__(self) -> Iterator[str]:
        raise MemoryError


def test_lines_that_could_not_be_written_are_not_waited_for_by_later_ones(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_log, "DELAY_SECONDS", 0)

    async def serve() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        log = AccessLog()
        log._lines = UnjoinedLines()
        for path in ("/lost", "/written"):
            log.add(served("GET", path, 200))
            await asyncio.sleep(0.01)

    asyncio.run(serve())
    assert re.fullmatch(
        LINE + re.escape('192.0.2.1:5 - "GET /written HTTP/1.1" 200') + REST.format(size=7) + "\n",
        capsys.readouterr().err,
    )
