"""What must hold after a night: users' records against the database and the provider's books."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from uuid import UUID

from askcli.errors import AskcliError, NotAuthenticated, RateLimited
from askcli.settings import Rate
from tests.simulation import conversations
from tests.simulation.databases import Rows
from tests.simulation.shell import Shell
from tests.simulation.users import EXPIRES_AT, Asked, Spans, User
from tests.simulation.world import Clock

if TYPE_CHECKING:
    from tests.simulation.night import Stage


# Clocks whose rates differ by 4 % are within five seconds for so long.
DRIFT_SECONDS = 120.0
CLOCKS_DIFFER = 5.0  # at most, until then
# How no command ever ends, whatever happens.
NEVER = {"bad_response", "server_error", "failed", "idempotency_key_reused"}


def wrong(stage: Stage) -> list[str]:
    """Return everything that is wrong."""
    return [
        *(text for user in stage.users for text in user.wrong),
        *(f"{shell.name} crashed: {shell.error!r}" for shell in stage.shells if shell.error),
        *_questions(stage),
        *_calls(stage),
        *_usage(stage),
        *_sessions(stage),
        *conversations.wrong(stage),
        *_limits(stage),
        *_rest(stage),
    ]


def rows(stage: Stage, query: str) -> Rows:
    """Read the database, beside the product."""
    return stage.databases.rows(query)


def _stored(stage: Stage) -> dict[str, dict[str, Any]]:
    return {str(UUID(str(row["id"]))): row for row in rows(stage, "SELECT * FROM questions")}


def _marker(row: dict[str, Any]) -> str:
    return str(row["question"].split()[0])


def _questions(stage: Stage) -> Iterator[str]:
    stored = _stored(stage)
    markers = Counter(_marker(row) for row in stored.values())
    yield from (f"{marker} is stored {n} times" for marker, n in markers.items() if n > 1)
    for user in stage.users:
        for asked in user.asked:
            ids = {attempt.question_id for attempt in asked.attempts if attempt.question_id}
            if len(ids - user.deleting) > 1:
                yield f"{asked.marker} has several ids: {sorted(ids)}"
            for question_id in ids:
                row = stored.get(question_id)
                yield from _question(user, asked, question_id, row)
                if row:
                    yield from _shown(stage, asked, row)
                    if not ids & user.deleting:  # a call says not of which one it was
                        yield from _lost(stage, asked, row)
                    yield from _interrupted(stage, asked, row)


def _question(
    user: User, asked: Asked, question_id: str, row: dict[str, Any] | None
) -> Iterator[str]:
    name = f"{asked.marker} ({question_id})"
    if row is None:
        if question_id not in user.deleting:
            yield f"{name} was acknowledged and is not stored"
        return
    if question_id in user.deleted:
        yield f"{name} was deleted and is stored"
    if row["status"] == "answering":
        yield f"{name} is still being answered"
    if question_id in user.cancelled and row["status"] != "cancelled":
        yield f"{name} was cancelled and is {row['status']}"
    if row["status"] == "cancelled" and question_id not in user.cancelling:
        yield f"{name} is cancelled, which nobody asked for"


def _shown(stage: Stage, asked: Asked, row: dict[str, Any]) -> Iterator[str]:
    """What was shown is stored; of a process that died, less than its last second is lost."""
    name, stored = asked.marker, row["answer"]
    dead = [c for c in stage.provider.calls if c.marker == name and c.process.died_at is not None]
    for attempt in asked.attempts:
        if attempt.question_id != str(UUID(str(row["id"]))):  # of one that was deleted
            continue
        shown = attempt.shown
        if dead and row["status"] != "answered":
            shown = shown[: len(stored)]
        if not stored.startswith(shown):
            yield f"{name}: {attempt.shown!r} was shown and {stored!r} is stored"
        if attempt.end == "done" and (row["status"], stored) != ("answered", shown):
            yield f"{name} was done with {shown!r}, stored {row['status']} {stored!r}"
        if attempt.end == "done" and attempt.answer != shown:
            yield f"{name} was shown as {shown!r} and ended with {attempt.answer!r}"


def _lost(stage: Stage, asked: Asked, row: dict[str, Any]) -> Iterator[str]:
    """Of what the model wrote, less than a second is lost with its process."""
    # What could not be written in time is lost as well.
    if any(fault.kind in ("database", "commit", "stop") for fault in stage.plan.faults):
        return
    for call in stage.provider.calls:
        is_dead = call.marker == asked.marker and call.process.died_at is not None
        if not is_dead or not call.is_billed or row["status"] == "cancelled":
            continue
        if len(call.durable_text) > len(row["answer"]):
            yield f"{asked.marker}: more is lost than a second: {call.text!r}, {row['answer']!r}"


def _interrupted(stage: Stage, asked: Asked, row: dict[str, Any]) -> Iterator[str]:
    """An answer is interrupted where its process or the model failed, and not otherwise."""
    codes = {attempt.end for attempt in asked.attempts} & NEVER
    yield from (f"{asked.marker} ended as {code}" for code in sorted(codes))
    faults = {fault.kind for fault in stage.plan.faults}
    if row["error"] != "interrupted" or faults & {"stop", "database", "commit", "leave", "rollout"}:
        return
    if _is_asked_anew(stage, row):
        return
    calls = [call for call in stage.provider.calls if call.marker == asked.marker]
    # Without a call, any process that has died may have stored the question just before.
    have_died = not calls and any(replica.deaths for replica in stage.replicas)
    if not have_died and not any(c.behaviour == "cut" or c.process.died_at for c in calls):
        yield f"{asked.marker} was found interrupted, and its process had not died"


def _calls(stage: Stage) -> Iterator[str]:
    """The model was called once at most for a question, unless it had refused."""
    deleted = _deleted(stage)
    calls = [call for call in stage.provider.calls if call.marker not in deleted]
    billed = Counter(call.marker for call in calls if call.is_billed)
    yield from (f"{marker} was paid for {n} times" for marker, n in billed.items() if n > 1)
    texts = {call.marker: call.text for call in stage.provider.calls if call.is_billed}
    for row in _stored(stage).values():
        text = texts.get(_marker(row), "")
        if not text.startswith(row["answer"]):
            yield f"{_marker(row)}: the model wrote {text!r}, stored is {row['answer']!r}"
        if row["status"] == "answered" and row["answer"] != text:
            yield f"{_marker(row)} is answered by a part of what the model wrote"


def _deleted(stage: Stage) -> set[str]:
    """The questions that somebody deletes, and which may be asked again as new ones after that."""
    return {a.marker for u in stage.users for a in u.asked if a.question_id in u.deleting}


def _is_asked_anew(stage: Stage, row: dict[str, Any]) -> bool:
    """Whether calls of its marker may be those of a question that was deleted before it."""
    question_id = str(UUID(str(row["id"])))
    is_deleting = any(question_id in user.deleting for user in stage.users)
    return _marker(row) in _deleted(stage) and not is_deleting


def _usage(stage: Stage) -> Iterator[str]:
    """Each question is charged once: what was reported, or no less than what was billed."""
    calls = {call.marker: call for call in stage.provider.calls if call.is_billed}
    usage = {row["question_id"]: row for row in rows(stage, "SELECT * FROM usage")}
    for row in rows(stage, "SELECT * FROM questions"):
        cost = usage.get(row["id"])
        call = None if _is_asked_anew(stage, row) else calls.get(_marker(row))
        if cost is None or not cost["settled"]:
            yield f"the cost of {_marker(row)} is not settled"
            continue
        charged = cost["input_tokens"], cost["output_tokens"]
        billed = call.tokens if call else (0, 0)
        is_exact = row["status"] == "answered" and call and call.has_reported
        if charged < billed or charged[1] < billed[1] or (is_exact and charged != billed):
            yield f"{_marker(row)} was charged {charged} and cost {billed}"
    stored = _stored(stage)
    deleted = {question_id for user in stage.users for question_id in user.deleting}
    for question_id in {str(UUID(str(key))) for key in usage} - stored.keys() - deleted:
        yield f"{question_id} is not stored, and is charged"
    yield from _quotas(stage, list(usage.values()))


def _quotas(stage: Stage, usage: Rows) -> Iterator[str]:
    """No more is spent than the quota, and what one question may cost."""
    if stage.plan.quota is None:
        return
    spent, most = Counter[str](), Counter[str]()
    for row in usage:
        tokens = row["input_tokens"] + row["output_tokens"]
        spent[row["user_id"]] += tokens
        most[row["user_id"]] = max(most[row["user_id"]], tokens)
    for user_id, tokens in spent.items():
        if tokens - most[user_id] >= stage.plan.quota:
            yield f"{tokens} tokens are spent of a quota of {stage.plan.quota}"


def _sessions(stage: Stage) -> Iterator[str]:
    reuses = rows(stage, "SELECT * FROM audit WHERE event = 'reuse'")
    if reuses:
        yield f"{len(reuses)} alarms of a stolen token, and nobody has stolen one"
    faults = {fault.detail or fault.kind for fault in stage.plan.faults}
    # A clock that is wrong refuses tokens, and so does a server that does not know their secret.
    if not faults & {"jump", "secret at once"} and stage.world.now < DRIFT_SECONDS:
        yield from (refusal for user in stage.users for refusal in user.refusals)


def _limits(stage: Stage) -> Iterator[str]:
    """No limit is exceeded: on all replicas together, but for that on open streams."""
    settings = stage.replicas[0].settings
    for user in stage.users:
        yield from _too_often(user, "guesses", user.guesses, user.resets, settings.login_limit)
        for uses in user.refreshes:
            yield from _too_often(user, "refreshes", uses, [], settings.refresh_limit)
        yield from _expiry(stage, user)
    most = stage.network.most_streams
    if most > (stage.plan.streams or most):
        yield f"a user has had {most} streams open at a replica"


def _too_often(user: User, what: str, uses: Spans, resets: Spans, rate: Rate) -> Iterator[str]:
    """Compare with the rate. Each use was counted after it was sent, and before its reply."""
    for begin, _ in uses:
        for _, end in uses:
            is_reset = any(sent <= end and begin <= known for sent, known in resets)
            if is_reset or end < begin:
                continue
            count = sum(begin <= sent and known <= end for sent, known in uses)
            if count > rate.count + (end - begin) * rate.count / rate.seconds:
                yield f"{count} {what} of user {user.number} in {end - begin:.1f} s"


def _expiry(stage: Stage, user: User) -> Iterator[str]:
    """A token that expires is good before, and not after."""
    if "jump" in {fault.kind for fault in stage.plan.faults}:
        return
    for begin, end, is_good in user.uses_of_expiring:
        if begin > EXPIRES_AT + CLOCKS_DIFFER and is_good:
            yield f"a token of user {user.number} was good {begin - EXPIRES_AT:.1f} s after its end"
        if end < EXPIRES_AT - CLOCKS_DIFFER and not is_good:
            yield f"a token of user {user.number} was refused before its end"


def is_at_rest(stage: Stage) -> bool:
    """Whether nothing is being answered, and all is settled."""
    unsettled = rows(stage, "SELECT 1 FROM usage WHERE NOT settled")
    answering = rows(stage, "SELECT 1 FROM questions WHERE status = 'answering'")
    return not (unsettled or answering or any(_rest(stage)))


def _rest(stage: Stage) -> Iterator[str]:
    """Nothing stays behind in any process."""
    for replica in stage.replicas:
        services = replica.services
        if services is None:
            yield f"{replica.name} is not running"
            continue
        left = {
            "answers": services.runs.active,
            "followed answers": len(services.runs._followed),
            "watches": len(services.watches._watches),
            "waiting questions": services.queue.waiting,
            "slots held": sum(services.queue._held.values()),
            "units": len(services.database._writer._queue) if services.database._writer else 0,
        }
        yield from (f"{replica.name} keeps {n} {what}" for what, n in left.items() if n)
    yield from ("a row of parts is left" for _ in rows(stage, "SELECT 1 FROM answer_parts"))


def last_looks(stage: Stage) -> list[Shell]:
    """Let each user look at the end: whoever has not logged out is still logged in."""
    return [
        Shell(stage.world, f"user-{user.number}z", Clock(), _look(stage, user))
        for user in stage.users
        if user.has_login and not user.leaving
    ]


def _look(stage: Stage, user: User) -> Any:
    def look(shell: Shell) -> None:
        try:
            _wait_for_limit(user, shell)
            with user.api() as api:
                items = {item["id"]: item for item in api.questions(limit=100)["items"]}
        except AskcliError as error:
            user.wrong.append(f"{shell.name} cannot read its history: {error.code} {error.detail}")
            return
        for token in user.ended[-3:] + [one.token for one in user.tokens if one.is_revoked][-3:]:
            with user.api(token) as api:
                try:
                    api.questions(limit=1)
                except NotAuthenticated:
                    continue
            user.wrong.append(f"{shell.name}: a token that was ended is good in the end")
        missing = (
            {a.question_id for a in user.asked if a.question_id} - items.keys() - user.deleting
        )
        user.wrong += [f"{question_id} is not in the history" for question_id in missing]

    return look


def _wait_for_limit(user: User, shell: Shell) -> None:
    with user.api() as api:
        try:
            api.user()
        except RateLimited as error:
            shell.sleep(error.retry_after or 0)


def states(stage: Stage) -> Counter[str]:
    """What the night has reached: ends of questions, of commands, and events of sessions."""
    counts = Counter(f"questions: {row['status']}" for row in _stored(stage).values())
    counts += Counter(f"audit: {row['event']}" for row in rows(stage, "SELECT event FROM audit"))
    for user in stage.users:
        counts += Counter(f"commands: {a.end}" for asked in user.asked for a in asked.attempts)
    return counts + Counter(f"model calls: {call.behaviour}" for call in stage.provider.calls)
