"""The lines of a server's log: text, or a JSON object each; none that quotes what was sent."""

from __future__ import annotations

import json
import logging
import logging.config
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from askcli.cli.output.terminal import notices
from askcli.server.process import log_config
from askcli.server.process.log_formats import JsonFormatter, TextFormatter
from askcli.settings import Settings


def record(message: str, exc_info: Any = None, **fields: object) -> logging.LogRecord:
    made = logging.LogRecord("askcli.x", logging.WARNING, "", 0, message, (), exc_info)
    made.fields = fields
    return made


def failure() -> Any:
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        return sys.exc_info()


def test_a_line_of_json_has_the_fields_and_a_whole_traceback() -> None:
    text = JsonFormatter().format(record('it "failed"', failure(), status=529, kind=None))
    assert "\n" not in text
    line = json.loads(text)
    assert (line["level"], line["logger"], line["message"]) == (
        "warning",
        "askcli.x",
        'it "failed"',
    )
    assert (line["status"], line["kind"]) == (529, None)
    assert line["exception"].endswith("ValueError: first\nsecond")
    assert line["time"].endswith("Z")


def test_a_line_of_text_has_the_fields_before_its_traceback() -> None:
    made = record(
        "it failed", failure(), model="a b\nforged 2026 INFO x", kind="timeout", cost=None
    )
    first, second, *_ = TextFormatter().format(made).splitlines()
    assert first.endswith(
        'WARNING askcli.x: it failed model="a b\\nforged 2026 INFO x" kind=timeout'
    )
    assert second == "Traceback (most recent call last):"


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger and others that are configured, as they were before, after the test."""
    loggers = [logging.getLogger(name) for name in ("", "askcli.notices", "opentelemetry")]
    before = [(one.handlers[:], one.level, one.propagate) for one in loggers]
    yield loggers[0]
    for one, (handlers, level, propagate) in zip(loggers, before, strict=True):
        one.handlers[:], one.level, one.propagate = handlers, level, propagate


@pytest.mark.parametrize(
    ("level", "written"),
    [("debug", ["debug", "info", "warning"]), ("info", ["info", "warning"]), ("error", [])],
)
def test_lines_are_written_from_their_level_on_and_of_others_only_warnings(
    root: logging.Logger, capsys: pytest.CaptureFixture[str], level: str, written: list[str]
) -> None:
    log_config.install(Settings(log="json", log_level=level))
    own, sdk = logging.getLogger("askcli.x"), logging.getLogger("anthropic._base_client")
    sdk.setLevel(logging.DEBUG)  # as ANTHROPIC_LOG=debug does
    own.debug("debug")
    own.info("info")
    own.warning("warning")
    sdk.debug("Request options: %s", "a question")
    sdk.setLevel(logging.NOTSET)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["message"] for line in lines] == written


@pytest.mark.parametrize("format_", ["text", "json"])
def test_notices_of_a_worker_are_written_whatever_the_level(
    root: logging.Logger, capsys: pytest.CaptureFixture[str], format_: str
) -> None:
    logger = logging.getLogger("askcli.notices")  # as it is where no command runs
    logger.handlers, logger.propagate = [], True
    logger.setLevel(logging.NOTSET)
    log_config.install(Settings(log=format_, log_level="error"))
    logger.info("Read the settings again")
    (line,) = capsys.readouterr().err.splitlines()
    assert "Read the settings again" in line


def test_notices_are_lines_of_json_too(
    root: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    notices.install()  # as every command does, to write them as plain lines
    log_config.install(Settings(log="json"))
    logging.getLogger("askcli.notices").info("askcli serves http://127.0.0.1:1")
    assert json.loads(capsys.readouterr().err)["message"] == "askcli serves http://127.0.0.1:1"
