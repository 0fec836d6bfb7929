"""Several questions or conversations are deleted, and not all of them."""

from __future__ import annotations

import signal
from contextlib import nullcontext
from unittest.mock import Mock

import pytest

from askcli.cli.commands.history import deletion
from askcli.cli.output.terminal import transient
from askcli.client.api import Api
from askcli.errors import Refused, Unreachable
from askcli.signals import ENDINGS
from tests.support import right_responses as right
from tests.support.cli import Cli, NewCli
from tests.support.hostile import HostileServer, Response, always
from tests.support.people import asked

SETS = (("history", Api.delete_question, 0), ("conversations", Api.delete_conversation, 1))


def ids_of(cli: Cli) -> list[tuple[str, str]]:
    """Three questions of three conversations, each with the id of its conversation."""
    ids = asked(cli, "one", "two", "three")
    listed = cli.in_process("conversations").out.splitlines()
    return list(zip(ids, [line.split("\t")[0] for line in reversed(listed)], strict=True))


@pytest.mark.parametrize(("group", "delete", "which"), SETS)
@pytest.mark.parametrize(("ends", "code"), [(Unreachable("away."), 6), (KeyboardInterrupt(), 130)])
def test_what_is_gone_is_said_where_a_deletion_ends_early(
    sqlite_cli: Cli,
    monkeypatch: pytest.MonkeyPatch,
    group: str,
    delete: object,
    which: int,
    ends: BaseException,
    code: int,
) -> None:
    ids = [pair[which] for pair in ids_of(sqlite_cli)]

    def first_two(api: Api, id_: str) -> None:
        if id_ == ids[2]:
            raise ends
        delete(api, id_)  # type: ignore[operator]

    monkeypatch.setattr(Api, delete.__name__, first_two)  # type: ignore[attr-defined]
    done = sqlite_cli.in_process(group, "delete", "--yes", *ids)
    assert done.code == code
    assert done.err.splitlines()[:2] == [
        f"askcli: deleted before that: {ids[0]} {ids[1]}",
        f"askcli: perhaps deleted: {ids[2]}",
    ]
    monkeypatch.undo()
    done = sqlite_cli.in_process(group, "delete", "--yes", *ids)
    assert (done.code, done.err.count("\n")) == (1, 1), done
    assert f": {ids[0]}" in done.err


@pytest.mark.parametrize(("group", "delete", "which"), SETS)
def test_what_is_deleted_elsewhere_meanwhile_ends_no_deletion(
    sqlite_cli: Cli, monkeypatch: pytest.MonkeyPatch, group: str, delete: object, which: int
) -> None:
    ids = [pair[which] for pair in ids_of(sqlite_cli)]

    def twice(api: Api, id_: str) -> None:
        delete(api, id_)  # type: ignore[operator]
        delete(api, id_)  # type: ignore[operator]

    monkeypatch.setattr(Api, delete.__name__, twice)  # type: ignore[attr-defined]
    assert sqlite_cli.in_process(group, "delete", "--yes", *ids).code == 0
    assert sqlite_cli.in_process("history").out == ""


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lines that are written."""
    lines: list[str] = []
    log = Mock(warning=lambda text, *values: lines.append(text % values))
    monkeypatch.setattr(deletion, "log", log)
    return lines


@pytest.mark.parametrize("number", ENDINGS)
def test_what_is_gone_is_said_where_a_signal_ends_a_deletion(
    said: list[str], number: signal.Signals
) -> None:
    """And the process ends as by the signal."""
    ended = []
    before = signal.signal(number, lambda number, _: ended.append(number))
    try:
        deletion.of_each("abc", lambda id_: signal.raise_signal(number) if id_ == "c" else None)
    finally:
        signal.signal(number, before)
        transient.go_on()
    assert ended == [number]
    assert said == ["askcli: deleted before that: a b", "askcli: perhaps deleted: c"]


@pytest.mark.parametrize("ends", [KeyboardInterrupt, None])
def test_a_deletion_by_age_that_is_ended_may_go_on(
    said: list[str], ends: type[BaseException] | None
) -> None:
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        with pytest.raises(ends) if ends else nullcontext():
            deletion.of_all_before("2026-01-01", Mock(side_effect=ends or terminated))
    finally:
        signal.signal(signal.SIGTERM, before)
        transient.go_on()
    assert said == ["askcli: perhaps deleted: all from before 2026-01-01"]


def terminated(_: str) -> int:
    signal.raise_signal(signal.SIGTERM)
    return 0


def test_what_is_refused_is_not_perhaps_deleted(
    said: list[str],
) -> None:
    with pytest.raises(Refused):
        deletion.of_each("abc", Mock(side_effect=[None, Refused()]))
    assert said == ["askcli: deleted before that: a"]


def test_a_gateways_404_is_no_deletion(new_cli: NewCli) -> None:
    page = Response(404, b"<html>Not found</html>", {"content-type": "text/html"})
    right_page = right.response({"items": [right.QUESTION], "next_cursor": None})
    with HostileServer(lambda method, _: page if method == "DELETE" else right_page) as server:
        cli = new_cli(ASKCLI_SERVER=server.url, ASKCLI_TOKEN="any")
        done = cli.in_process("history", "delete", "--yes", "@")
    assert (done.code, done.err.count("\n")) == (5, 1), done
    assert "404" in done.err


def test_no_count_of_deletions_is_below_zero(new_cli: NewCli) -> None:
    with always(200, b'{"deleted": -1}') as server:
        cli = new_cli(ASKCLI_SERVER=server.url, ASKCLI_TOKEN="any")
        done = cli.in_process("history", "delete", "--older-than", "1d", "--yes")
    assert (done.code, done.err.count("\n")) == (5, 1), done
