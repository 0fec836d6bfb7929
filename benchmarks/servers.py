"""The servers that are measured, each in a process of its own, and the requests to them."""

from __future__ import annotations

import http.client
import json
import secrets
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from benchmarks.peers.environments import MissingPeerError

SECRET = secrets.token_urlsafe(48)
PASSWORD = "correct horse battery"
PROXY_KEY = f"sk-{secrets.token_hex(32)}"
START_SECONDS = 90


@dataclass
class User:
    """A user of a server: the token, and the ids of some questions."""

    email: str
    token: str
    questions: list[str] = field(default_factory=list)


class Server:
    """A server on a port of this machine."""

    def __init__(self, name: str, port: int, pid: int) -> None:
        self.name, self.port, self.pid = name, port, pid
        self.host = "127.0.0.1"
        self.database = ""
        self.ask_path = "/api/questions"
        self.start_seconds, self.stores = 0.0, False
        self.stop: Callable[[], Any] = lambda: None
        self.users: list[User] = []

    @property
    def url(self) -> str:
        """The server's address."""
        return f"http://{self.host}:{self.port}"

    @property
    def address(self) -> dict[str, Any]:
        """The server's address, for the load generator."""
        return {"host": self.host, "port": self.port}

    @property
    def askers(self) -> list[User]:
        """The users with questions; others have only joined for streams."""
        return [user for user in self.users if user.questions]

    def megabytes(self) -> float:
        """Return the memory of the server and all that it has started."""
        process = psutil.Process(self.pid)
        family = [process, *process.children(recursive=True)]
        return float(sum(one.memory_info().rss for one in family) / 2**20)

    def call(self, method: str, path: str, body: Any = None, token: str = "") -> Any:
        """Send one request; returns the JSON of its response."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
        headers = {"content-type": "application/json", "x-access-token": token}
        connection.request(method, path, json.dumps(body) if body else None, headers)
        response = connection.getresponse()
        content = response.read()
        connection.close()
        if response.status // 100 != 2:
            raise RuntimeError(f"{self.name}: {method} {path}: {response.status} {content!r}")
        return json.loads(content) if content else None

    def add_users(self, count: int) -> None:
        """Register users and log them in."""
        for _ in range(count):
            email = f"{secrets.token_hex(8)}@example.org"
            account = {"name": "A person", "email": email, "password": PASSWORD}
            self.call("POST", "/api/users", account)
            self.log_in(email)

    def log_in(self, email: str) -> User:
        """Log a user in."""
        login = self.call("POST", "/api/auth/login", {"email": email, "password": PASSWORD})
        self.users.append(User(email, login["access_token"]))
        return self.users[-1]

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> str:
        """Return a request as it is sent."""
        content = json.dumps(body) if body is not None else ""
        lines = {"host": f"{self.host}:{self.port}", **headers}
        if content:
            lines |= {"content-type": "application/json", "content-length": str(len(content))}
        head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items())
        return f"{method} {path} HTTP/1.1\r\n{head}\r\n{content}"

    def asks(self, question: str, accept: str = "application/json") -> list[str]:
        """Return requests that ask a question, one for each user."""
        return [
            self.request(
                "POST",
                self.ask_path,
                {"question": question},
                x_access_token=user.token,
                accept=accept,
            )
            for user in self.users
        ]


class Proxy(Server):
    """A server that speaks the provider's protocol, or OpenAI's, and stores nothing."""

    def __init__(self, name: str, port: int, pid: int, path: str, model: str) -> None:
        super().__init__(name, port, pid)
        self.ask_path, self._model = path, model

    def asks(self, question: str, accept: str = "application/json") -> list[str]:
        """Return the request that asks a question."""
        body = {
            "model": self._model,
            "max_tokens": 4096,
            "stream": accept == "text/event-stream",
            "messages": [{"role": "user", "content": question}],
        }
        key = {"authorization": f"Bearer {PROXY_KEY}"}
        return [self.request("POST", self.ask_path, body, accept=accept, **key)]


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def started(
    command: Sequence[str], port: int, log: Path, ready: str = "/readyz", **environment: Any
) -> tuple[subprocess.Popen[bytes], float]:
    """Start a peer and wait until it is ready; returns the process and the seconds it took."""
    began = time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, **environment
        )
    while process.poll() is None and time.perf_counter() - began < START_SECONDS:
        if is_ready(port, ready):
            return process, time.perf_counter() - began
        time.sleep(0.005)
    process.kill()
    raise MissingPeerError(f"{command[0]} did not start: {log.read_text()[-2000:]}")


def is_ready(port: int, path: str) -> bool:
    """Whether a server answers with 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def killed(process: subprocess.Popen[bytes]) -> None:
    """Kill a process."""
    process.kill()
    process.wait()
    if process.stdout:
        process.stdout.close()
