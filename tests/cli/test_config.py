"""askcli config: one setting changed, the rest of the file kept."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import uuid4

import pytest

from askcli.settings import Settings
from tests.support.cli import NewCli
from tests.support.secrets import SECRETS
from tests.support.special_files import KINDS, make_special


def test_config_changes_one_setting_and_keeps_the_rest(new_cli: NewCli) -> None:
    cli = new_cli()
    path = Path(cli.in_process("config", "path").out.strip())
    assert path == cli.home / ".config/askcli/config.toml"
    assert cli.in_process("config", "get", "server").code == 1
    assert cli.in_process("config").out == ""
    path.parent.mkdir(parents=True)
    path.write_text('# the one at work\nserver = "http://127.0.0.1:1"  # for now\n\n# patience\n')
    assert cli.in_process("config", "set", "timeout", "30").code == 0
    assert cli.in_process("config", "set", "server", "http://127.0.0.1:2").code == 0
    assert path.read_text() == (
        '# the one at work\nserver = "http://127.0.0.1:2"  # for now\n\n# patience\ntimeout = 30\n'
    )
    assert path.stat().st_mode & 0o777 == 0o600
    assert cli.in_process("config", "get", "timeout").out == "30\n"
    assert json.loads(cli.in_process("config", "get", "timeout", "--json").out) == {"timeout": 30}
    assert cli.in_process("config").out == "server = http://127.0.0.1:2\ntimeout = 30\n"
    assert "127.0.0.1:2" in cli.in_process("status").out
    assert cli.in_process("config", "unset", "server").code == 0
    assert "# the one at work" in path.read_text()
    assert cli.in_process("config", "get", "server").code == 1


def test_a_config_file_may_begin_with_a_byte_order_mark(new_cli: NewCli) -> None:
    """As some editors save it; secret files and `.env` may have one too."""
    cli = new_cli()
    path = Path(cli.in_process("config", "path").out.strip())
    path.parent.mkdir(parents=True)
    path.write_bytes(b'\xef\xbb\xbfserver = "http://127.0.0.1:2"\n')
    assert "127.0.0.1:2" in cli.in_process("status").out
    assert cli.in_process("config", "set", "timeout", "30").code == 0
    assert cli.in_process("config").out == "server = http://127.0.0.1:2\ntimeout = 30\n"


def test_config_shows_whatever_toml_has_as_json(new_cli: NewCli) -> None:
    cli = new_cli()
    path = Path(cli.in_process("config", "path").out.strip())
    path.parent.mkdir(parents=True)
    path.write_text(
        "timeout = inf\nmodel = 2026-01-02T03:04:05Z\nserver = 2026-01-02\nhost = [07:32:00, nan]\n"
        "own = {day = 2026-01-02, size = -inf, is_on = true, share = 0.5}\n"
    )
    values = {
        "timeout": "inf",
        "model": "2026-01-02T03:04:05+00:00",
        "server": "2026-01-02",
        "host": ["07:32:00", "nan"],
        "own": {"day": "2026-01-02", "size": "-inf", "is_on": True, "share": 0.5},
    }
    done = cli.in_process("config", "--json")
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out, parse_constant=pytest.fail) == values
    done = cli.in_process("config", "get", "model", "--json")
    assert json.loads(done.out) == {"model": values["model"]}
    assert "model = 2026-01-02T03:04:05+00:00\n" in cli.in_process("config").out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["set", "tiemout", "3"], "did you mean 'timeout'"),
        (["set", "timeout", "soon"], "whole number"),
        (["set", "port", "99999"], "from 0 to 65535"),
        (["set", "registration", "maybe"], "one of open"),
        (["set", "anthropic_api_key", "sk-on-a-command-line"], "through stdin"),
        (["set", "config_dir", "/tmp"], "ASKCLI_CONFIG_DIR"),
        (["set", "server", ""], "askcli config unset server"),
        (["get", "nonsense"], "there is no setting"),
        (["unset", "nonsense"], "there is no setting"),
    ],
)
def test_config_refuses_what_cannot_be_and_changes_nothing(
    new_cli: NewCli, words: list[str], said: str
) -> None:
    cli = new_cli()
    done = cli.in_process("config", *words)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert not (cli.home / ".config/askcli/config.toml").exists()


def test_config_takes_out_what_is_no_setting_of_this_version(new_cli: NewCli) -> None:
    cli = new_cli()
    path = Path(cli.in_process("config", "path").out.strip())
    path.parent.mkdir(parents=True)
    path.write_text('colour = "red"  # of an earlier version\ntimeout = 30\n')
    done = cli.in_process("status")
    assert (done.code, "`askcli config unset colour` takes it out" in done.err) == (2, True)
    assert cli.in_process("config", "unset", "colour").code == 0
    assert path.read_text() == "timeout = 30\n"
    assert cli.in_process("config", "unset", "colour").code == 2
    assert cli.in_process("status").code == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model = ['a']", "model must be one value, not a list or a table."),
        ("[server]\nurl = 'http://127.0.0.1'", "server must be one value, not a list or a table."),
        (f"model = {'[' * 10_000}", "is not valid TOML: "),
    ],
)
def test_a_config_file_with_what_is_no_setting_is_told(
    new_cli: NewCli, text: str, said: str
) -> None:
    cli = new_cli()
    path = cli.home / ".config/askcli/config.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    done = cli.in_process("status")
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1), done
    assert str(path) in done.err
    assert said in done.err
    done = cli.in_process("config", "unset", "model")
    assert (done.code, "unexpected" in done.err) == (2 if "[[" in text else 0, False), done


def test_a_config_file_does_not_move_what_is_beside_it(new_cli: NewCli, tmp_path: Path) -> None:
    cli, elsewhere = new_cli(ASKCLI_ANSWERER="scripted"), tmp_path / "elsewhere"
    path = cli.home / ".config/askcli/config.toml"
    path.parent.mkdir(parents=True)
    path.write_text(f'config_dir = "{elsewhere}"\n')  # the tokens would be there, and it here
    done = cli.in_process("status")
    assert (done.code, "use ASKCLI_CONFIG_DIR" in done.err) == (2, True), done
    assert cli.in_process("config", "unset", "config_dir").code == 0
    assert cli.in_process("status").code == 0


def test_a_data_directory_has_the_log_however_it_is_set(new_cli: NewCli, tmp_path: Path) -> None:
    for number, cli in enumerate((new_cli(), new_cli())):
        directory = tmp_path / f"data{number}"
        if number:
            assert cli.in_process("config", "set", "data_dir", str(directory)).code == 0
        else:
            cli.environment["ASKCLI_DATA_DIR"] = str(directory)
        status = json.loads(cli.in_process("status", "--json").out)
        assert (status["data"], Path(status["log"]).parent) == (str(directory), directory)


def test_config_takes_secrets_from_stdin_and_never_lists_them(new_cli: NewCli) -> None:
    cli = new_cli()
    secret = f"sk-{uuid4().hex}"
    SECRETS.learn(secret)
    assert cli.in_process("config", "set", "anthropic_api_key", "-", stdin=secret + "\n").code == 0
    assert cli.in_process("config").out == "anthropic_api_key = (set)\n"
    path = cli.home / ".config/askcli/config.toml"
    assert secret in path.read_text()
    path.write_text("not = [toml")
    done = cli.in_process("config", "set", "timeout", "3")
    assert (done.code, "not valid TOML" in done.err) == (2, True)
    assert path.read_text() == "not = [toml"


def test_many_changes_at_once_are_all_kept(new_cli: NewCli) -> None:
    cli = new_cli()
    names = ["timeout", "idle_seconds", "port", "audit_days"]
    started = [cli.start("config", "set", name, "77") for name in names]
    for process in started:
        assert process.stdout
        process.stdout.close()
        assert process.wait(60) == 0
    assert cli.in_process("config").out.count("= 77") == len(names)


def test_a_misspelt_variable_is_reported_unless_quiet(new_cli: NewCli) -> None:
    cli = new_cli(ASKCLI_SEVER="http://127.0.0.1:9")
    expected = "no setting has the variable ASKCLI_SEVER; did you mean ASKCLI_SERVER?"
    done = cli.in_process("status", "--json")
    assert (done.code, done.err) == (0, f"askcli: warning: {expected}\n")
    assert expected not in cli.in_process("ask", "-q", "--server", "http://127.0.0.1:9", "x").err


@pytest.mark.parametrize("words", [["config"], ["status"]])
@pytest.mark.parametrize("kind", KINDS)
def test_a_config_file_that_is_no_ordinary_one_is_told(
    new_cli: NewCli, words: list[str], kind: str
) -> None:
    cli = new_cli()
    path = cli.home / ".config/askcli/config.toml"
    path.parent.mkdir(parents=True, mode=0o700)
    make_special(path, kind)
    done = cli.fresh(*words)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1), done
    assert f"cannot read {path}: it is not an ordinary file." in done.err


def test_no_password_of_a_url_is_shown_or_taken_from_the_command_line(new_cli: NewCli) -> None:
    cli, url = new_cli(), "https://somebody:pass@word@gateway.example/v1?x=1"
    refused = cli.in_process("config", "set", "anthropic_base_url", url)
    assert (refused.code, "through stdin" in refused.err) == (2, True)
    path = cli.home / ".config/askcli/config.toml"
    assert not path.exists()
    assert cli.in_process("config", "set", "anthropic_base_url", "-", stdin=url).code == 0
    assert url in path.read_text()
    shown = "https://gateway.example/v1?x=1"
    assert cli.in_process("config").out == f"anthropic_base_url = {shown}\n"
    assert json.loads(cli.in_process("config", "--json").out) == {"anthropic_base_url": shown}
    path.write_text(f"server = {url!r}\n")  # which no command would have set
    for words in (["config"], ["status"], ["status", "--json"], ["models"]):
        done = cli.in_process(*words)
        assert ("word@" in done.out + done.err, "somebody" in done.out + done.err) == (False, False)
    assert url not in repr(Settings(anthropic_base_url=url))


def test_a_config_file_that_is_a_link_stays_one(new_cli: NewCli) -> None:
    cli = new_cli()
    path, target = cli.home / ".config/askcli/config.toml", cli.home / "dotfiles/config.toml"
    path.parent.mkdir(parents=True)
    target.parent.mkdir()
    path.symlink_to(target)
    for words in (("set", "model", "x"), ("set", "timeout", "60"), ("unset", "model")):
        assert cli.in_process("config", *words).code == 0
    assert (path.is_symlink(), target.read_text()) == (True, "timeout = 60\n")
    assert [file.name for file in target.parent.iterdir()] == ["config.toml"]


@pytest.mark.parametrize("words", [("set", "timeout", "60"), ("unset", "timeout")])
def test_a_lock_of_the_config_file_that_cannot_be_made_is_told(
    new_cli: NewCli, words: tuple[str, ...]
) -> None:
    cli = new_cli()
    lock = cli.home / ".config/askcli/config.toml.lock"
    lock.parent.mkdir(parents=True)
    lock.symlink_to("/proc/none")  # not even root can make it
    done = cli.in_process("config", *words)
    assert (done.code, done.err.count("\n")) == (1, 1), done
    assert f"cannot use {lock}: " in done.err
