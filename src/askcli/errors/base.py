"""The base class of all errors that a user is shown."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar, Self


@dataclass(eq=False)
class AskcliError(Exception):
    """Base class of all errors that a user is shown.

    `detail` is one line without a secret: what happened, how to fix it. `retry_after` is seconds.
    """

    code: ClassVar[str] = "server_error"
    title: ClassVar[str] = "The server failed"
    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 5
    default: ClassVar[str] = ""

    detail: str = ""
    _: KW_ONLY
    retry_after: int | None = None
    question_id: str | None = None
    question_status: str | None = None
    errors: list[dict[str, str]] | None = None
    request_id: str | None = None
    quota: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        self.detail = self.detail or self.default or f"{self.title}."
        super().__init__(self.detail)

    def copy(self) -> Self:
        """Return a copy without a cause or a traceback, whose frames keep all that is in them."""
        copy = type(self).__new__(type(self), *self.args)
        copy.__dict__.update(self.__dict__)
        return copy
