"""Listener: receives this process's notifications from PostgreSQL, on a connection of its own."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn
from uuid import UUID, uuid4

from askcli.errors import DatabaseUnavailable
from askcli.store.database import Database, engines, poolers
from askcli.store.queries import notifications
from askcli.store.queries.notifications import Kind

if TYPE_CHECKING:
    import psycopg

log = logging.getLogger("askcli.listener")

CONNECT_SECONDS = 5.0
# For the first notification, which this process sends itself: a pooler that gives a connection to
# another client after each transaction accepts LISTEN, and nothing ever arrives.
TEST_SECONDS = 3.0
UNDELIVERED_SECONDS = 60.0  # until it is tried again
# After a connection that was lost: at once, then later and later.
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 5.0

Handler = Callable[[Sequence[UUID]], None]


class Listener:
    """Calls handlers for notifications, by their kind.

    While `is_listening` is false, as it always is on SQLite, none arrive: who needs to know asks
    the database now and then.
    """

    def __init__(self, database: Database, process_id: UUID) -> None:
        self._database = database
        self._process_id = process_id
        self._handlers: defaultdict[Kind, list[Handler]] = defaultdict(list)
        self._on_turn: list[Callable[[], None]] = []
        self._is_warned = False
        self.is_listening = False

    def on(self, kind: Kind, handler: Handler) -> None:
        """Call the handler with the ids of each notification of this kind."""
        self._handlers[kind].append(handler)

    def on_turn(self, handler: Callable[[], None]) -> None:
        """Call the handler when notifications begin to arrive, and when they cease to.

        Those that were sent before, or between the two, have been missed.
        """
        self._on_turn.append(handler)

    async def run(self) -> None:
        """Listen until cancelled, on as many connections in turn as that takes."""
        if not self._database.is_sqlite:
            await self._keep_listening()

    async def _keep_listening(self) -> NoReturn:
        import psycopg  # not for SQLite

        pause, undelivered = 0.0, 0
        while True:
            last, pause = pause, min(LONGEST_PAUSE_SECONDS, max(FIRST_PAUSE_SECONDS, 2 * pause))
            try:
                await asyncio.sleep(last)
                await self._listen()
            except TimeoutError:
                undelivered += 1
                if undelivered == 1:  # or this process was stopped in the meantime
                    continue
                self._warn("its notifications do not arrive, as through a pooler of transactions")
                poolers.use_pooler(self._database.engine)
                pause = UNDELIVERED_SECONDS
            except (psycopg.Error, OSError, DatabaseUnavailable) as error:
                if self.is_listening:  # it was a good one
                    pause, undelivered = 0.0, 0
                elif not isinstance(error, DatabaseUnavailable):
                    self._warn((str(error).strip() or type(error).__name__).splitlines()[0])
            except Exception:
                log.exception("the listener failed, and will try again")
            finally:
                self._turn(is_listening=False)

    async def _listen(self) -> None:
        """Listen as long as the connection lives. Raises TimeoutError where nothing arrives."""
        token = uuid4()
        async with await self._connect() as connection:
            await self._database.write(notifications.test, self._process_id, token)
            try:
                async with asyncio.timeout(TEST_SECONDS) as test:
                    async for notify in connection.notifies():
                        notification = notifications.parse(notify.payload)
                        if notification == (Kind.TEST, [token]):
                            test.reschedule(None)
                            poolers.use_prepared(self._database.engine)
                            self._turn(is_listening=True)
                        elif notification:
                            self._handle(notification)
            except TimeoutError:
                with suppress(Exception):  # or another client of the pooler would get them
                    await connection.execute("UNLISTEN *")
                raise

    async def _connect(self) -> psycopg.AsyncConnection[Any]:
        """Return a connection that listens. Raises OSError where that takes long."""
        import psycopg

        from askcli.store.database.bounded_connection import closing_unfinished

        _, keywords = self._database.engine.dialect.create_connect_args(self._database.url)
        keywords = dict(keywords) | engines.CONNECT_OPTIONS | {"autocommit": True}
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                with closing_unfinished():
                    connection = await psycopg.AsyncConnection.connect(**keywords)
                try:
                    for name, value in engines.SERVER_KEEPALIVES.items():
                        await connection.execute(f"SET {name} = {value}".encode())
                    for name in (notifications.EVERYBODY, notifications.channel(self._process_id)):
                        await connection.execute(f"LISTEN {name}".encode())
                except BaseException:
                    await connection.close()
                    raise
        except TimeoutError:
            raise OSError("it does not answer") from None
        return connection

    def _handle(self, notification: notifications.Notification) -> None:
        for handler in self._handlers[notification.kind]:
            try:
                handler(notification.ids)
            except Exception:
                log.exception("a notification (%s) could not be handled", notification.kind)

    def _turn(self, *, is_listening: bool) -> None:
        if is_listening == self.is_listening:
            return
        self.is_listening = is_listening
        if is_listening and self._is_warned:
            log.info("the database's notifications arrive again")
            self._is_warned = False
        for handler in self._on_turn:
            try:
                handler()
            except Exception:
                log.exception("a turn of the listener could not be handled")

    def _warn(self, reason: str) -> None:
        if not self._is_warned:
            log.warning("this process asks the database what is new: %s", reason)
        self._is_warned = True
