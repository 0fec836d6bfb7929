"""The digest of a question, which a repeated idempotency key must match."""

from __future__ import annotations

from uuid import UUID

from askcli.services.questions.ask import Ask


def test_a_field_that_is_not_set_does_not_change_the_digest() -> None:
    """Pinned: requests are repeated across an upgrade too."""
    digest = "c0dffec4be40796f29ec5aa79e601b65"
    assert Ask("hello").digest.startswith(digest)


def test_every_field_that_is_set_counts() -> None:
    asks = [
        Ask("hello"),
        Ask("hello", system=""),
        Ask("hello", model="a"),
        Ask("hello", conversation_id=UUID(int=1)),
        Ask("hello", max_tokens=1),
    ]
    assert len({ask.digest for ask in asks}) == len(asks)
