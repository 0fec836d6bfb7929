"""Bodies of responses that are counted while their clients take nothing."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest
from starlette.types import Message

from askcli.server.http.unsent import PART_BYTES, Unsent


@pytest.mark.parametrize("size", [PART_BYTES, PART_BYTES + 1])
def test_a_body_as_long_as_a_part_is_counted(size: int) -> None:
    """The one that has stalled for the longest is aborted when another has no room."""
    aborted: list[int] = []

    def abort(number: int) -> bool:
        aborted.append(number)
        return True

    async def send_three() -> None:
        unsent, taken = Unsent(2 * size), asyncio.Event()
        sent: list[int] = []

        async def send(message: Message) -> None:
            await taken.wait()
            sent.append(len(message["body"]))

        tasks = []
        for number in range(3):
            message = {"type": "http.response.body", "body": b"a" * size, "more_body": True}
            state = {"abort_if_stalled": partial(abort, number)}
            tasks.append(asyncio.create_task(unsent.send(message, send, state)))
            await asyncio.sleep(0)
        assert aborted == [0]
        taken.set()
        await asyncio.gather(*tasks)
        assert sum(sent) == 3 * size
        await unsent.send({**message, "body": b"a" * size}, send, state)
        assert aborted == [0]  # those that were sent are counted no more

    asyncio.run(send_three())
