"""One run: its provider, its databases, its servers, the time that is left."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks import cores, ours
from benchmarks.databases import Databases
from benchmarks.peers import environments, starting
from benchmarks.peers.environments import MissingPeerError
from benchmarks.provider import directive
from benchmarks.servers import Server, killed

ROOT = Path(__file__).parents[1]
USERS, QUESTIONS = 3, 360  # each is asked over HTTP
DATABASES = ("SQLite", "PostgreSQL")

Rounds = dict[str, list[dict[str, Any]]]


class FailedRequestsError(RuntimeError):
    """A request of a load got another answer than the one that is measured."""


class Bench:
    """What the sections of a run share; servers are started when they are first needed."""

    def __init__(self, *, is_quick: bool, end: float, kinds: list[str], url: str = "") -> None:
        """`kinds` are the databases of ours, `url` that of a PostgreSQL; else one is started.

        `end` is a time of `time.monotonic`.
        """
        self.is_quick, self.kinds = is_quick, kinds
        self.notes: list[str] = []
        self.failures: list[str] = []
        self.stack = ExitStack()
        self.directory = Path(tempfile.mkdtemp(prefix="askcli-bench-"))
        self.stack.callback(shutil.rmtree, self.directory, ignore_errors=True)
        self.databases = Databases(self.stack, self.directory, url)
        self._end = end
        self._servers: dict[str, Server] = {}
        self.provider = self._start_provider()
        self.provider_url = f"http://127.0.0.1:{self.provider}"

    def close(self) -> None:
        """Stop all servers, and delete what the run has written."""
        self.stack.close()

    def left(self) -> float:
        """Return the seconds until the end of the run's time."""
        return self._end - time.monotonic()

    def pick(self, full: Any, quick: Any) -> Any:
        """Return the one for this kind of run."""
        return quick if self.is_quick else full

    def note(self, text: str) -> None:
        """Add to what the report says below its tables, once."""
        if text not in self.notes:
            self.notes.append(text)

    def interleaved(self, subjects: Mapping[str, Callable[[], dict[str, Any]]]) -> Rounds:
        """Measure the subjects in turn, A B A B, for the rounds of this run."""
        rounds: Rounds = {name: [] for name in subjects}
        for number in range(self.pick(3, 1)):
            if number and self.left() < 0:
                break
            for name, measure in subjects.items():
                rounds[name].append(measure())
        return rounds

    def start_load(self, **groups: dict[str, Any]) -> Load:
        """Start the load generator with these groups."""
        return Load(groups)

    def load(self, **groups: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """Run the load generator with these groups; returns what it measured of each."""
        return Load(groups).result()

    def ours(self, *peers: str) -> dict[str, Server]:
        """Return ours on each database, and these peers; one that is missing is noted."""
        found = {f"askcli, {kind}": self._shared(kind) for kind in self.kinds}
        for peer in peers:
            try:
                found[peer] = self.peer(peer)
            except MissingPeerError as error:
                self.note(f"{peer} was not measured: {str(error).splitlines()[0]}")
        return found

    def _shared(self, kind: str) -> Server:
        """Return a server of ours, with users and questions, that the sections share."""
        if kind not in self._servers:
            server = ours.start(self, kind, self.databases.new(kind))
            self._servers[kind] = self.filled(server)
        return self._servers[kind]

    def peer(self, name: str) -> Server:
        """Return a peer that the sections share. Raises MissingPeerError."""
        if name not in self._servers:
            server = starting.start(self, name)
            self._servers[name] = self.filled(server) if server.stores else server
        return self._servers[name]

    def filled(self, server: Server) -> Server:
        """Register users of a server, each with answered questions, over HTTP."""
        server.add_users(USERS)
        self.load(
            fill={
                "kind": "closed",
                "server": server.address,
                "requests": server.asks(directive()),
                "connections": 20,
                "limit": QUESTIONS,
            }
        )
        for user in server.users:
            page = server.call("GET", "/api/users/me/questions?limit=100", token=user.token)
            user.questions = [question["id"] for question in page["items"]]
        return server

    def _start_provider(self) -> int:
        with cores.pinned(cores.LOAD):
            process = subprocess.Popen(
                [_python(), "-m", "benchmarks.provider"], stdout=subprocess.PIPE, cwd=ROOT
            )
        self.stack.callback(killed, process)
        assert process.stdout
        return int(process.stdout.readline())


def _python() -> str:
    """Return the Python of the servers, for what sends to them and answers them as well."""
    return environments.command(environments.OURS, "python")


class Load:
    """A load generator that runs."""

    def __init__(self, groups: Mapping[str, dict[str, Any]]) -> None:
        self._groups = groups
        with cores.pinned(cores.LOAD):
            self._process = subprocess.Popen(
                [_python(), "-m", "benchmarks.load"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                cwd=ROOT,
            )
        assert self._process.stdin
        self._process.stdin.write(json.dumps(groups).encode())
        self._process.stdin.close()
        self._process.stdin = None

    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def result(self) -> dict[str, dict[str, Any]]:
        """Wait for it; returns what it measured of each group. Raises FailedRequestsError."""
        out, _ = self._process.communicate()
        if self._process.returncode:
            raise FailedRequestsError("the load generator failed")
        measured: dict[str, dict[str, Any]] = json.loads(out)
        for name, group in measured.items():
            if group["errors"]:
                server = self._groups[name]["server"]
                raise FailedRequestsError(f"{name} of {server}: {group['errors']}")
        return measured
