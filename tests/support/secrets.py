"""The suite's secrets, and the search for them in all that the product outputs or stores.

Every password and token that a test sends or gets is learned on its way through the test's own HTTP
clients and commands. What the product says or keeps is searched for all of them at the end.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx2
import pytest

PASSWORD = "correct horse battery"
SECRET = secrets.token_urlsafe(48)  # one that was published, a server refuses
KEY = "sk-ant-the-key-of-the-tests"

SENT = ("password", "current_password", "new_password", "refresh_token")
GIVEN = ("access_token", "refresh_token", "token")
# The one place where each is to be found.
TOLD_IN = {"/api/auth/login", "/api/auth/refresh", "/api/tokens"}
LONG = 4000  # a text that is not kept until the end: thousands of them would fill the memory
# Of the examples in the OpenAPI document, which the tests send as they stand.
PUBLISHED = {"engine of analysis", "difference engine", "the refresh_token of your login"}
SHORTEST = 10  # shorter ones were refused, and are words that any text may have
# A token in a text has its last 34 characters there, and one of their 27 parts of eight begins at a
# position that is a multiple of 27. What is shorter than a token is rare.
PART, END = 8, 34
STEP = END - PART + 1
ALIKE = 840  # a multiple of up to eight: the lengths of what large texts repeat


class Secrets:
    """All secrets of a test process."""

    def __init__(self, *known: str) -> None:
        self._known: set[str] = set()
        self._short: list[str] = []
        self._with_part: dict[str, list[str]] = {}  # the tokens with a part in their ends
        self._longest = 0
        self._texts: list[str] = []
        for one in known:
            self._add(one)

    def learn(self, *found: Any) -> None:
        """Remember these, unless any text could have them: short ones, and runs of a letter."""
        texts = [one for one in found if isinstance(one, str) and one not in PUBLISHED]
        for one in texts:
            if len(one) >= SHORTEST and len(set(one)) >= 5 and one not in self._known:
                self._add(one)

    def _add(self, secret: str) -> None:
        self._known.add(secret)
        self._longest = max(self._longest, len(secret))
        if len(secret) < END:
            self._short.append(secret)
            return
        end = secret[-END:]
        for start in range(STEP):
            self._with_part.setdefault(end[start : start + PART], []).append(secret)

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
        """Learn from, and look through, all that this process's HTTP clients send and get."""
        with pytest.MonkeyPatch.context() as patch:
            for kind in (httpx2.Client, httpx2.AsyncClient):
                patch.setattr(kind, "build_request", self._learning(kind.build_request))
            patch.setattr(httpx2.Response, "read", self._reading(httpx2.Response.read))
            patch.setattr(httpx2.Response, "aread", self._areading(httpx2.Response.aread))
            yield

    def _learning(self, build: Any) -> Any:
        def built(*args: Any, **more: Any) -> httpx2.Request:
            if isinstance(more.get("json"), dict):
                self._dig(more["json"], SENT)
            return build(*args, **more)  # type: ignore[no-any-return]

        return built

    def _reading(self, read: Any) -> Any:
        def done(response: httpx2.Response) -> bytes:
            content: bytes = read(response)
            self._look_through(response)
            return content

        return done

    def _areading(self, read: Any) -> Any:
        async def done(response: httpx2.Response) -> bytes:
            content: bytes = await read(response)
            self._look_through(response)
            return content

        return done

    def _look_through(self, response: httpx2.Response) -> None:
        path = response.request.url.path
        if path in TOLD_IN and response.is_success:
            self.learn_from(response.content, GIVEN)
        else:
            self.note_output(f"{path} {dict(response.headers)} {response.text}")

    def note_output(self, text: str) -> None:
        """Look through what the product has said, and again at the end if it is short."""
        found = self.found_in(text)
        assert not found, (found, text[:300])  # all of them are the suite's own
        if len(text) < LONG:
            self._texts.append(text)

    def found_in(self, text: str) -> list[str]:
        """The secrets that the text holds: thousands are looked for in one pass."""
        short = without_runs(text, -(-self._longest // ALIKE) * ALIKE)
        parts = (short[start : start + PART] for start in range(0, len(short), STEP))
        candidates = [self._with_part[part] for part in self._with_part.keys() & parts]
        return [one for one in set(self._short).union(*candidates) if one in short]

    def check(self) -> None:
        """Look through all texts again, now that all secrets are known."""
        for text in self._texts:
            assert not self.found_in(text), text[:300]


def without_runs(text: str, longest: int) -> str:
    """Shorten what repeats itself; no part of the text up to the `longest` appears or is lost.

    Tests store megabytes of it, and to look for hundreds of secrets there takes seconds.
    """
    pieces, before = [], ("", "")
    for start in range(0, len(text), longest):
        piece = text[start : start + longest]
        if before != (piece, piece):  # a third one has no other neighbours than those two
            pieces.append(piece)
        before = (before[1], piece)
    return "".join(pieces)


SECRETS = Secrets(PASSWORD, SECRET, KEY)
