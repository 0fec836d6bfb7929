"""The load generator: `python -m benchmarks.load` reads groups as JSON and prints figures.

A group is a number of keep-alive connections to one server. Each sends the group's requests in
turn, one at a time, for some seconds (`closed`); or one request each, whose deltas are read for the
time stamps in them (`streams`). All groups run at once.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections import Counter
from itertools import pairwise
from typing import Any, cast

import httptools
import uvloop

from benchmarks.figures import percentile

STAMP = re.compile(rb"t=(\d+\.\d{6}) ")
DELTA = re.compile(rb"event: ?(delta|content_block_delta)\b")
ID = re.compile(rb'"id": ?"([0-9a-f-]{36})"')
CODE = re.compile(rb'"code": ?"(\w+)"')
LONGEST_SECONDS = 180


class Connection(asyncio.Protocol):
    """A keep-alive connection, with one request at a time."""

    _transport: asyncio.Transport

    def __init__(self, on_body: Any = None) -> None:
        if on_body:
            self.on_body = on_body  # before the parser, which looks for it once
        self._parser = httptools.HttpResponseParser(self)
        self._done: asyncio.Future[int] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class

    def send(self, request: bytes) -> asyncio.Future[int]:
        """Send a request; the result is the status, once the whole response is here."""
        self._done = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._done

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        if self._done and not self._done.done():
            self._done.set_result(self._parser.get_status_code())

    def connection_lost(self, exc: Exception | None) -> None:
        if self._done and not self._done.done():
            self._done.set_exception(exc or ConnectionError("closed before the end of a response"))

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()


async def connect(server: dict[str, Any], on_body: Any = None) -> Connection:
    """Connect to a server."""
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(
        lambda: Connection(on_body), server["host"], server["port"]
    )
    return connection


async def closed(group: dict[str, Any]) -> dict[str, Any]:
    """Send requests for some seconds, or as many as `limit`, over each connection."""
    requests = [request.encode() for request in group["requests"]]
    statuses: Counter[str] = Counter()
    times: list[float] = []
    start = time.perf_counter()
    end = start + group.get("seconds", LONGEST_SECONDS)
    limit = group.get("limit") or sys.maxsize
    position = iter(range(limit))

    async def sender() -> None:
        connection = await connect(group["server"])
        while (began := time.perf_counter()) < end:
            number = next(position, None)
            if number is None:
                break
            status = await connection.send(requests[number % len(requests)])
            took = time.perf_counter() - began
            times.append(took)
            if status // 100 != 2:
                statuses[str(status)] += 1
            if pause := group.get("interval", 0) - took:
                await asyncio.sleep(max(0, pause) if pause > 0 else 0)
        connection.close()

    await asyncio.gather(*(sender() for _ in range(group["connections"])))
    seconds = time.perf_counter() - start
    refused = sum(statuses.pop(status, 0) for status in group.get("allowed", ()))
    counts = {"rate": (len(times) - refused) / seconds, "refused": refused / seconds}
    percentiles = {f"p{share}": percentile(times, share) * 1000 for share in (50, 99, 100)}
    return counts | {"errors": dict(statuses)} | percentiles


class Deltas:
    """The deltas of one stream: when each was sent by the provider, and when it arrived here."""

    def __init__(self, *, has_id: bool) -> None:
        """`has_id`: the id of the question is looked for as it comes; peers send none."""
        self._has_id = has_id
        self._parts: list[tuple[float, bytes]] = []  # read when all is over: it takes time
        self.arrivals: list[tuple[float, float]] = []
        self.is_error = False
        self.id: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def __call__(self, body: bytes) -> None:
        self._parts.append((time.monotonic(), body))
        if self._has_id and not self.id.done():
            received = b"".join(part for _, part in self._parts)
            if match := ID.search(received):
                self.id.set_result(match[1].decode())

    def problems(self) -> str:
        """Return the codes of the problems that arrived in place of events."""
        return b" ".join(CODE.findall(b"".join(part for _, part in self._parts))).decode()

    def read(self) -> None:
        """Read the events that have arrived."""
        rest = b""
        for now, body in self._parts:
            *events, rest = (rest + body).split(b"\n\n")
            for event in events:
                if DELTA.search(event):
                    self.arrivals += [(float(sent), now) for sent in STAMP.findall(event)]
                self.is_error = self.is_error or b"event: error" in event


def asked(connection: Connection, request: bytes, refused: list[int]) -> asyncio.Task[int]:
    """Send a request, and again a second after each 503, as a client does."""

    async def until_accepted() -> int:
        while (status := await connection.send(request)) == 503:
            refused.append(status)
            await asyncio.sleep(1)
        return status

    return asyncio.create_task(until_accepted())


async def streams(group: dict[str, Any]) -> dict[str, Any]:
    """Send one request over each connection, begun evenly over `ramp` seconds, and read streams."""
    requests = [request.encode() for request in group["requests"]]
    count, errors, refused = group["connections"], Counter[str](), list[int]()
    begun: list[float] = [0.0] * count
    read = [Deltas(has_id="follow" in group) for _ in range(count)]
    elsewhere = [Deltas(has_id=False) for _ in range(count)] if "follow" in group else []
    of_stream = list(zip(read, elsewhere or read, strict=True))

    async def reader(number: int) -> None:
        await asyncio.sleep(group.get("ramp", 0) * number / count)
        connection = await connect(group["server"], read[number])
        begun[number] = time.monotonic()
        work = [asked(connection, requests[number % len(requests)], refused)]
        if elsewhere:
            question = await read[number].id
            other = await connect(group["follow"]["server"], elsewhere[number])
            path = group["follow"]["requests"][number % len(requests)].replace("ID", question, 1)
            work.append(asked(other, path.encode(), refused))
        for status, deltas in zip(await asyncio.gather(*work), of_stream[number], strict=False):
            if status // 100 != 2:
                errors[f"{status} {deltas.problems()}"] += 1
        connection.close()

    await asyncio.gather(*(reader(number) for number in range(count)))
    for deltas in elsewhere or read:
        deltas.read()
        if deltas.is_error or len(deltas.arrivals) != group["deltas"]:
            errors["error event" if deltas.is_error else f"{len(deltas.arrivals)} deltas"] += 1
    counts = {"errors": dict(errors), "refused": len(refused)}
    return counts | times_of([d.arrivals for d in elsewhere or read], begun)


def times_of(streams_: list[list[tuple[float, float]]], begun: list[float]) -> dict[str, Any]:
    """Return the times of streams, in milliseconds."""
    streams_ = [arrivals for arrivals in streams_ if arrivals]
    first = [arrivals[0][1] - arrivals[0][0] for arrivals in streams_]
    from_request = [a[0][1] - start for a, start in zip(streams_, begun, strict=False)]
    late = [here - sent for arrivals in streams_ for sent, here in arrivals]
    gaps, provider_gaps = (
        [b[which] - a[which] for s in streams_ for a, b in pairwise(s)] for which in (1, 0)
    )
    return {
        "deltas": len(late),
        "first_p50": percentile(first, 50) * 1000,
        "first_p99": percentile(first, 99) * 1000,
        "from_request_p99": percentile(from_request, 99) * 1000,
        "delta_p50": percentile(late, 50) * 1000,
        "delta_p99": percentile(late, 99) * 1000,
        "stall": max(gaps, default=0) * 1000,
        "provider_stall": max(provider_gaps, default=0) * 1000,
    }


async def main() -> None:
    """Run all groups at once."""
    groups = json.load(sys.stdin)
    kinds = {"closed": closed, "streams": streams}
    async with asyncio.timeout(LONGEST_SECONDS):
        done = await asyncio.gather(*(kinds[group["kind"]](group) for group in groups.values()))
    json.dump(dict(zip(groups, done, strict=True)), sys.stdout)


if __name__ == "__main__":
    uvloop.run(main())
