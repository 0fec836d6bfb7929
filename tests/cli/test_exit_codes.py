"""Exit codes: every one made to happen, and a pipeline that fails when an answer does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from uuid import uuid4

import pytest

from askcli.cli.reference import topics
from askcli.services import admin
from tests.support.cli import Cli
from tests.support.databases import database_of
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import logged_in
from tests.support.processes import ServerProcess
from tests.support.secrets import SECRETS

# What makes each code, as a shell has it; {marker} asks what the fake model has a reply to.
CASES = [
    (0, "askcli ask {answered}"),
    (0, "askcli ask {answered} | cat"),
    (0, "askcli history delete --older-than 5000d --yes"),
    (1, "askcli ask {answered} > /dev/full"),
    (1, "askcli history show 01890000-0000-7000-8000-000000000000"),
    (1, "askcli history show 01890000"),
    (1, "askcli config get model"),
    (2, "askcli ask --nonsense"),
    (2, "askcli ask"),
    (2, "askcli ask -f /nonexistent hello"),
    (2, "askcli history show not-an-id"),
    (2, "askcli ask --model no-such-model {answered}"),
    (2, "askcli ask --timeout soon {answered}"),
    (2, "ASKCLI_TIMEOUT=soon askcli ask {answered}"),
    (2, "askcli config set timeout soon"),
    (2, "head -c 3000000 /dev/zero | tr '\\0' x | askcli ask"),
    (2, 'echo \'{{"no": "question"}}\' | askcli batch -'),
    (2, "askcli help no-such-topic"),
    (4, "ASKCLI_CONFIG_DIR=$HOME/nobody askcli ask {answered}"),
    (4, "ASKCLI_CONFIG_DIR=$HOME/nobody askcli status"),
    (4, "ASKCLI_TOKEN=wrong askcli whoami"),
    (4, "echo 'wrong password' | askcli login --email a@b.example --password-stdin"),
    (5, "askcli ask {failed}"),
    (5, "askcli ask {cut}"),
    (5, "askcli ask {refused}"),
    (5, "echo '\"{failed}\"' | askcli batch -"),
    (6, "ASKCLI_TOKEN=any askcli ask --server http://127.0.0.1:9 --timeout 1 {answered}"),
    (6, "askcli status --server http://127.0.0.1:9"),
    (6, "askcli ask --timeout 1 {held}"),
    (7, "ASKCLI_CONFIG_DIR=$HOME/poor askcli ask {answered}"),
    # In the foreground: otherwise it sends another one, which may come in the middle of the cancel.
    (130, "timeout --foreground -s INT --preserve-status 3 askcli ask {held}"),
    (141, "askcli ask {long} | head -1 > /dev/null; exit ${{PIPESTATUS[0]}}"),
]
# A shell sees one of each code, and all that has to do with a shell.
_FIRST = set(dict(reversed(CASES)).values())
WITHOUT_A_SHELL = {
    script
    for _, script in CASES
    if re.fullmatch("askcli [^|>$']+", script) and script not in _FIRST
}


@pytest.fixture(scope="module")
def markers(fake: FakeAnthropic) -> Iterator[dict[str, str]]:
    """Questions with a reply of each kind."""
    names = ("answered", "failed", "cut", "refused", "held", "long")
    markers = {name: f"{name}-{uuid4().hex}" for name in names}
    fake.on(markers["failed"], status=400, error_type="invalid_request_error")
    fake.on(markers["cut"], "half", stop_reason="max_tokens")
    fake.on(markers["refused"], "no", stop_reason="refusal")
    held = fake.on(markers["held"], "begun", " never", hold_after=1)
    fake.on(markers["long"], *["many words\n"] * 5000)
    yield markers
    held.release()  # a server that stops waits for its answers


@pytest.fixture(scope="module")
def shell(sqlite_server: ServerProcess, tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """A user whose home has another login, of somebody who may spend nothing."""
    home = tmp_path_factory.mktemp("shell")
    cli = Cli(home, SECRETS.note_output, ASKCLI_SERVER=sqlite_server.url)
    cli.environment["ASKCLI_CONFIG_DIR"] = str(home / "poor")
    logged_in(cli, sqlite_server)
    email = cli.in_process("whoami").out.partition("<")[2].partition(">")[0]
    with database_of(sqlite_server) as connection:
        admin.set_quota(connection, email, {"tokens_day": 0})
    del cli.environment["ASKCLI_CONFIG_DIR"]
    return logged_in(cli, sqlite_server)


@pytest.mark.parametrize(("code", "script"), CASES, ids=[f"{c}-{s[:40]}" for c, s in CASES])
def test_every_exit_code_happens(
    shell: Cli, markers: dict[str, str], code: int, script: str
) -> None:
    text = script.format(**markers)
    if script in WITHOUT_A_SHELL:
        done = shell.in_process(*text.split()[1:])
    else:
        done = shell.shell("set +e +o pipefail; " + text + "; exit ${PIPESTATUS[-1]}")
    assert done.code == code, (done, text)
    assert "Traceback" not in done.err
    if code in (0, 141):
        assert "error" not in done.err
    elif code != 130:
        last = done.err.strip().splitlines()[-1]
        assert last.startswith("askcli: error: "), done.err


def test_the_table_has_every_code() -> None:
    assert {code for code, _ in CASES} == set(topics.EXIT_CODES)


def test_a_pipeline_fails_when_an_answer_does(shell: Cli, markers: dict[str, str]) -> None:
    script = (
        "askcli ask {} | tr a-z A-Z > answer; echo went-on >> answer; "
        "text=$(askcli ask {}); echo \"$text\" >> answer; "
        "askcli ask {} | tee half | wc -c; echo never >> answer"
    )  # fmt: skip
    answered, cut = markers["answered"], markers["cut"]
    done = shell.shell(script.format(answered, answered, cut))
    assert done.code == 5
    text = (shell.home / "answer").read_text()
    answer = f"You asked: {answered}"
    assert text == f"{answer.upper()}\nwent-on\n{answer}\n"
    assert (shell.home / "half").read_text() == "half\n"
