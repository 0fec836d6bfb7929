"""Questions in many scripts, and what each search among them finds."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Connection
from sqlalchemy import text as sql

from askcli.services.clock import new_id, now
from askcli.store import search
from askcli.store.queries import questions
from tests.support.people import Person

# Name: question, answer.
STORED = {
    "english": ("How do I undo a commit in Git?", "Use `git reset --soft HEAD~1`. Don't panic."),
    "accents": ("Où est le café Zoë?", "Le résumé est prêt."),
    "german": ("Wie heißt die STRASSE?", "Sie heißt Überseestraße."),
    "turkish": ("İstanbul nerede?", "Türkiye'de."),
    "greek": ("Πού είναι η Αθήνα;", "Στην Ελλάδα."),
    "russian": ("Где растёт ёлка?", "В лесу, около Москвы."),
    "arabic": ("ما هي عاصمة مِصْر؟", "القاهرة"),
    "hebrew": ("מה הבירה של ישראל?", "שָׁלוֹם, ירושלים."),
    "hindi": ("भारत की राजधानी क्या है?", "नई दिल्ली"),
    "thai": ("เมืองหลวงของประเทศไทย", "กรุงเทพมหานคร"),
    "chinese": ("中国的首都是哪里？", "北京是中国的首都。"),
    "japanese": ("東京都庁はどこですか", "新宿区にあります。Python入門。"),
    "korean": ("학교에서 무엇을 배워요?", "수학을 배워요."),
    "emoji": ("What does 👩‍👩‍👧 mean? ❤️", "A family 🎉."),
    "code": ("Why does foo_bar(x) fail?", "TypeError: v1.2.3 needs C++ at 192.168.10.1"),
    "forms": ("ＡＢＣ and ﬁle and x²", "①"),
    "nothing": ("!!! ???", "..."),
}

# Query, and the names of the questions that it finds.
CASES = [
    ("commit", "english"),
    ("COMMIT git", "english"),
    ("git commit reset", "english"),  # one word in the question, another in the answer
    ("git nothing-of-the-kind", ""),
    ('"undo a commit"', "english"),
    ('"commit undo"', ""),
    ("don't", "english"),
    ("pan*", "english"),
    ("pan", ""),
    ("the* -git", ""),
    ("a -commit", "emoji"),
    ("cafe", "accents"),
    ("CAFÉ", "accents"),
    ("cafe\u0301", "accents"),
    ("zoe resume", "accents"),
    ("strasse", "german"),
    ("straße", "german"),
    ("uberseestrasse", "german"),
    ("istanbul", "turkish"),
    ("αθηνα", "greek"),
    ("ΕΛΛΆΔΑ", "greek"),
    ("елка", "russian"),
    ("Ёлка растет", "russian"),
    ("москв*", "russian"),
    ("مصر", "arabic"),
    ("القاهرة", "arabic"),
    ("שלום", "hebrew"),
    ("राजधानी", "hindi"),
    ("दिल्ली", "hindi"),
    ("ประเทศ", "thai"),
    ("กรุงเทพ", "thai"),
    ("首都", "chinese"),
    ("北京", "chinese"),
    ("京北", ""),
    ("都首", ""),
    ("東京都", "japanese"),
    ("東京", "japanese"),
    ("python", "japanese"),
    ("入門", "japanese"),
    ("학교", "korean"),
    ("배워", "korean"),
    ("👩‍👩‍👧", "emoji"),
    ("🎉", "emoji"),
    ("❤", "emoji"),
    ("foo_bar", "code"),
    ("bar", "code"),
    ("bar_foo", ""),
    ("192.168.10.1", "code"),
    ("192.168.1", ""),
    ("v1.2.3", "code"),
    ("abc", "forms"),
    ("file", "forms"),
    ("x2", "forms"),
    ("???", ""),
    ('"', ""),
    ("'; DROP TABLE questions; --", ""),
    ('" OR owner : *', ""),
    ("owner", ""),
    ("a & b | !c <-> dd:*", ""),
    ("NEAR(foo bar)", ""),
    ("{question answer} : foo", ""),
    ("\x00git\x00", "english"),
]

_COPY = sql(
    """WITH added AS (
        INSERT INTO questions (id, user_id, conversation_id, question, answer, status, model,
            created_at, request_hash)
        SELECT CAST(:begin || lpad(to_hex(number), 8, '0') AS uuid), :user_id, gen_random_uuid(),
            :text, '', 'answered', 'm', now(), ''
        FROM generate_series(1, :count) AS number RETURNING id)
    INSERT INTO question_words (question_id, words)
        SELECT id, CAST(:words AS tsvector) FROM added"""
)


def store_question(connection: Connection, user_id: str, question: str, answer: str) -> str:
    """Put an answered question into the database, as the server does."""
    question_id = new_id()
    row = {
        "id": question_id,
        "user_id": UUID(user_id),
        "conversation_id": new_id(),
        "question": question,
        "answer": answer,
        "status": "answered",
        "stop_reason": "end_turn",
        "model": "claude-sonnet-5-5",
        "created_at": now(),
        "answered_at": now(),
        "request_hash": "",
    }
    entry = search.entry(connection.dialect.name, UUID(user_id), question, answer)
    questions.add(connection, row, entry)
    return str(question_id)


def copy_question(connection: Connection, user_id: UUID, text: str, count: int) -> None:
    """Put the same question into a PostgreSQL database many times, each with a new id."""
    connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
    entry = search.entry("postgresql", user_id, text, "")
    row = {"begin": new_id().hex[:24], "user_id": user_id, "text": text, "count": count, **entry}
    connection.execute(_COPY, row)


def search_ids(person: Person, query: str, **params: Any) -> list[str]:
    """The ids of the questions that a search finds, in its order."""
    answer = person.http.get(
        f"/api/users/{person.id}/questions", params={"search": query, **params}
    )
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]
