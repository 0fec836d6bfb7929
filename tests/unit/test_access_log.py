"""The access log: a line for each response, without the query, written together."""

from __future__ import annotations

import asyncio
import re

import pytest

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
