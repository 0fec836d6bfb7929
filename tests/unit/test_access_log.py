"""The access log: a line for each response, without the query, written together."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator

import pytest

from askcli.server.http import access_log
from askcli.server.http.access_log import AccessLog

LINE = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} INFO uvicorn\.access: "


def test_lines_are_written_together_without_queries(capsys: pytest.CaptureFixture[str]) -> None:
    async def serve() -> str:
        log = AccessLog()
        log.info('%s - "%s %s HTTP/%s" %d', "192.0.2.1:5", "GET", "/a?search=secret", "1.1", 200)
        log.info('%s - "%s %s HTTP/%s" %d', "", "POST", "/b", "1.0", 404)
        before = capsys.readouterr().err
        log.flush()
        log.flush()
        return before

    assert asyncio.run(serve()) == ""
    first, second = capsys.readouterr().err.splitlines()
    assert re.fullmatch(LINE + re.escape('192.0.2.1:5 - "GET /a HTTP/1.1" 200'), first)
    assert re.fullmatch(LINE + re.escape(' - "POST /b HTTP/1.0" 404'), second)


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
            log.info("", "192.0.2.1:5", "GET", path, "1.1", 200)
            await asyncio.sleep(0.01)

    asyncio.run(serve())
    assert re.fullmatch(
        LINE + re.escape('192.0.2.1:5 - "GET /written HTTP/1.1" 200\n'), capsys.readouterr().err
    )
