"""Parquet files by hand, for what no writer at hand writes: pages and a footer from dicts of Thrift field ids."""

from __future__ import annotations

import dataclasses
from typing import Any

from .encodings import uleb, zigzag

BOOLEAN, INT32, INT64, INT96, FLOAT, DOUBLE, BYTE_ARRAY, FIXED = range(8)
OPTIONAL = 1


class Long(int):
    """An i64, where a plain int is an i32."""


def struct(fields: dict[int, Any]) -> bytes:
    """A struct in Thrift's compact protocol."""
    out, before = b"", 0
    for number, value in sorted(fields.items()):
        kind, content = _encoded(value)
        out += bytes([number - before << 4 | kind]) + content
        before = number
    return out + b"\0"


def _encoded(value: Any) -> tuple[int, bytes]:
    if isinstance(value, bool):
        return (1 if value else 2), b""
    if isinstance(value, int):
        return (6 if isinstance(value, Long) else 5), uleb(zigzag(value))
    if isinstance(value, bytes):
        return 8, uleb(len(value)) + value
    if isinstance(value, dict):
        return 12, struct(value)
    kinds = [_encoded(one) for one in value] or [(5, b"")]
    head = bytes([len(value) << 4 | kinds[0][0]]) if len(value) < 15 else bytes([0xF0 | kinds[0][0]]) + uleb(len(value))
    return 9, head + b"".join(content for _, content in kinds if value)


def data_page(body: bytes, values: int, encoding: int = 0, levels: int = 3, size: int | None = None) -> bytes:
    """A data page of version 1; `size` is that of the body decompressed."""
    head = {1: values, 2: encoding, 3: levels, 4: 3}
    return struct({1: 0, 2: len(body) if size is None else size, 3: len(body), 5: head}) + body


def dictionary_page(body: bytes, values: int, encoding: int = 0) -> bytes:
    return struct({1: 2, 2: len(body), 3: len(body), 7: {1: values, 2: encoding}}) + body


def v2_page(levels: bytes, body: bytes, values: int, nulls: int, encoding: int = 0, **more: Any) -> bytes:
    """A data page of version 2; `compressed` says whether it is, `size` is that of all of it decompressed."""
    head = {1: values, 2: nulls, 3: values, 4: encoding, 5: len(levels), 6: 0}
    if "compressed" in more:
        head[7] = more["compressed"]
    size = len(levels) + len(body)
    return struct({1: 3, 2: more.get("size", size), 3: size, 8: head}) + levels + body


@dataclasses.dataclass
class Chunk:
    """A column and its chunk in the one row group.

    Attributes:
      kind: the physical type.
      pages: its pages.
      rows: how many values there are.
      element: more fields of the SchemaElement; a required column by default.
      codec: the CompressionCodec.
      chunk: more fields of the ColumnChunk.
      name: the column's.
      first: the length of the dictionary page, if there is one.
    """

    kind: int
    pages: bytes
    rows: int
    element: dict[int, Any] = dataclasses.field(default_factory=dict)
    codec: int = 0
    chunk: dict[int, Any] = dataclasses.field(default_factory=dict)
    name: str = "a"
    first: int = 0


def file_of(*columns: Chunk, rows: int | None = None) -> bytes:
    """A file of one row group."""
    rows = columns[0].rows if rows is None else rows
    out, chunks = b"PAR1", []
    schema: list[dict[int, Any]] = [{4: b"schema", 5: len(columns)}]
    for one in columns:
        name = one.name.encode()
        schema.append({1: one.kind, 3: 0, 4: name, **one.element})
        size = Long(len(one.pages))
        meta = {1: one.kind, 2: [0], 3: [name], 4: one.codec, 5: Long(one.rows), 6: size, 7: size}
        meta[9] = Long(len(out) + one.first)
        if one.first:
            meta[11] = Long(len(out))
        chunks.append({2: Long(0), 3: meta, **one.chunk})
        out += one.pages
    footer = struct({1: 1, 2: schema, 3: Long(rows), 4: [{1: chunks, 2: Long(len(out)), 3: Long(rows)}]})
    return out + footer + len(footer).to_bytes(4, "little") + b"PAR1"
