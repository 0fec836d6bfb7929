"""Event streams as a client reads them, and asks that are cut off."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field

import httpx2

from tests.support.people import Address, Person

STREAM = {"accept": "text/event-stream"}


@dataclass
class Seen:
    """What one client got of its question: the length of the text, and when."""

    key: str
    question_id: str = ""
    text: list[tuple[float, int]] = field(default_factory=list)


def ask_until_cut(person: Person, server: Address, seen: Seen) -> None:
    """Stream an answer until it ends or the connection breaks, noting what came."""
    headers = STREAM | {"idempotency-key": seen.key}
    body = {"question": seen.key}
    length = 0
    try:
        with (
            person.at(server) as http,
            http.stream("POST", "/api/questions", json=body, headers=headers) as response,
        ):
            for event in httpx2.EventSource(response):
                data = json.loads(event.data)
                if event.event == "question":
                    seen.question_id = data["id"]
                elif event.event == "delta":
                    length += len(data["text"])
                    seen.text.append((time.monotonic(), length))
    except httpx2.TransportError:
        pass
