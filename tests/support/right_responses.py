"""What askcli's server answers to each command, for servers that answer wrongly somewhere."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from tests.support.hostile import Response

ID = str(UUID(int=7))
TIME = "2026-01-31T12:00:00Z"
USER = {"id": ID, "name": "A", "email": "a@b.example", "created_at": TIME}
TOKENS = {
    "access_token": "a" * 40,
    "refresh_token": "r" * 40,
    "token_type": "Bearer",
    "expires_in": 0,  # so that each command refreshes
    "user": USER,
}
TOKEN = {
    "id": ID,
    "name": "nightly",
    "scopes": ["ask"],
    "created_at": TIME,
    "expires_at": TIME,
    "last_used_at": None,
}
SESSION = {
    "id": ID,
    "client": "askcli",
    "address": None,
    "created_at": TIME,
    "last_used_at": TIME,
    "current": True,
}
QUESTION = {
    "id": ID,
    "user_id": ID,
    "conversation_id": ID,
    "question": "Why?",
    "system": None,
    "answer": "So.",
    "status": "answered",
    "stop_reason": "end_turn",
    "error": None,
    "model": "m",
    "max_tokens": None,
    "input_tokens": 3,
    "output_tokens": 7,
    "cost_usd": 0.1,
    "created_at": TIME,
    "answered_at": TIME,
}
USAGE = {
    "day": "2026-01-31",
    "model": "m",
    "questions": 1,
    "input_tokens": 3,
    "output_tokens": 7,
    "cost_usd": 0.1,
}
MODELS = {"items": [{"id": "m", "answerer": "x", "description": "y"}], "default": "m"}
READY = {
    "status": "ok",
    "version": "1",
    "database": "sqlite",
    "registration": {"policy": "open", "reason": "z"},
}
PROBLEM = {
    "type": "about:blank",
    "title": "Too many",
    "status": 429,
    "detail": "Enough.",
    "code": "quota_exceeded",
    "request_id": "1",
    "question_id": ID,
    "errors": [{"field": "f", "message": "m"}],
    "quota": {
        "unit": "usd",
        "period": "day",
        "limit": 1.0,
        "used": 2.0,
        "left": 0.0,
        "resets_at": TIME,
    },
}
STARTED = QUESTION | {"answer": "", "status": "answering"}
EVENTS = [
    {"event": "question", "id": "", "data": STARTED},
    {"event": "delta", "id": "3", "data": {"text": "So."}},
    {"event": "done", "id": "", "data": QUESTION},
]
FAILED = [EVENTS[0], {"event": "error", "id": "", "data": PROBLEM}]

# What each command gets from its endpoint; a list of events is sent as a stream.
COMMANDS: dict[tuple[str, ...], tuple[str, Any]] = {
    ("ask", "--timeout", "1", "hi"): ("POST /api/questions", EVENTS),
    ("ask", "--timeout", "1", "--json", "hi"): ("POST /api/questions", EVENTS),
    ("ask", "--timeout", "1", "--ndjson", "hi."): ("POST /api/questions", FAILED),
    ("history", "list"): (
        "GET /api/users/me/questions",
        {"items": [QUESTION], "next_cursor": None},
    ),
    ("history", "search", "so"): (
        "GET /api/users/me/questions",
        {"items": [QUESTION], "next_cursor": None},
    ),
    ("history", "export", "--format", "csv"): (
        "GET /api/users/me/questions",
        {"items": [QUESTION, QUESTION], "next_cursor": None},
    ),
    ("history", "export", "--format", "markdown"): (
        "GET /api/users/me/questions",
        {"items": [QUESTION], "next_cursor": None},
    ),
    ("history", "show", ID): (f"GET /api/questions/{ID}", QUESTION),
    ("history", "show", "0000"): (
        "GET /api/users/me/questions",
        {"items": [QUESTION], "next_cursor": None},
    ),
    ("history", "delete", "--older-than", "1d", "--yes"): (
        "DELETE /api/users/me/questions",
        {"deleted": 1},
    ),
    ("usage",): ("GET /api/users/me/usage", {"items": [USAGE]}),
    ("models",): ("GET /api/models", MODELS),
    ("status",): ("GET /readyz", READY),
    ("whoami",): ("GET /api/users/me", USER),
    ("whoami", "--json"): ("POST /api/auth/refresh", TOKENS),
    ("login", "--email", "a@b.example", "--password-stdin"): ("POST /api/auth/login", TOKENS),
    ("token", "list"): ("GET /api/tokens", {"items": [TOKEN]}),
    ("token", "create", "x", "--scope", "ask"): ("POST /api/tokens", TOKEN | {"token": "askcli_x"}),
    ("whoami", "--sessions"): ("GET /api/sessions", {"items": [SESSION]}),
    ("openapi",): ("GET /openapi.json", {"openapi": "3.1.0"}),
}
RIGHT = dict(COMMANDS.values()) | {"POST /api/auth/refresh": TOKENS, "POST /api/auth/login": TOKENS}


def response(content: Any) -> Response:
    """A response with this JSON, or these events."""
    if not (isinstance(content, list) and content and isinstance(content[0], dict)):
        return Response(body=json.dumps(content).encode())
    lines = (
        "".join(f"{name}: {_value(value)}\n" for name, value in event.items()) + "\n"
        for event in content
        if isinstance(event, dict)
    )
    body = "".join(lines).encode("utf-8", "replace")
    return Response(body=body, headers={"content-type": "text/event-stream"})


def _value(value: Any) -> str:
    return json.dumps(value) if isinstance(value, dict | list) else str(value)
