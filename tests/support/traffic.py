"""What people do all day, through one address: asks, reads and logins, each counted."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, Self
from uuid import uuid4

import httpx2

from tests.support import plain_http
from tests.support.cli import Cli
from tests.support.fake_anthropic import FakeAnthropic
from tests.support.people import Person
from tests.support.secrets import PASSWORD
from tests.support.streams import STREAM
from tests.support.waiting import eventually

# Two answers that take half a second and six; their texts.
PIECES, LONG_PIECES, PAUSE = 5, 60, 0.1


class Traffic:
    """Clients without any retries, and `askcli ask`, which has them; each in a loop of its own.

    `acknowledged` has the id of each question whose whole answer a client got, and its text. nginx
    before 1.27.4 `closes_idle` connections when it reloads, and the request that comes just then is
    lost unread: it is no failure of a server's.
    """

    def __init__(self, url: str, fake: FakeAnthropic, *, closes_idle: bool = False) -> None:
        self.outcomes, self.failures = Counter[str](), list[str]()
        self.acknowledged = dict[str, str]()
        self.marker = uuid4().hex
        self._url, self._closes_idle = url, closes_idle
        self._over = threading.Event()
        self._threads = list[threading.Thread]()
        self._clients = ExitStack()
        pieces = [f"word{number} " for number in range(LONG_PIECES)]
        fake.on(f"long {self.marker}", *pieces, pause=PAUSE)
        fake.on(f"short {self.marker}", *pieces[:PIECES], pause=PAUSE)
        self._answers = {"long": "".join(pieces), "short": "".join(pieces[:PIECES])}

    def begin(self, people: Sequence[Person], cli: Cli) -> None:
        """Let each of them do everything, beside one another."""
        for person in people:
            for is_kept in (True, False):
                self._repeat("ask", self._ask, self._client(person, is_kept))
                self._repeat("stream", self._stream, self._client(person, is_kept), "short")
                self._repeat("long stream", self._stream, self._client(person, is_kept), "long")
            self._repeat("read", self._read, self._client(person, True))
            self._repeat("login", self._log_in, person)
        self._repeat("askcli ask", self._command, cli)

    def _client(self, person: Person, is_kept: bool) -> httpx2.Client:
        """A client whose connections are kept for its next request, or not."""
        headers = dict(person.http.headers) | ({} if is_kept else {"connection": "close"})
        return self._clients.enter_context(plain_http.client(self._url, headers=headers))

    def _repeat(self, kind: str, work: Callable[..., None], *arguments: object) -> None:
        def loop() -> None:
            while not self._over.is_set():
                try:
                    work(*arguments)
                except Exception as error:  # noqa: BLE001 - each is a failure that is counted
                    if self._closes_idle and "without sending a response" in str(error):
                        self.outcomes[f"{kind} unread"] += 1
                        continue
                    self.failures.append(f"{time.monotonic():.2f} {kind}: {error!r}"[:400])
                    self.outcomes[f"{kind} failed"] += 1
                else:
                    self.outcomes[kind] += 1
                self._over.wait(0.05)

        self._threads.append(threading.Thread(target=loop))
        self._threads[-1].start()

    def wait(self, count: int = 60) -> None:
        """Wait until so many more requests are over."""
        until = self.outcomes.total() + count
        eventually(lambda: self.outcomes.total() >= until)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Let what is under way end, and begin no more."""
        self._over.set()
        for thread in self._threads:
            thread.join(60)
        self._clients.close()

    def _question(self, kind: str) -> str:
        return f"{kind} {self.marker} {uuid4().hex}"

    def _note(self, question: dict[str, str], text: str, kind: str) -> None:
        assert (question["status"], text) == ("answered", self._answers[kind]), question
        self.acknowledged[question["id"]] = text

    def _ask(self, http: httpx2.Client) -> None:
        response = http.post("/api/questions", json={"question": self._question("short")})
        assert response.status_code == 201, (response.status_code, response.text)
        self._note(response.json(), response.json()["answer"], "short")

    def _stream(self, http: httpx2.Client, kind: str) -> None:
        body, text, asked = {"question": self._question(kind)}, "", ""
        with http.stream("POST", "/api/questions", json=body, headers=STREAM) as response:
            assert response.status_code == 200, (response.status_code, response.read())
            for event in httpx2.EventSource(response):
                data = json.loads(event.data)
                if event.event == "question":
                    asked = data["id"]
                elif event.event == "delta":
                    # A proxy that held it back would have done so until the end.
                    assert kind == "short" or text or self._is_answering(http, asked), "held back"
                    text += data["text"]
        assert event.event == "done", (event, text)
        self._note(data, text, kind)

    @staticmethod
    def _is_answering(http: httpx2.Client, question_id: str) -> bool:
        return bool(_ok(http.get(f"/api/questions/{question_id}"))["status"] == "answering")

    def _read(self, http: httpx2.Client) -> None:
        page = _ok(http.get("/api/users/me/questions", params={"limit": "5"}))
        for item in page["items"][:2]:
            _ok(http.get(f"/api/questions/{item['id']}"))
        _ok(http.get("/api/users/me/questions", params={"search": "word3", "limit": "5"}))

    def _log_in(self, person: Person) -> None:
        with plain_http.client(self._url) as http:
            login = {"email": person.email, "password": PASSWORD}
            tokens = _ok(http.post("/api/auth/login", json=login))
            for _ in range(3):
                body = {"refresh_token": tokens["refresh_token"]}
                tokens = _ok(http.post("/api/auth/refresh", json=body))
                headers = {"x-access-token": tokens["access_token"]}
                _ok(http.get("/api/sessions", headers=headers))
            assert http.post("/api/auth/logout", headers=headers).status_code == 204

    def _command(self, cli: Cli) -> None:
        done = cli("ask", "--json", self._question("short"))
        assert done.code == 0, done
        question = json.loads(done.out)
        self._note(question, question["answer"], "short")


def _ok(response: httpx2.Response) -> dict[str, Any]:
    assert response.status_code == 200, (str(response.url), response.status_code, response.text)
    return dict(response.json())
