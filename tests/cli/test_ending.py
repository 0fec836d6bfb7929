"""The end of a command: at once, with its exit code, after all that was to be done."""

from __future__ import annotations

import pytest

from tests.support.cli import Cli, NewCli

RUN = """
import atexit, threading
from askcli.__main__ import main

def work():
    threading.main_thread().join()
    print("worked", end=" ")  # not flushed

atexit.register(print, "ended by Python")  # before the command's own, so called after it
threading.Thread(target=work).start()
main()
"""


@pytest.fixture
def cli(new_cli: NewCli) -> Cli:
    """A user who asks for no warnings, as users do."""
    cli = new_cli()
    del cli.environment["PYTHONWARNINGS"]
    (cli.home / "run.py").write_text(RUN)
    return cli


def test_a_command_waits_for_its_threads_and_ends(cli: Cli) -> None:
    done = cli.shell("python -P run.py config path")
    assert (done.code, done.err) == (0, "")
    assert done.out.endswith("config.toml\nworked ")
    done = cli.shell("python -P -W error run.py config path")
    assert done.code == 0
    assert done.out.endswith("config.toml\nworked ended by Python\n")


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("askcli --help", 0),
        ("askcli config get nothing", 2),
        ("ASKCLI_TOKEN=token askcli whoami --server http://127.0.0.1:9", 6),
        ("askcli --help > /dev/full", 1),
        ("askcli config path >&-", 1),
    ],
)
def test_a_command_ends_with_its_code(cli: Cli, command: str, code: int) -> None:
    assert cli.shell(command).code == code
