"""What users do with questions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from askcli.client.resume import Asking
from askcli.contract.protocol import EVENT_DELTA, EVENT_DONE, EVENT_QUESTION
from askcli.errors import AskcliError, NotFound
from tests.simulation.at_shell import AtShell
from tests.simulation.provider import MAX_TOKENS, MODELS
from tests.simulation.shell import Shell
from tests.simulation.users import Asked, Attempt

# What may be asked again with the same key after these, as a batch does.
AGAIN = ("unreachable", "database_unavailable", "unavailable", "interrupted", "provider_overloaded")


class Asks(AtShell):
    """Asking, continuing, rejoining, cancelling, deleting and listing questions."""

    def _api_token(self) -> str:
        raise NotImplementedError

    def _ask(self, shell: Shell, asked: list[Asked]) -> None:
        if not asked:
            marker, body = self._begin()
            if self._random.random() < 0.7:
                body["system"] = f"the system text of {marker}"
            if self._random.random() < 0.3:
                body |= {"model": MODELS[1], "max_tokens": MAX_TOKENS - 10}
            self._keep(asked, Asked(self.user.number, marker, f"key {marker}", body))
        self._ask_again(shell, asked[0])

    def _continue(self, shell: Shell, asked: list[Asked]) -> None:
        """Ask on in the last conversation, of this shell or of any, as `askcli ask -c` does."""
        earlier = [a for a in self.user.asked if a.conversation_id]
        own = [a for a in earlier if a.shell == self.name]
        if not asked and earlier:
            last = (own if own and self._random.random() < 0.5 else earlier)[-1]
            marker, body = self._begin()
            body["conversation_id"] = last.conversation_id
            turns = [a for a in earlier if a.conversation_id == last.conversation_id and a.is_done]
            before = frozenset(a.marker for a in turns)
            one = Asked(self.user.number, marker, f"key {marker}", body, before=before)
            self._keep(asked, one)
        self._ask(shell, asked)

    def _script(self, shell: Shell, asked: list[Asked]) -> None:
        """Ask with an API token, as ASKCLI_TOKEN gives it."""
        if not asked:
            token = self._api_token()
            marker, body = self._begin()
            self._keep(asked, Asked(self.user.number, marker, f"key {marker}", body, token=token))
        self._ask_again(shell, asked[0])

    def _begin(self) -> tuple[str, dict[str, Any]]:
        marker = f"q{self.user.number}-{len(self.user.asked)}"
        return marker, {"question": f"{marker} " + "why? " * (len(marker) % 3)}

    def _keep(self, asked: list[Asked], one: Asked) -> None:
        one.shell = self.name
        asked.append(one)
        self.user.asked.append(one)

    def _ask_again(self, shell: Shell, asked: Asked) -> None:
        for _ in range(4):
            attempt = self._attempt(asked)
            if attempt.end not in AGAIN or attempt.status in ("answered", "cancelled"):
                return
            shell.sleep(self._random.uniform(1, 5))

    def _ask_and_cancel(self, shell: Shell, asked: list[Asked]) -> None:
        """Ask, and cancel the answer from another shell meanwhile."""
        self._meanwhile(self._cancel, asked)
        self._ask(shell, asked)

    def _ask_and_delete(self, shell: Shell, asked: list[Asked]) -> None:
        """Ask, and delete the question from another shell meanwhile."""
        self._meanwhile(self._delete, asked)
        self._ask(shell, asked)

    def _attempt(self, asked: Asked) -> Attempt:
        attempt = Attempt()
        asked.attempts.append(attempt)
        self._world.tell(f"asks {asked.marker}, {len(asked.attempts)}. time")
        with self.user.api(asked.token) as api:
            asking = Asking(api)
            events = partial(asking.ask, asked.body, asked.key)
            self._read(attempt, asked, asking, events, asked.token)
        return attempt

    def _read(
        self,
        attempt: Attempt,
        asked: Asked,
        asking: Asking,
        events: Callable[[], Any],
        api_token: str | None = None,
    ) -> None:
        try:
            attempt.end = "killed"
            for event in events():
                attempt.question_id = asking.question_id
                if event.name == EVENT_QUESTION:
                    asked.conversation_id = event.data["conversation_id"]
                if event.name == EVENT_DELTA:
                    attempt.shown += event.data["text"]
                if event.is_last:
                    self._end(attempt, event)
        except AskcliError as error:
            attempt.end, attempt.status = error.code, error.question_status
            attempt.question_id = asking.question_id or attempt.question_id
            self._check_login(error, api_token)
        self._world.tell(f"has {attempt.end} of {attempt.question_id}: {attempt.shown!r}")

    def _end(self, attempt: Attempt, event: Any) -> None:
        if event.name == EVENT_DONE:
            attempt.end, attempt.answer = "done", event.data["answer"]
            attempt.status = event.data["status"]
        elif error := event.error():
            attempt.end, attempt.status = error.code, error.question_status

    def _rejoin(self, shell: Shell, _: list[Asked]) -> None:
        if question_id := self.user.latest():
            asked = next(a for a in self.user.asked if a.question_id == question_id)
            attempt = Attempt(question_id=question_id)
            asked.attempts.append(attempt)
            self._world.tell(f"rejoins {asked.marker}")
            with self.user.api() as api:
                asking = Asking(api, question_id)
                self._read(attempt, asked, asking, asking.rejoin)

    def _cancel(self, shell: Shell, _: list[Asked]) -> None:
        if question_id := self.user.latest():
            self._world.tell(f"cancels {question_id}")
            self.user.cancelling.add(question_id)
            with self.user.api() as api:
                status = api.cancel(question_id)["status"]
            self._world.tell(f"has {status} of its cancel")
            if status == "cancelled":
                self.user.cancelled.add(question_id)
            elif status == "answering":
                self.user.wrong.append(f"{self.name}: {question_id} goes on after its cancel")

    def _delete(self, shell: Shell, _: list[Asked]) -> None:
        if question_id := self.user.latest():
            self._world.tell(f"deletes {question_id}")
            self.user.deleting.add(question_id)
            with self.user.api() as api:
                try:
                    api.delete_question(question_id)
                except NotFound:
                    if question_id not in self.user.deleted:
                        self._world.tell("finds it deleted")
            self.user.deleted.add(question_id)

    def _history(self, shell: Shell, _: list[Asked]) -> None:
        with self.user.api() as api:
            items = api.questions()["items"]
        self._world.tell(f"lists {len(items)} questions")
        foreign = [
            item for item in items if not item["question"].startswith(f"q{self.user.number}-")
        ]
        if foreign:
            self.user.wrong.append(f"{self.name} was shown {foreign[0]['question']}")

    def _snoop(self, shell: Shell, _: list[Asked]) -> None:
        """Try to read another user's question."""
        for other in self._others:
            if other is self.user or not (question_id := other.latest()):
                continue
            with self.user.api() as api:
                try:
                    api.question(question_id)
                except NotFound:
                    continue
            self.user.wrong.append(f"{self.name} has read {question_id} of user {other.number}")
