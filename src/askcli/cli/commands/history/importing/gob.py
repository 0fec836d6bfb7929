"""Values that Go's encoding/gob has written, as dicts, lists, texts and numbers.

https://pkg.go.dev/encoding/gob describes the format. What a value is said to have is compared with
what is left of the file before anything is made of it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from askcli.errors import Misused

DEEPEST = 20
# A message has some ten; a value of no fields takes a byte of the file and 64 in memory.
MOST_VALUES = 200_000
_WIRE_TYPE = 16  # the id of the type of type definitions
_NAME_AND_ID = ("struct", [("Name", 6), ("Id", 2)])

# Types by their ids: what they are, with the ids of what they are made of.
_BUILT_IN: dict[int, tuple[str, Any]] = {
    1: ("bool", None),
    2: ("int", None),
    3: ("uint", None),
    4: ("float", None),
    5: ("bytes", None),
    6: ("string", None),
    _WIRE_TYPE: (
        "struct",
        [("ArrayT", 17), ("SliceT", 19), ("StructT", 20), ("MapT", 23)],
    ),
    17: ("struct", [("CommonType", 18), ("Elem", 2), ("Len", 2)]),
    18: _NAME_AND_ID,
    19: ("struct", [("CommonType", 18), ("Elem", 2)]),
    20: ("struct", [("CommonType", 18), ("Field", 22)]),
    21: _NAME_AND_ID,
    22: ("slice", 21),
    23: ("struct", [("CommonType", 18), ("Key", 2), ("Elem", 2)]),
}


def decode(data: bytes) -> Any:
    """Return the first value. Raises Misused for anything else."""
    try:
        return _Decoder(data).value()
    except (LookupError, ValueError, TypeError, AttributeError, struct.error) as error:
        raise Misused(f"it is no gob: {error}.") from None


class _Decoder:
    def __init__(self, data: bytes) -> None:
        self._data, self._at, self._values = data, 0, 0
        self._types = dict(_BUILT_IN)
        self._readers: dict[str, Callable[[Any, int], Any]] = {
            "bool": lambda _type, _depth: self._unsigned() != 0,
            "int": lambda _type, _depth: self._signed(),
            "uint": lambda _type, _depth: self._unsigned(),
            "float": lambda _type, _depth: self._float(),
            "bytes": lambda _type, _depth: self._bytes(),
            "string": lambda _type, _depth: self._bytes().decode("utf-8", "replace"),
            "slice": lambda element, depth: self._slice(element, depth),
            "struct": lambda fields, depth: self._struct(fields, depth),
            "map": lambda types, depth: self._map(types, depth),
        }

    def value(self) -> Any:
        """Read messages, those that define types, up to the first value."""
        while True:
            self._unsigned()  # its length
            id_ = self._signed()
            if id_ < 0:
                self._define(-id_)
                continue
            if self._types[id_][0] != "struct" and self._unsigned() != 0:
                raise ValueError("a value without its mark")
            return self._read(id_, 0)

    def _define(self, id_: int) -> None:
        wire = self._read(_WIRE_TYPE, 0)
        if "StructT" in wire:
            fields = wire["StructT"].get("Field", [])
            self._types[id_] = "struct", [(field["Name"], field["Id"]) for field in fields]
        elif "SliceT" in wire or "ArrayT" in wire:
            self._types[id_] = "slice", (wire.get("SliceT") or wire["ArrayT"])["Elem"]
        elif "MapT" in wire:
            self._types[id_] = "map", (wire["MapT"]["Key"], wire["MapT"]["Elem"])
        else:
            raise ValueError("a type with an encoding of its own")

    def _read(self, id_: int, depth: int) -> Any:
        self._values += 1
        if depth > DEEPEST or self._values > MOST_VALUES:
            raise ValueError("too deep, or too many values")
        kind, parts = self._types[id_]
        return self._readers[kind](parts, depth + 1)

    def _struct(self, fields: list[tuple[str, int]], depth: int) -> dict[str, Any]:
        """Read the fields that are not zero, each after its distance from the one before."""
        values, number = {}, -1
        while step := self._unsigned():
            number += step
            name, id_ = fields[number]
            values[name] = self._read(id_, depth)
        return values

    def _slice(self, element: int, depth: int) -> list[Any]:
        return [self._read(element, depth) for _ in range(self._count())]

    def _map(self, types: tuple[int, int], depth: int) -> dict[Any, Any]:
        key, element = types
        return {self._read(key, depth): self._read(element, depth) for _ in range(self._count())}

    def _count(self) -> int:
        """Read how many elements follow: each has a byte at least."""
        count = self._unsigned()
        if count > len(self._data) - self._at:
            raise ValueError("more elements than bytes")
        return count

    def _bytes(self) -> bytes:
        size = self._count()
        self._at += size
        return self._data[self._at - size : self._at]

    def _unsigned(self) -> int:
        """Read a number: below 128 a byte, else the negated number of its bytes, and these."""
        first = self._data[self._at]
        self._at += 1
        if first < 128:
            return first
        size = 256 - first
        if size > 8 or self._at + size > len(self._data):
            raise ValueError("a number without an end")
        self._at += size
        return int.from_bytes(self._data[self._at - size : self._at])

    def _signed(self) -> int:
        number = self._unsigned()
        return ~(number >> 1) if number & 1 else number >> 1

    def _float(self) -> float:
        value: float = struct.unpack("<d", self._unsigned().to_bytes(8))[0]
        return value
