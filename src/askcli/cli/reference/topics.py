"""Help topics: exit codes, ids, times, settings, JSON."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from askcli.contract.shapes import (
    ApiToken,
    ApiTokenList,
    Conversation,
    Imported,
    Model,
    ModelList,
    NewApiToken,
    Question,
    QuestionPage,
    Removed,
    Session,
    SessionList,
    Usage,
    UsageList,
    User,
)
from askcli.contract.validation import required_fields
from askcli.problems import BY_CODE, Problem, QuotaLeft
from askcli.settings import Settings, secret_variables, variable_name

EXIT_CODES = {
    0: "answered, whole",
    1: "another failure",
    2: "invalid command, input or settings",
    4: "not logged in, or refused",
    5: "the server or the model failed",
    6: "unreachable, or timed out",
    7: "a rate or quota limit",
    130: "Ctrl-C",
    141: "the reader closed the pipe",
}

# The shapes that the commands print under --json.
JSON = {
    "ask, history show": "Question",
    "history list, history search": "QuestionPage",
    "history show --conversation": "Conversation, with questions: [Question]",
    "history export": "Question, a line each (jsonl), or {items: [Question]} (json)",
    "batch": "Question, a line each, with row and row_id",
    "history delete": "Removed",
    "history import": "Imported, with left_out: {reason: number}",
    "conversations list": "{items: [Conversation]}",
    "conversations show": "Conversation, with questions: [Question]",
    "conversations export": "{items: a list of such objects}",
    "conversations rename": "Conversation",
    "conversations delete": "{deleted: the number of conversations}",
    "usage": "UsageList",
    "models": "ModelList",
    "register, login": "User",
    "whoami": "User, with server",
    "whoami --sessions": "SessionList",
    "token list": "ApiTokenList",
    "token create": "NewApiToken",
    "status": "{version, server, account, state, …, problems: [{code, detail}]}",
    "config, config get": "{name: value}",
    "audit, users, invite list": "{items: […]}, with the columns of their lists",
    "users show, invite create": "an object of what they show",
    "users export": "that of users show, with audit: […] and questions: [Question]",
    "users quota": "{tokens_day, tokens_month, usd_day, usd_month: {limit, used}}",
    "users retention": "{days, source}",
    "store copy": "{tables: {name: {rows, sha256}}}",
}
_SHAPES: tuple[type, ...] = (
    Question, QuestionPage, Conversation, Removed, Imported, Usage, UsageList, Model, ModelList,
    User, Session, SessionList, ApiToken, NewApiToken, ApiTokenList, Problem, QuotaLeft,
)  # fmt: skip


def exit_codes() -> str:
    """Return a table of exit codes and their errors."""
    lines = ["code  meaning"]
    for code, meaning in EXIT_CODES.items():
        kinds = [kind.code for kind in BY_CODE.values() if kind.exit_code == code]
        lines.append(f"{code:4}  {meaning}")
        lines += _wrapped(", ".join(kinds), 6)
    lines += [
        "",
        "`askcli migrate --check`: 8 where the schema is behind, 9 where it cannot be used.",
        "Never 0 when there is no whole answer. Under --json, stderr has the code:",
    ]
    lines += ['{"error": {"code", "detail", "exit_code", "question_id"?, "retry_after"?, …}}']
    return "\n".join(lines)


_IDS = """\
An id names a question. Where a conversation is meant, @ and first digits are still those of a
question, and mean its conversation; a whole id is the conversation's own.

01a2abcd-…       the whole id, as JSON, pipes and `history show` have it
01a2abcd         its first digits, four or more, if no other of your questions begins so
@                the last question
@2, @3 … @9999   the one before, and so on: as `history list` numbers them on a terminal

The last question is the newest that the server has of your account, whichever terminal, batch or
program asked it, and while it is being answered, too. When another is asked, all numbers move on
by one, and an id stays: scripts take ids. `history show`, `ask --retry` and `ask --rejoin`
without an id mean the last question: `history show -x` is the code of its answer. A word after
`--retry` is taken for its id."""

_TIMES = """\
Times that options take, such as --since, --until and --older-than (quote those with blanks):

90s, 30min, 36h            seconds, minutes or hours before now
2d, 1w, "3 months", 1y     days, weeks, months or years before now, at this time of the day
"2 h ago", "an hour ago"   the same, in words
now, today, yesterday      a day is its beginning, at 0:00
monday … sunday            the latest such day, which may be today
"last monday"              the latest before today
"this week", "last week"   its Monday; so month and year, their first day
"yesterday 14:30"          that time of the day; "monday 9:00"
2026-01-31, 2026-01-31T12:00, 2026-01-31T12:00:00Z

They are local unless they say otherwise (Z, +02:00). Days and longer are counted on the local
calendar, across changes of the clocks; of a local time that comes twice, the first is meant.
On a terminal, lists say how long ago something was, `history show` shows the local time in full;
JSON, CSV and pipes have RFC 3339 in UTC."""


def ids() -> str:
    """Return how an option or argument names a question."""
    return _IDS


def times() -> str:
    """Return the times that options take."""
    return _TIMES


_CLIENTS_SETTINGS = """\
`.env.example`, in a checkout, explains the server's settings. The client's:

  server        URL of the server; unset: one on this machine, started on demand
  profile       name of the login to use, as given with `askcli login --profile`
  token         an API token, used instead of a login
  timeout       seconds for a command; in a chat for an answer, in a batch for a response
  editing_mode  keys of a chat's prompt: emacs or vi
  idle_seconds  idle seconds after which the server on demand stops
  config_dir    directory of the config file and the saved logins"""


def settings() -> str:
    """Return a list of settings: name, environment variable and default."""
    lines = [
        "Flags override environment variables, which override the config file (askcli config).",
        "A secret may be in a file whose path is given with _FILE after the variable's name:",
        f"{', '.join(secret_variables())}.",
        "",
    ]
    for setting in fields(Settings):
        if "parse" in setting.metadata:
            default = "" if setting.default in (None, ()) else _default(setting.default)
            lines.append(f"{setting.name:24}{variable_name(setting.name):32}{default}".rstrip())
    return "\n".join([*lines, "", _CLIENTS_SETTINGS])


def _default(value: Any) -> str:
    if hasattr(value, "seconds"):
        return f"{value.count}/{value.seconds}" if value.count else "off"
    return "" if str(value) == "." else str(value)


def json() -> str:
    """Return the shapes that are printed under --json."""
    lines = [f"{commands:32}{shape}" for commands, shape in JSON.items()]
    lines += [
        "",
        "Id (a UUID), Time (RFC 3339, in UTC), Day (2026-01-31): strings. A field? may be missing.",
    ]
    for shape in _SHAPES:
        lines += ["", f"{shape.__name__}: {(shape.__doc__ or '').strip().splitlines()[0]}"]
        lines += _fields(shape)
    return "\n".join(lines)


def _fields(shape: type) -> list[str]:
    """Return a line for each field; one that may be missing has a `?`."""
    required = required_fields(shape)
    return [
        f"  {name if name in required else f'{name}?':20}{_kind(annotation)}"
        for name, annotation in shape.__annotations__.items()
    ]


def _kind(annotation: Any) -> str:
    kind = str(getattr(annotation, "__forward_arg__", annotation)).replace("None", "null")
    return re.sub(r"^NotRequired\[(.*)\]$", r"\1", kind)


def _wrapped(text: str, indent: int) -> list[str]:
    from textwrap import wrap

    return [" " * indent + line for line in wrap(text, 72)]


TOPICS: dict[str, Callable[[], str]] = {
    "exit-codes": exit_codes,
    "ids": ids,
    "times": times,
    "settings": settings,
    "json": json,
}
