"""The memory of a response in the client: that of its bytes, however they come."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

from askcli.client.http.exchange import Response

CHUNKS = 100_000


class Crumbs:
    """A body in pieces of two bytes, each an object of its own."""

    def __iter__(self) -> Iterator[bytes]:
        return (bytes(2) for _ in range(CHUNKS))

    def close(self) -> None:
        pass


def test_a_body_in_tiny_pieces_takes_as_much_as_a_whole_one() -> None:
    response = Response(200, (), Crumbs())
    tracemalloc.start()
    try:
        assert response.read() == bytes(2 * CHUNKS)
        assert tracemalloc.get_traced_memory()[1] < 5 * 2 * CHUNKS
    finally:
        tracemalloc.stop()
