"""Who follows an answer elsewhere, and what is no notification."""

from __future__ import annotations

import time

import pytest

from askcli.services.clock import new_id
from askcli.services.runs.elsewhere import followers
from askcli.store.queries import notifications


def test_a_process_is_told_only_while_it_says_that_it_follows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    process_id, question_id = new_id(), new_id()
    those = followers.Followers()
    those.add(process_id, [question_id])
    assert those.take_news() == {process_id: {question_id}}  # once, for what it may have missed
    those.tell(question_id)
    assert those.take_news() == {process_id: {question_id}}
    later = time.monotonic() + followers.LEASE_SECONDS + 1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert question_id not in those  # its text need not be written as it comes
    those.tell(question_id)
    assert not those.have_news
    those.add(process_id, [new_id()])
    assert question_id not in those


def test_what_others_send_is_ignored() -> None:
    for payload in ("", "news", "news x", f"more {new_id()}", "\x00"):
        notification = notifications.parse(payload)
        assert notification is None or not notification.ids
