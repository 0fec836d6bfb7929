"""Commands: how long each takes, to its first word, and from the last one to its exit."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable

from benchmarks import cores, ours
from benchmarks.bench import Bench
from benchmarks.figures import Figure
from benchmarks.peers import environments
from benchmarks.peers.environments import MissingPeerError
from benchmarks.provider import directive
from benchmarks.servers import PASSWORD, Server

STAMP = re.compile(rb"t=(\d+\.\d{6}) ")
# Over half a second, so that a reader who gets all at once is seen.
QUESTION = directive(delay=0.02, rate=20, count=10)
PYTHON = "python -c pass"
SECTION = "Commands"

Environment = dict[str, str]


def commands(bench: Bench) -> list[Figure]:
    """`askcli` beside curl, HTTPie and llm, in turn."""
    server = next(iter(bench.ours().values()))
    environment = _environment(bench, server)
    whole = _present(bench, _subjects(server, directive()))
    streamed = _present(bench, _streaming(server))
    took: dict[str, list[float]] = {name: [] for name in whole}
    first: dict[str, list[float]] = {name: [] for name in streamed}
    last: dict[str, list[float]] = {name: [] for name in streamed}
    for _ in range(bench.pick(10, 2)):
        for name, command in whole.items():
            took[name].append(_run(command, environment)[0])
        for name, command in streamed.items():
            _, first_word, last_word = _run(command, environment)
            first[name].append(first_word)
            last[name].append(last_word)
    return [
        Figure(SECTION, "start to exit, the provider answering at once", "ms", took, PYTHON),
        Figure(SECTION, "start to first word", "ms", first, "curl"),
        Figure(SECTION, "provider's last word to exit", "ms", last, "curl"),
    ]


def _environment(bench: Bench, server: Server) -> Environment:
    """Return the environment of a user who has logged in."""
    home = bench.directory / "home"
    home.mkdir(exist_ok=True)
    environment = {
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "LC_ALL": "C.UTF-8",
        "ASKCLI_SERVER": server.url,
        "ANTHROPIC_BASE_URL": bench.provider_url,
        "ANTHROPIC_API_KEY": "sk-bench",
    }
    login = ["login", "--email", server.users[0].email, "--password-stdin"]
    ours.run(home, login, environment, PASSWORD + "\n")
    return environment


def _subjects(server: Server, question: str) -> dict[str, Callable[[], list[str]]]:
    """Return the commands that are run to their end."""
    return {
        PYTHON: lambda: [environments.command(environments.OURS, "python"), "-c", "pass"],
        "askcli --version": lambda: ours.command("--version"),
        "askcli ask": lambda: ours.command("ask", question),
        "curl": lambda: _curl(server, question, "application/json"),
        "HTTPie POST": lambda: _httpie(server, question, "application/json"),
        "llm": lambda: _llm(question),
    }


def _streaming(server: Server) -> dict[str, Callable[[], list[str]]]:
    """Return the commands that print an answer as it comes."""
    return {
        "askcli ask": lambda: ours.command("ask", QUESTION),
        "curl": lambda: _curl(server, QUESTION, "text/event-stream"),
        "HTTPie POST": lambda: [*_httpie(server, QUESTION, "text/event-stream"), "--stream"],
        "llm": lambda: _llm(QUESTION),
    }


def _curl(server: Server, question: str, accept: str) -> list[str]:
    token = f"x-access-token: {server.users[0].token}"
    headers = [token, "content-type: application/json", f"accept: {accept}"]
    flags = [flag for header in headers for flag in ("-H", header)]
    body = f'{{"question": "{question}"}}'
    return ["curl", "-fsSN", *flags, "-d", body, f"{server.url}/api/questions"]


def _httpie(server: Server, question: str, accept: str) -> list[str]:
    command = [environments.command("commands", "http"), "--ignore-stdin", "--check-status"]
    headers = [f"x-access-token:{server.users[0].token}", f"accept:{accept}"]
    url = f"{server.url}/api/questions"
    return [*command, "POST", url, f"question={question}", *headers]


def _llm(question: str) -> list[str]:
    return [environments.command("commands", "llm"), "-m", "claude-sonnet-4.5", question]


def _present(bench: Bench, subjects: dict[str, Callable[[], list[str]]]) -> dict[str, list[str]]:
    """Return the commands that are installed."""
    found = {}
    for name, make in subjects.items():
        try:
            found[name] = make()
        except MissingPeerError as error:
            bench.note(f"{name} was not measured: {error}")
    return found


def _run(command: list[str], environment: Environment) -> tuple[float, float, float]:
    """Return milliseconds: start to exit, start to first word, provider's last word to exit."""
    began = first = time.monotonic()
    output = b""
    with cores.pinned(cores.LOAD):
        process = subprocess.Popen(
            command,
            env=environment,
            cwd=environment["HOME"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    assert process.stdout
    assert process.stderr
    while data := os.read(process.stdout.fileno(), 65536):
        if not STAMP.search(output):
            first = time.monotonic()
        output += data
    code = process.wait()
    ended = time.monotonic()
    errors = process.stderr.read()
    process.stdout.close()
    process.stderr.close()
    if code:
        raise RuntimeError(f"{command[0]} failed: {errors.decode()[-500:]}")
    stamps = [float(stamp) for stamp in STAMP.findall(output)]
    last = max(stamps, default=ended)
    return (ended - began) * 1000, (first - began) * 1000, (ended - last) * 1000
