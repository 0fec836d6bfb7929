"""What the suite keeps secret, and where it must never be found.

Every password and token that a test sends or gets is learned on its way through the test's own HTTP
clients and commands. What the product says or keeps is searched for all of them at the end.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx2
import pytest

SENT = ("password", "current_password", "new_password", "refresh_token")
GIVEN = ("access_token", "refresh_token", "token")
# The one place where each is to be found.
TOLD_IN = {"/api/auth/login", "/api/auth/refresh", "/api/tokens"}
SHORTEST = 10  # shorter ones were refused, and are words that any text may have


class Secrets:
    """All secrets of a test process."""

    def __init__(self, *known: str) -> None:
        self._known = set(known)
        self._responses: list[httpx2.Response] = []
        self._outputs: list[str] = []

    def learn(self, *found: Any) -> None:
        """Remember these."""
        self._known |= {one for one in found if isinstance(one, str) and len(one) >= SHORTEST}

    def learn_from(self, text: str | bytes, names: tuple[str, ...]) -> None:
        """Remember what a JSON object has under these names, however deep."""
        with suppress(ValueError, RecursionError):
            self._dig(json.loads(text), names)

    def _dig(self, value: Any, names: tuple[str, ...]) -> None:
        if isinstance(value, dict):
            self.learn(*(value.get(name) for name in names))
            for inner in value.values():
                self._dig(inner, names)

    @contextmanager
    def watching_http(self) -> Iterator[None]:
        """Learn from, and remember, all that this process's HTTP clients send and get."""
        with pytest.MonkeyPatch.context() as patch:
            for kind in (httpx2.Client, httpx2.AsyncClient):
                patch.setattr(kind, "build_request", self._learning(kind.build_request))
            patch.setattr(httpx2.Response, "__init__", self._remembering(httpx2.Response.__init__))
            yield

    def _learning(self, build: Any) -> Any:
        def built(*args: Any, **more: Any) -> httpx2.Request:
            if isinstance(more.get("json"), dict):
                self._dig(more["json"], SENT)
            return build(*args, **more)  # type: ignore[no-any-return]

        return built

    def _remembering(self, init: Any) -> Any:
        def made(response: httpx2.Response, *args: Any, **more: Any) -> None:
            init(response, *args, **more)
            self._responses.append(response)

        return made

    def note_output(self, output: str) -> None:
        """Remember what a command has said."""
        self._outputs.append(output)

    def found_in(self, text: str) -> list[str]:
        """The secrets that the text holds, and whatever looks like a token."""
        return [one for one in self._known if one in text]

    def check(self) -> int:
        """Search all responses and outputs; returns how many there were."""
        bodies = []
        for response in self._responses:
            path = response._request.url.path if response._request else ""
            if hasattr(response, "_content"):
                if path in TOLD_IN and response.is_success:
                    self.learn_from(response.content, GIVEN)
                else:
                    bodies.append(f"{path} {response.headers} {response.text}")
        for text in (*bodies, *self._outputs):
            assert not self.found_in(text), text[:300]
        return len(bodies) + len(self._outputs)
