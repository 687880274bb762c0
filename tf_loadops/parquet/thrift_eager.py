"""Thrift's compact protocol in plain Python, as far as a Parquet footer needs it."""

from __future__ import annotations

import struct
from typing import Any

_DEPTH = 32
"""How deep structs and lists may lie in one another; a Parquet footer needs ten."""

_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT, _UUID = range(1, 14)


class MalformedError(ValueError):
    """Raised for bytes that are no such struct; the message says what and where."""


def parse_struct(data: bytes) -> dict[int, Any]:
    r"""Parses one struct; bytes behind it are passed over.

    Whatever the bytes are, it takes time and memory in proportion to their number.

    Args:
      data: the struct's bytes.

    Returns:
      A dict of field id to value: bool, int, float, bytes, a list (of a list or set), a list of pairs (of a map), or
      a dict (of a struct).

    Raises:
      MalformedError: if the bytes are no struct, end too early, or nest too deep.

    Example:
      >>> parse_struct(b"\x15\x02\x19\x15\x06\x00")
      {1: 1, 2: [3]}

    Source: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
    """
    return _Reader(data).struct(0)


class _Reader:
    """Where in the bytes a reading is."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def struct(self, depth: int) -> dict[int, Any]:
        fields: dict[int, Any] = {}
        last = 0
        while True:
            start = self.at
            head = self.byte()
            if head == 0:
                return fields
            last = last + (head >> 4) if head >> 4 else self.integer()
            kind = head & 15
            if last in fields:
                raise MalformedError(f"field {last} comes twice in a struct, at byte {start}")
            fields[last] = kind == _TRUE if kind in (_TRUE, _FALSE) else self.value(kind, depth + 1)

    def value(self, kind: int, depth: int) -> Any:
        """One value that is no field's bool."""
        if depth > _DEPTH:
            raise MalformedError(f"structs and lists lie more than {_DEPTH} deep in one another, at byte {self.at}")
        if kind in (_TRUE, _FALSE):
            return self.byte() == 1
        if kind == _BYTE:
            return int.from_bytes(self.take(1), "little", signed=True)
        if kind in (_I16, _I32, _I64):
            return self.integer()
        if kind == _DOUBLE:
            return struct.unpack("<d", self.take(8))[0]
        if kind == _BINARY:
            return self.take(self.varint())
        if kind in (_LIST, _SET):
            return self.items(depth)
        if kind == _MAP:
            return self.pairs(depth)
        if kind == _STRUCT:
            return self.struct(depth)
        if kind == _UUID:
            return self.take(16)
        raise MalformedError(f"there is no type {kind}, at byte {self.at - 1}")

    def items(self, depth: int) -> list[Any]:
        head = self.byte()
        size = self.varint() if head >> 4 == 15 else head >> 4
        self.check(size)
        return [self.value(head & 15, depth + 1) for _ in range(size)]

    def pairs(self, depth: int) -> list[tuple[Any, Any]]:
        size = self.varint()
        self.check(2 * size)
        kinds = self.byte() if size else 0
        return [(self.value(kinds >> 4, depth + 1), self.value(kinds & 15, depth + 1)) for _ in range(size)]

    def integer(self) -> int:
        number = self.varint()
        return (number >> 1) ^ -(number & 1)

    def varint(self) -> int:
        number, shift = 0, 0
        while True:
            byte = self.byte()
            number |= (byte & 127) << shift
            if byte < 128:
                break
            shift += 7
            if shift > 63:
                raise MalformedError(f"an integer of more than ten bytes, at byte {self.at}")
        if number >> 64:
            raise MalformedError(f"an integer of more than 64 bits, at byte {self.at}")
        return number

    def byte(self) -> int:
        self.check(1)
        self.at += 1
        return self.data[self.at - 1]

    def take(self, size: int) -> bytes:
        self.check(size)
        self.at += size
        return self.data[self.at - size : self.at]

    def check(self, size: int) -> None:
        """Refuses what needs more bytes than there are; each element of a list needs one at least."""
        left = len(self.data) - self.at
        if size > left:
            raise MalformedError(f"{size} bytes are expected at byte {self.at}, and {left} are there")
