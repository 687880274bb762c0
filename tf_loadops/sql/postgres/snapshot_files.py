"""The files that a snapshot is written to, a part of the rows at a time."""

from __future__ import annotations

import contextlib
import io
import itertools
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tf_loadops.errors import LoadError

_AT_ONCE = 10_000  # rows
_BLOCK = 4 << 20  # bytes

_NUMBERS = {20: "int8", 21: "int2", 23: "int4", 700: "float4", 701: "float8", 1700: "numeric", 16: "bool", 17: "bytea"}
_TIMES = (1082, 1114, 1184)
_TEXTS = (18, 114, 142, 2950, 3802)


class Field(NamedTuple):
    """A column.

    Attributes:
      name: its name.
      kind: "int2", "int4", "int8", "float4", "float8", "bool", "text" or "bytea".
      expression: SQL that selects it so.
    """

    name: str
    kind: str
    expression: str


class Write(NamedTuple):
    """What a writer is given.

    Attributes:
      connection: psycopg's, in a read-only transaction.
      select: the statement.
      fields: its columns.
      path: the file to write, which is there and empty.
      target: what it will be called.
      advance: takes the number of rows just written.
    """

    connection: Any
    select: str
    fields: list[Field]
    path: Path
    target: Path
    advance: Callable[[int], None]


def field_of(name: str, oid: int, typtype: str, category: str, type_name: str, where: str) -> Field:
    """The column of a type, or its refusal."""
    quoted = 'tlo_q."' + name.replace('"', '""') + '"'
    alias = ' AS "' + name.replace('"', '""') + '"'
    kind = _NUMBERS.get(oid)
    if kind == "numeric":
        return Field(name, "float8", f"{quoted}::float8{alias}")
    if kind is not None:
        return Field(name, kind, f"{quoted}::{kind}{alias}")
    if oid in _TIMES:
        return Field(name, "float8", f"extract(epoch FROM {quoted})::float8{alias}")
    if category == "S" or typtype == "e" or oid in _TEXTS:
        return Field(name, "text", f"{quoted}::text{alias}")
    raise LoadError(
        f"{where}: column {name!r}: the query gives {type_name}, which no dtype stands for. CAST it in the query: to "
        "text, or to a number."
    )


def _csv() -> Callable[[Write], int]:
    return _to_csv


def _db() -> Callable[[Write], int]:
    return _to_db


def _parquet() -> Callable[[Write], int]:
    try:
        import pyarrow.csv
        import pyarrow.parquet
    except ImportError:
        raise LoadError(
            "A snapshot as .parquet takes pyarrow: pip install 'tf-loadops[postgres]'. One as .db or .csv does not."
        ) from None
    del pyarrow
    return _to_parquet


WRITERS: dict[str, Callable[[], Callable[[Write], int]]] = {".parquet": _parquet, ".db": _db, ".csv": _csv}
"""By a file's ending: looks for what the writer takes, and gives the writer."""


def _to_csv(write: Write) -> int:
    _without_bytes(write, ".csv")
    names = ['"' + field.name.replace('"', '""') + '"' for field in write.fields]
    # As CSV has it elsewhere; PostgreSQL would write t and f.
    kinds = [field.kind for field in write.fields]
    texts = [f"{name}::text AS {name}" if kind == "bool" else name for name, kind in zip(names, kinds, strict=True)]
    if len(names) == 1:  # a line with nothing in it would be no row
        texts = [f"coalesce({names[0]}::text, '') AS {names[0]}"]
    select = f"SELECT {', '.join(texts)} FROM ({write.select}) AS tlo_c"
    with _copied(write.connection, select, "CSV, HEADER") as rows, open(write.path, "wb", buffering=_BLOCK) as file:
        lines = 0
        # One by one: rows that wait together are objects that Python's collector looks at again and again.
        for row in rows:
            file.write(row)
            lines += 1
            if lines % _AT_ONCE == 0:
                write.advance(_AT_ONCE)
        write.advance(lines % _AT_ONCE - 1)
    return lines - 1  # the first of them is the header


def _to_parquet(write: Write) -> int:
    import pyarrow
    import pyarrow.csv
    import pyarrow.parquet

    arrow = {
        "int2": pyarrow.int16(), "int4": pyarrow.int32(), "int8": pyarrow.int64(), "float4": pyarrow.float32(),
        "float8": pyarrow.float64(), "bool": pyarrow.bool_(), "text": pyarrow.large_string(),
        "bytea": pyarrow.large_string(),
    }  # fmt: skip
    types = {field.name: arrow[field.kind] for field in write.fields}
    # NULL is an empty field, and an empty text two quotes.
    convert = pyarrow.csv.ConvertOptions(
        column_types=types, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False,
        true_values=["t"], false_values=["f"],
    )  # fmt: skip
    names = [field.name for field in write.fields]
    blobs = [i for i, field in enumerate(write.fields) if field.kind == "bytea"]
    schema = pyarrow.schema([(f.name, pyarrow.large_binary() if f.kind == "bytea" else types[f.name])
                             for f in write.fields])  # fmt: skip
    done = 0
    with (
        _copied(write.connection, write.select, "CSV") as rows,
        pyarrow.parquet.ParquetWriter(write.path, schema, compression="snappy") as file,
    ):
        stream = _Stream(rows)
        if not stream.peek():
            return 0
        batches = pyarrow.csv.open_csv(
            io.BufferedReader(stream, _BLOCK),
            read_options=pyarrow.csv.ReadOptions(column_names=names, block_size=_BLOCK, use_threads=True),
            parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
            convert_options=convert,
        )
        for batch in batches:
            columns = list(batch.columns)
            for i in blobs:  # written as \x and digits
                octets = [None if v is None else bytes.fromhex(v[2:]) for v in columns[i].to_pylist()]
                columns[i] = pyarrow.array(octets, pyarrow.large_binary())
            file.write_batch(pyarrow.RecordBatch.from_arrays(columns, schema=schema))
            done += batch.num_rows
            write.advance(batch.num_rows)
    return done


_DECLARED = {"text": "TEXT", "bytea": "BLOB", "bool": "BOOLEAN", "float4": "REAL", "float8": "REAL"}


def _to_db(write: Write) -> int:
    columns = ", ".join(
        '"' + field.name.replace('"', '""') + f'" {_DECLARED.get(field.kind, "INTEGER")}' for field in write.fields
    )
    marks = ", ".join("?" * len(write.fields))
    done = 0
    with (
        contextlib.closing(sqlite3.connect(write.path, isolation_level=None)) as db,
        write.connection.cursor("tlo_snapshot", binary=True) as cursor,
    ):
        # The file is nobody's before it is whole.
        db.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF")
        db.execute(f"CREATE TABLE snapshot ({columns})")
        db.execute("BEGIN")
        cursor.execute(write.select)
        while rows := cursor.fetchmany(_AT_ONCE):
            db.executemany(f"INSERT INTO snapshot VALUES ({marks})", rows)
            done += len(rows)
            write.advance(len(rows))
        db.execute("COMMIT")
    return done


def _without_bytes(write: Write, ending: str) -> None:
    for field in write.fields:
        if field.kind == "bytea":
            raise LoadError(
                f"{write.target}: column {field.name!r} is bytea, which {ending} does not hold. Write .db or "
                ".parquet, or encode() it in the query."
            )


@contextlib.contextmanager
def _copied(connection: Any, select: str, options: str) -> Iterator[Iterator[Any]]:
    with connection.cursor() as cursor, cursor.copy(f"COPY ({select}) TO STDOUT WITH ({_options(options)})") as copy:
        yield iter(copy)


def _options(options: str) -> str:
    return ", ".join(f"FORMAT {part}" if part == "CSV" else part for part in options.split(", "))


class _Stream(io.RawIOBase):
    """The rows as a file to read from."""

    def __init__(self, rows: Iterator[Any]) -> None:
        self.rows, self.rest = rows, memoryview(b"")

    def readable(self) -> bool:
        return True

    def peek(self) -> bool:
        """Whether there is anything to read."""
        if not self.rest:
            self.rest = memoryview(b"".join(itertools.islice(self.rows, 500)))
        return len(self.rest) > 0

    def readinto(self, buffer: Any) -> int:
        """As RawIOBase."""
        if not self.peek():
            return 0
        size = min(len(buffer), len(self.rest))
        buffer[:size], self.rest = self.rest[:size], self.rest[size:]
        return size
