"""Secrets in files that variables name."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from tests.support.cli import NewCli
from tests.support.databases import NewDatabase, migrated_file
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import NewPerson
from tests.support.processes import ServerProcess
from tests.support.secrets import KEY, SECRET
from tests.support.servers import WITHOUT_RIGHTS, customized, server_settings
from tests.support.special_files import make_special

NAMES = ("JWT_SECRET", "ANTHROPIC_API_KEY", "DB_CONN_STRING")


def test_a_server_takes_its_secrets_from_files(
    new_database: NewDatabase, fake: FakeAnthropic, new_person: NewPerson, tmp_path: Path
) -> None:
    settings = server_settings(fake, new_database("sqlite"))
    for name in NAMES:  # as an editor of Windows writes them
        (tmp_path / name).write_text(settings[name] + "\r\n", "utf-8-sig")
    database_url = settings.pop("DB_CONN_STRING")
    settings["DB_CONN_STRING_FILE"] = str(tmp_path / "DB_CONN_STRING")
    del settings["JWT_SECRET"], settings["ANTHROPIC_API_KEY"]
    settings["JWT_SECRET_FILE"] = "JWT_SECRET"  # in the working directory
    (tmp_path / ".env").write_text("ANTHROPIC_API_KEY_FILE=~/ANTHROPIC_API_KEY\n")
    server = ServerProcess(tmp_path, **settings)
    server.database_url = database_url
    assert new_person(server).ask(marker := uuid4().hex).status_code == 201
    assert fake.asked(marker)[0]["key"] == f"Bearer {KEY}"
    assert server.log[0] == "Read .env: ANTHROPIC_API_KEY_FILE.\n"
    assert not any("JWT_SECRET" in line for line in server.log)  # none was made
    assert server.stop() == 0


@pytest.mark.parametrize("name", [*NAMES, "JWT_SECRET_PREVIOUS", "ASKCLI_TOKEN"])
def test_a_secret_that_is_given_twice_or_not_at_all_is_told(
    new_cli: NewCli, tmp_path: Path, name: str
) -> None:
    file = tmp_path / "secret"
    file.write_text(SECRET)
    expected = {
        (str(file), SECRET): f"{name} and {name}_FILE are both set: unset one of them",
        (str(tmp_path / "missing"), ""): "cannot be read (No such file or directory): check",
        (SECRET, ""): "cannot be read (No such file or directory): check",
        (str(tmp_path), ""): "cannot be read (it is not an ordinary file): check",
    }
    file.with_name("empty").write_text(" \n")
    expected[str(file.with_name("empty")), ""] = "names an empty file: write the secret into it"
    file.with_name("binary").write_bytes(b"\xff" * 40)
    expected[str(file.with_name("binary")), ""] = "names a file that is no text in UTF-8"
    make_special(tmp_path / "pipe", "pipe")
    expected[str(tmp_path / "pipe"), ""] = "cannot be read (it is not an ordinary file): check"
    for (path, value), problem in expected.items():
        done = new_cli(**{f"{name}_FILE": path, name: value}).in_process("status")
        assert (done.code, done.out, done.err.count("\n")) == (2, "", 1), done
        assert f"{name}_FILE" in done.err
        assert problem in done.err


@pytest.mark.parametrize("key", ["sk-1\nsk-2", "sk-\0", "sk-\u200b1"])
def test_a_key_that_no_request_can_have_is_told(new_cli: NewCli, tmp_path: Path, key: str) -> None:
    (tmp_path / "key").write_text(key)
    done = new_cli(ANTHROPIC_API_KEY_FILE=str(tmp_path / "key")).in_process("status")
    assert (done.code, done.out) == (2, ""), done
    assert "(from ANTHROPIC_API_KEY) must be one line of ASCII characters" in done.err
    assert "sk-" not in done.err


def test_a_dotenv_that_is_a_pipe_is_not_waited_for(new_cli: NewCli, tmp_path: Path) -> None:
    """Its reload would leave a server that no signal stops; a directory may be a venv's."""
    host = new_cli(DB_CONN_STRING=migrated_file(tmp_path / "askcli.db"))
    make_special(host.home / ".env", "directory")
    assert host.in_process("users", "list").code == 0
    (host.home / ".env").rmdir()
    make_special(host.home / ".env", "pipe")
    done = host("users", "list")
    assert (done.code, done.out) == (2, ""), done
    assert done.err == "askcli: error: cannot read .env: it is not an ordinary file.\n"


def test_a_host_command_runs_where_its_user_may_not_look(new_cli: NewCli, tmp_path: Path) -> None:
    """As `sudo -u askcli` does in root's home; a `.env` that may be there is to be read."""
    url, limited = migrated_file(tmp_path / "askcli.db"), customized(tmp_path, WITHOUT_RIGHTS)
    host = new_cli(DB_CONN_STRING=url, **limited)
    (host.home / "closed").mkdir()
    done = host.fresh_shell("cd closed; chmod 0 .; askcli users list; askcli migrate --check")
    assert done.code == 0, done
    (host.home / ".env").symlink_to("closed/.env")
    done = host.fresh_shell("askcli users list")
    assert (done.code, done.out) == (2, ""), done
    assert done.err == "askcli: error: cannot read .env: Permission denied.\n"
