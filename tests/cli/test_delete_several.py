"""Several questions or conversations are deleted, and not all of them."""

from __future__ import annotations

import pytest

from askcli.client.api import Api
from askcli.errors import NotFound, Unreachable
from tests.support.cli import Cli
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
    assert done.err.splitlines()[0] == f"askcli: deleted before that: {ids[0]} {ids[1]}"
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


def test_a_gateways_404_is_no_deletion(sqlite_cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    (id_,) = asked(sqlite_cli, "one")

    def not_found(_api: Api, _id: str) -> None:
        raise NotFound(detail="no such page.")

    monkeypatch.setattr(Api, "delete_question", not_found)
    assert sqlite_cli.in_process("history", "delete", "--yes", id_).code == 1
