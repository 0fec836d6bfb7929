"""FastAPI, a JWT and one statement: `python -m benchmarks.peers.floor PORT DATABASE SECRET`.

What a read costs that does nothing but verify a token and select one row. The database is that of
a server of ours, which is only read.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any
from uuid import UUID

import jwt
import psycopg
import uvicorn
from fastapi import FastAPI, Header, Response

COLUMNS = (
    "id, user_id, conversation_id, question, answer, status, stop_reason, error, model, "
    "input_tokens, output_tokens, cost_usd, created_at, answered_at"
)
CONNECTIONS = 8

Read = Callable[[UUID, UUID], Awaitable[tuple[Any, ...] | None]]


def sqlite_reader(path: str) -> Read:
    """Return the statement on SQLite, run on the event loop."""
    connection = sqlite3.connect(path)
    statement = f"SELECT {COLUMNS} FROM questions WHERE id = ? AND user_id = ?"

    async def read(question_id: UUID, user_id: UUID) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = connection.execute(
            statement, (question_id.hex, user_id.hex)
        ).fetchone()
        return row

    return read


async def postgresql_reader(url: str) -> Read:
    """Return the statement on PostgreSQL, over a few connections."""
    free: asyncio.Queue[psycopg.AsyncConnection[tuple[Any, ...]]] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        free.put_nowait(await psycopg.AsyncConnection.connect(url, autocommit=True))
    statement = f"SELECT {COLUMNS} FROM questions WHERE id = %s AND user_id = %s"

    async def read(question_id: UUID, user_id: UUID) -> tuple[Any, ...] | None:
        connection = await free.get()
        try:
            cursor = await connection.execute(statement, (question_id, user_id), prepare=True)
            return await cursor.fetchone()
        finally:
            free.put_nowait(connection)

    return read


def application(database: str, secret: str) -> FastAPI:
    """Return the server."""
    readers: list[Read] = []

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        path = database.removeprefix("sqlite:///")
        is_file = path != database
        readers.append(sqlite_reader(path) if is_file else await postgresql_reader(database))
        yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/api/questions/{question_id}")
    async def read(question_id: UUID, x_access_token: Annotated[str, Header()]) -> Response:
        claims = jwt.decode(x_access_token, secret, algorithms=["HS256"], audience="askcli")
        row = await readers[0](question_id, UUID(claims["sub"]))
        if row is None:
            return Response(status_code=404)
        names = COLUMNS.split(", ")
        body = json.dumps(dict(zip(names, row, strict=True)), default=str)
        return Response(body, media_type="application/json")

    @app.get("/readyz")
    async def ready() -> Response:
        return Response()

    return app


if __name__ == "__main__":
    uvicorn.run(
        application(sys.argv[2], sys.argv[3]),
        port=int(sys.argv[1]),
        log_level="warning",
        access_log=False,
        loop="uvloop",
        http="httptools",
    )
