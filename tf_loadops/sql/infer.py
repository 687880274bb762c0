"""infer_schema of a query: SQLite is asked once what it gives."""

from __future__ import annotations

import collections
import contextlib
import os
import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any

import tensorflow as tf

from tf_loadops.errors import LoadError, message_of
from tf_loadops.inputs import at_once
from tf_loadops.schema import Column, Schema
from tf_loadops.sql.guard import guarded, uri
from tf_loadops.sql.literals import parameter
from tf_loadops.sql.options import as_params
from tf_loadops.sql.query import bound, shown
from tf_loadops.sql.select import quoted

_CLASSES = ("integer", "real", "text", "blob")
_EXACT = 2**53  # integers up to here are float64s
_AT_ONCE = 300  # columns: SQLite takes 2000 expressions in a SELECT


@at_once
def infer_query(db: Any, query: str, params: Mapping[str, Any] | None = None, sample_rows: int | None = None) -> Schema:
    """Finds the names and types of a query's columns; `tlo.infer_schema((db, query))` comes here.

    Args:
      db: path of the database.
      query: the query.
      params: values of its parameters.
      sample_rows: how many rows to look at; None for all of them.

    Returns:
      The schema.

    Raises:
      LoadError: as `tlo.infer_schema`.
    """
    path, query = os.fspath(db), str(query)
    values = as_params(params)
    try:
        opened, header = guarded(tf.constant(path))
        del header
        literals = tf.stack([parameter(value) for value in values]) if values else None
        text = bound(tf.constant(query), opened, tuple(params or ()), literals).numpy().decode(errors="surrogateescape")
        where = uri(opened).numpy().decode(errors="surrogateescape")
    except tf.errors.InvalidArgumentError as error:
        raise LoadError(message_of(error)) from None
    asked = shown(tf.constant(query)).numpy().decode()
    with connected(where, path, asked) as connection:
        names = _names(connection, text, path, asked)
        found = _survey(connection, text, names, sample_rows)
        dtypes = map(_dtype, names, found, _declared(connection, text), [path] * len(names))
        columns = [Column(name, dtype) for name, dtype in zip(names, dtypes, strict=True)]
    rows = found[0]["rows"]
    looked_at = f"all {rows} rows" if sample_rows is None or rows < sample_rows else f"the first {rows} rows"
    return Schema(tuple(columns), origin=f"inferred from {looked_at} of {asked} in {path}")


@contextlib.contextmanager
def connected(where: str, path: str, asked: str) -> Iterator[sqlite3.Connection]:
    """Opens the database at a URI.

    Raises:
      LoadError: where SQLite fails, also inside the `with`.
    """
    try:
        with contextlib.closing(sqlite3.connect(where, uri=True, timeout=5.0)) as connection:
            yield connection
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise LoadError(f"{path}: SQLite says: {error}. Correct the query, or the path: {asked}") from None


def _names(connection: sqlite3.Connection, text: str, path: str, asked: str) -> list[str]:
    names = [column[0] for column in connection.execute(text).description]
    times = collections.Counter(name.lower() for name in names)
    for name in names:
        if times[name.lower()] > 1:
            raise LoadError(
                f"{path}: column {name!r}: the query returns it more than once, and nobody can tell which is meant. "
                f"Rename the others with AS: {asked}"
            )
    return names


def _declared(connection: sqlite3.Connection, text: str) -> list[str]:
    """The declared types, "" for expressions; a temporary view knows them, and the database is not written for it."""
    connection.execute(f"CREATE TEMP VIEW tlo_view AS {text}")
    return [row[2].upper() for row in connection.execute("PRAGMA temp.table_info(tlo_view)")]


def _survey(connection: sqlite3.Connection, text: str, names: list[str], sample: int | None) -> list[dict[str, Any]]:
    """Of each column: how many rows and values of each storage class it has, and its least and greatest integer."""
    limit = "" if sample is None else f" LIMIT {sample}"
    found: list[dict[str, Any]] = []
    for start in range(0, len(names), _AT_ONCE):
        part = names[start : start + _AT_ONCE]
        asked = ["count(*)"]
        for name in map(quoted, part):
            integer = f"CASE WHEN typeof({name}) = 'integer' THEN {name} END"
            asked += [f"total(typeof({name}) = '{kind}')" for kind in _CLASSES]
            asked += [f"min({integer})", f"max({integer})"]
        counting = f"SELECT {', '.join(asked)} FROM (SELECT * FROM ({text}){limit})"
        rows, *values = connection.execute(counting).fetchone()
        size = len(asked) // len(part)
        for i in range(0, len(values), size):
            found.append(dict(zip((*_CLASSES, "least", "greatest"), values[i : i + size], strict=True), rows=rows))
    return found


def _dtype(name: str, found: dict[str, Any], declared: str, path: str) -> str:
    """The dtype of a column; see `infer_schema`."""
    numbers, texts = found["integer"] + found["real"], found["text"] + found["blob"]
    if numbers and texts:
        raise LoadError(
            f"{path}: column {name!r}: it holds numbers and text ({int(numbers)} and {int(texts)} values), and no "
            "dtype takes both. CAST it in the query, or declare a schema and pass on_bad_row."
        )
    if texts:
        return "string"
    if not numbers:
        # What a table's column was declared as is all there is to go by.
        if any(word in declared for word in ("CHAR", "CLOB", "TEXT", "BLOB", "DATE", "TIME")):
            return "string"
        return "int64" if "INT" in declared and not found["rows"] else "float64"
    if found["integer"] == found["rows"]:
        is_bool = "BOOL" in declared and found["least"] >= 0 and found["greatest"] <= 1
        return "bool" if is_bool else "int64"
    if found["integer"] and max(-found["least"], found["greatest"]) > _EXACT:
        raise LoadError(
            f"{path}: column {name!r}: it holds integers beyond 2^53 beside NULL or fractions, and a float64 would "
            "round them. Declare Column(..., 'int64', default=...), or leave the NULLs out in the query."
        )
    return "float64"
