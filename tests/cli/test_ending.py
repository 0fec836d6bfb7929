"""The end of a command: at once, with its exit code, after all that was to be done."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress

import pytest

from tests.support.cli import Cli, NewCli
from tests.support.processes import ASKCLI
from tests.support.soak import SOAK

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

INTERRUPTED = """
import atexit, signal, time
from askcli.__main__ import main
from askcli.cli.output.terminal import transient

def call(function, number):
    function(number)

def destroy(function, number):
    class Destroyed:
        def __del__(self):
            function(number)
    Destroyed()
    time.sleep(10)  # what is raised in a destructor ends nothing: it has to come again

class Interrupted(transient.Transient):
    def erase(self):
        {moment}(signal.raise_signal, signal.SIGINT)

transient.put(Interrupted())
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
        ("askcli --help >&-", 1),
        ("askcli ask --help >&-", 1),
    ],
)
def test_a_command_ends_with_its_code(cli: Cli, command: str, code: int) -> None:
    assert cli.shell(command).code == code


@pytest.mark.parametrize("moment", ["call", "atexit.register", "destroy"])
def test_ctrl_c_as_a_command_ends_is_no_traceback(cli: Cli, moment: str) -> None:
    (cli.home / "interrupted.py").write_text(INTERRUPTED.format(moment=moment))
    done = cli.shell("python -P interrupted.py config path > path")  # a file: only the end erases
    assert (done.code, done.err) == (130, "")
    assert (cli.home / "path").read_text().endswith("config.toml\n")


# Of a table, and of a command.
HELP = ["history --help", "help ask"]
if SOAK:
    HELP += ["--help", "ask --help", "history list -h"]


@pytest.mark.parametrize("words", HELP)
def test_the_help_to_a_closed_pipe_is_141(cli: Cli, words: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [ASKCLI, *words.split()],
        env=cli.environment,
        stdout=writing,
        stderr=subprocess.PIPE,
        timeout=60,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize("words", HELP)
def test_the_help_waits_for_a_full_pipe(cli: Cli, words: str) -> None:
    """The pipe does not block: what fits is not all, and what does not is written later."""
    whole = cli.in_process(*words.split()).out
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with os.fdopen(reading, "rb") as reader:
        with suppress(BlockingIOError):
            while True:
                os.write(writing, b"." * 4096)
        process = subprocess.Popen(
            [ASKCLI, *words.split()], env=cli.environment, stdout=writing, stderr=subprocess.PIPE
        )
        os.close(writing)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        text = reader.read().lstrip(b".").decode()
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err, text) == (0, b"", whole)


LATE = """
import signal, time
from askcli.__main__ import main
from askcli.client import target

class Destroyed:
    def __del__(self):
        signal.raise_signal(signal.SIGALRM)

def slow(*_):
    Destroyed()
    time.sleep(10)  # as above

target.Connection.open = slow
main()
"""


def test_a_time_limit_that_a_destructor_takes_ends_the_command(cli: Cli) -> None:
    (cli.home / "late.py").write_text(LATE)
    cli.environment |= {"ASKCLI_SERVER": "http://127.0.0.1:9", "ASKCLI_TOKEN": "any"}
    done = cli.shell("python -P late.py ask hello --timeout 60")
    assert (done.code, "did not end within 60 s" in done.err) == (6, True), done
    assert "Exception ignored" not in done.err
