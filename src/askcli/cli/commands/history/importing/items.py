"""Questions as the server's import takes them, and what is left out of them."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from askcli.cli.output.terminal import console
from askcli.contract.limits import (
    MAX_BODY_BYTES,
    MAX_IMPORTED,
    MAX_IMPORTED_ANSWER_CHARACTERS,
    MAX_QUESTION_CHARACTERS,
    MAX_SYSTEM_CHARACTERS,
    MAX_TITLE_CHARACTERS,
)
from askcli.contract.patterns import ONE_LINE

Item = dict[str, Any]

WITHOUT_TEXT = "(without text)"
# Room for what a request has besides its items.
_MAX_BYTES = MAX_BODY_BYTES - 1024
_ONE_LINE = re.compile(ONE_LINE)
_MAX_CHARACTERS = {
    "question": MAX_QUESTION_CHARACTERS,
    "system": MAX_SYSTEM_CHARACTERS,
    "answer": MAX_IMPORTED_ANSWER_CHARACTERS,
}


def item(**fields: Any) -> Item:
    """Return a question without the fields that are not known, its texts such as can be stored."""
    item_ = {name: value for name, value in fields.items() if _is_known(value)}
    for name, value in item_.items():
        if isinstance(value, str) or name in ("question", "answer", "system", "model"):
            item_[name] = _storable(str(value))
    if not item_.get("question", "").strip():
        item_["question"] = WITHOUT_TEXT
    item_.setdefault("answer", "")
    item_["model"] = _line(item_.get("model"), 200) or "unknown"
    if title := _line(item_.pop("title", None), MAX_TITLE_CHARACTERS):
        item_["title"] = title
    return item_


def _is_known(value: object) -> bool:
    return value not in (None, "") and not (isinstance(value, float) and not math.isfinite(value))


def _storable(text: str) -> str:
    """Return the text without NUL, which PostgreSQL stores in no text, and halves of characters."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _line(text: object, most: int) -> str | None:
    """Return the text as one line of so many characters, None if the server would refuse it."""
    line = " ".join(_storable(str(text or "")).split())[:most].strip()
    return line if _ONE_LINE.fullmatch(line) else None


def requests(items: Iterable[Item], left_out: Counter[str]) -> Iterator[list[Item]]:
    """Yield the questions of one request each; count those that are too long for any."""
    batch: list[Item] = []
    room = _MAX_BYTES
    for item_ in items:
        size = len(console.as_json(item_).encode()) + 2
        if size > _MAX_BYTES or _is_too_long(item_):
            left_out["too long"] += 1
            yield []
            continue
        if batch and (len(batch) == MAX_IMPORTED or size > room):
            yield batch
            batch, room = [], _MAX_BYTES
        batch.append(item_)
        room -= size
    if batch:
        yield batch


def _is_too_long(item_: Item) -> bool:
    return any(len(item_.get(name, "")) > most for name, most in _MAX_CHARACTERS.items())
