"""What shells complete with: only names that are safe, the newest ids, nothing after a logout."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from askcli.cli.reference import completion_cache
from askcli.contract.shapes import Question
from askcli.files import write_private


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "askcli/completion"


def question(number: int, text: str = "why?") -> Question:
    ids = {"id": f"{number:08}", "conversation_id": f"c{number // 2}"}
    return cast(Question, ids | {"question": text})


def test_only_names_that_are_safe_on_a_command_line_are_kept(cache: Path) -> None:
    completion_cache.models(["good:7b", "$(touch owned)", "a b", "-x", "", "x;y", "org/name@1.0"])
    assert (cache / "models").read_text() == "good:7b\norg/name@1.0\n"
    completion_cache.profiles(["work", "`evil`"])
    assert (cache / "profiles").read_text() == "work\n"


def test_only_what_has_to_last_waits_for_the_disk(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr("os.fsync", synced.append)
    completion_cache.profiles(["work"])
    assert (len(synced), (cache / "profiles").read_text()) == (0, "work\n")
    write_private(cache / "token", b"to be kept")
    assert len(synced) == 1


def test_the_newest_ids_are_kept_first(cache: Path) -> None:
    completion_cache.questions([question(n) for n in range(150)])
    completion_cache.questions([question(n) for n in range(100, 250)])
    lines = (cache / "ids").read_text().splitlines()
    assert len(lines) == completion_cache.MOST_IDS
    assert lines[0].startswith("00000249\t")
    assert lines == sorted(lines, reverse=True)


def test_a_question_is_one_short_harmless_line(cache: Path) -> None:
    completion_cache.questions([question(1, "one\ntwo\t\x1b[2J\u200b\xad " + "x" * 100)])
    (line,) = (cache / "ids").read_text().splitlines()
    assert line.startswith("00000001\tone two ␛[2J<U+200B><U+00AD> x")
    assert len(line) == 9 + 60


def test_deleted_questions_are_forgotten_and_all_at_a_logout(cache: Path) -> None:
    completion_cache.questions([question(1), question(2)])
    completion_cache.forget_questions([question(1)])
    assert (cache / "ids").read_text() == "00000002\twhy?\n"
    completion_cache.forget_questions()
    assert (cache / "ids").read_text() == ""


def test_a_conversation_is_completed_by_its_own_id_and_the_last_question(cache: Path) -> None:
    completion_cache.questions([question(3, "last"), question(2, "first"), question(4, "other")])
    assert (cache / "conversations").read_text() == "c2\tother\nc1\tlast\n"
    completion_cache.forget_questions([question(2)])
    assert (cache / "conversations").read_text() == "c2\tother\n"
    completion_cache.forget_questions()
    assert (cache / "conversations").read_text() == ""


def test_no_command_fails_for_the_cache(cache: Path) -> None:
    cache.parent.mkdir(parents=True)
    cache.write_text("a file where the directory should be")
    completion_cache.models(["good"])
    assert cache.is_file()
