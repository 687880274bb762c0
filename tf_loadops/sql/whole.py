"""Queries that are a whole table, or some of its columns: what the table scan can answer in SQLite's place."""

from __future__ import annotations

import dataclasses
import os
import re
import sqlite3
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tf_loadops.errors import LoadError, message_of
from tf_loadops.inputs import at_once
from tf_loadops.schema import Schema
from tf_loadops.sql.guard import guarded, uri
from tf_loadops.sql.infer import connected
from tf_loadops.sql.scan_layout import UNKNOWN, TableColumn, TableLayout, describe_table
from tf_loadops.sql.select import quoted

_NAME = r"""(?:[A-Za-z_][A-Za-z0-9_]*|"(?:[^"]|"")+"|`(?:[^`]|``)+`|\[[^\]]+\])"""
_QUERY = re.compile(
    rf"\s*SELECT\s+(?P<columns>\*|{_NAME}(?:\s*,\s*{_NAME})*)\s+FROM\s+(?P<table>{_NAME})\s*;?\s*",
    re.IGNORECASE | re.ASCII,
)
_SPACE = " \t\n\r\f\v"
# Words that SQLite reads as something else than a column where they stand alone.
_NOT_NAMES = {"distinct", "all", "null", "current_date", "current_time", "current_timestamp", "rowid", "oid", "_rowid_"}


@at_once
def layout_of(db: Any, query: str, schema: Schema, must: bool = False) -> TableLayout | None:
    """Describes the table that a query is all of.

    Args:
      db: path of a database.
      query: the query.
      schema: the columns that are read of it.
      must: whether a file that cannot be read is refused here; otherwise the query engine says what is wrong.

    Returns:
      The layout; None where only SQLite can answer: another query, a table that the scan does not read, a column that
      the query does not give, or rows that SQLite would give in the order of an index.

    Raises:
      LoadError: if the file is no database, or is locked or damaged, and `must`.
    """
    parsed = _QUERY.fullmatch(query)
    if parsed is None:
        return None
    table = _plain(parsed["table"])
    names = [_plain(name) for name in re.findall(_NAME, parsed["columns"])]
    lower = [name.lower() for name in names]
    if not _NOT_NAMES.isdisjoint(lower) or len(set(lower)) < len(lower):
        return None
    try:
        opened, _ = guarded(tf.constant(os.fspath(db)))
        where = uri(opened).numpy().decode(errors="surrogateescape")
        with connected(where, os.fspath(db), query) as connection:
            layout = describe_table(connection, table)
            # As the query engine asks, now or in a newer SQLite: it may get by with an index, in another order.
            columns, asked = ", ".join(map(quoted, schema.names)), f"({query.strip(_SPACE).removesuffix(';')})"
            ways = (asked, f"(SELECT * FROM {asked} LIMIT -1) LIMIT -1")
            plans = [_plan(connection, f"SELECT {columns} FROM {way}") for way in ways] if layout else []
    except (LoadError, tf.errors.InvalidArgumentError) as error:
        if must:
            raise LoadError(message_of(error) if isinstance(error, tf.errors.OpError) else str(error)) from None
        return None  # the query engine says what is wrong
    if layout is None or not all(plans) or re.search(" USING (COVERING )?INDEX ", "\n".join(map("\n".join, plans))):
        return None
    given = {name.lower() for name in names} or {column.name.lower() for column in layout.columns}
    held = given & {column.name.lower() for column in layout.columns}
    return layout if given == held and {name.lower() for name in schema.names} <= held else None


def _plan(connection: sqlite3.Connection, asked: str) -> list[str]:
    try:
        return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {asked}")]
    except (sqlite3.Error, sqlite3.Warning):
        return []


def _plain(name: str) -> str:
    for opening, closing in ('""', "``", "[]"):
        if name.startswith(opening):
            return name[1:-1].replace(closing * 2, closing) if opening != "[" else name[1:-1]
    return name


def to_json(layout: TableLayout | None) -> dict[str, Any] | None:
    """The layout as a layer's config holds it."""
    if layout is None:
        return None
    document = dataclasses.asdict(layout)
    for column in document["columns"]:
        if column["default"] == UNKNOWN:
            column["default"] = {"unknown": True}
        elif isinstance(column["default"], bytes):
            column["default"] = {"blob": column["default"].hex()}
    return document


def from_json(document: Mapping[str, Any] | None) -> TableLayout | None:
    """What `to_json` wrote."""
    if document is None:
        return None
    columns = []
    for column in document["columns"]:
        default = column["default"]
        if isinstance(default, dict):
            default = UNKNOWN if "unknown" in default else bytes.fromhex(default["blob"])
        columns.append(TableColumn(column["name"], column["is_rowid"], default))
    return TableLayout(document["name"], document["sql"], tuple(columns))
