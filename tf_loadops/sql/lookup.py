"""Looking keys up in a table: one query for all of them, order and repeats kept, unknown keys seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tf_loadops.blocks import to_table
from tf_loadops.compiled import call
from tf_loadops.errors import gate, printable
from tf_loadops.schema import Column, Schema
from tf_loadops.sql import messages
from tf_loadops.sql.guard import guarded
from tf_loadops.sql.literals import literals
from tf_loadops.sql.options import Options
from tf_loadops.sql.rows import fetch
from tf_loadops.sql.select import quoted, select
from tf_loadops.sql.values import bad_rows, parse_values, to_blocks
from tf_loadops.table import Table

Tensor = Any

# Names that no table has by chance.
_AT, _KNOWN = "tlo_at", "tlo_known"


def lookup(path: Tensor, keys: Tensor, table: str, key: str, options: Options) -> Table:
    """Looks keys up.

    Args:
      path: string scalar, the database.
      keys: integer or string [keys], in any order, with repeats.
      table: the table's or view's name.
      key: the name of its column of keys.
      options: the columns to read, and how.

    Returns:
      A Table with one row for each key; where a key is unknown every value is missing. `counts` also holds
      `unknown_keys`.

    Raises:
      tf.errors.InvalidArgumentError: at run time, as `read_sqlite`, and where a key is found more than once.
    """
    return call(_lookup, path, keys, static=(table, key, options))


def _lookup(path: Tensor, keys: Tensor, table: str, key: str, options: Options) -> Table:
    schema = Schema((*options.schema, Column(_AT, "int64"), Column(_KNOWN, "bool")), origin=options.schema.origin)
    path, header = guarded(path, [column.name for column in options.schema if column.dtype == "string"])
    query = _query(keys, table, key, options.schema.names)
    fetched = fetch(path, header, select(query, schema, unique=True), schema, options.lock_timeout)
    asked = tf.constant(f"SELECT {', '.join(map(quoted, options.schema.names))} FROM {quoted(table)} WHERE "
                        f"{quoted(key)} IN (keys)")  # fmt: skip
    failure = lambda: messages.no_result(path, asked, query, schema, fetched, options.lock_timeout)  # noqa: E731
    fetched = gate(fetched.done, failure, fetched)
    parsed = parse_values(fetched.parts, schema)
    bad = bad_rows(parsed)
    found = to_table(to_blocks(parsed, bad, schema, False), schema)
    at, known = found.columns[_AT], found.columns[_KNOWN]
    # The join goes from the keys to the table, so a key comes again only if it was found again.
    size = tf.size(keys, out_type=tf.int64)
    is_unique = tf.equal(tf.size(at, out_type=tf.int64), size)
    parsed, found = gate(is_unique, lambda: _twice(path, keys, at, table, key), (parsed, found))
    if options.on_bad_row == "raise":
        name = lambda row: tf.strings.join(["key ", _name(keys[row]), tf.where(known[row], "", " (unknown)")])  # noqa: E731
        message = lambda: messages.bad_value(path, fetched.opened, query, schema, parsed, name)  # noqa: E731
        found = gate(~tf.reduce_any(bad), message, found)
    counts = dict(found.counts)
    counts["bytes"] -= size * (found.columns[_AT].dtype.size + found.columns[_KNOWN].dtype.size)
    counts["unknown_keys"] = tf.reduce_sum(tf.cast(~found.columns[_KNOWN], tf.int64))
    wanted = options.schema.names
    return Table({n: found.columns[n] for n in wanted}, {n: found.validity[n] for n in wanted}, counts)


def _query(keys: Tensor, table: str, key: str, names: Sequence[str]) -> Tensor:
    values = ", ".join(f"tlo_table.{quoted(name)}" for name in names)
    found = f"tlo_table.{quoted(key)}"
    head = f"SELECT {values}, tlo_keys.key AS {_AT}, {found} IS NOT NULL AS {_KNOWN} FROM "
    tail = f" AS tlo_keys LEFT JOIN {quoted(table)} AS tlo_table ON {found} = tlo_keys.value"
    return tf.strings.join([head, _rows(keys), tail])


def _rows(keys: Tensor) -> Tensor:
    """A table expression with the keys and their positions."""
    if keys.dtype != tf.string:  # five times as fast as VALUES
        array = tf.strings.reduce_join(tf.strings.as_string(keys), separator=",")
        return tf.strings.join(["json_each('[", array, "]')"])
    # In JSON a text would end at a NUL. The row that is left out is for VALUES without keys.
    at = tf.strings.as_string(tf.range(tf.size(keys)))
    rows = tf.strings.join(["(", at, ",", literals(keys), ")"])
    rows = tf.strings.reduce_join(tf.concat([rows, ["(-1,NULL)"]], axis=0), separator=",")
    return tf.strings.join(["(SELECT column1 AS key, column2 AS value FROM (VALUES ", rows, ") WHERE column1 >= 0)"])


def _name(keys: Tensor) -> Tensor:
    if keys.dtype == tf.string:
        return tf.strings.join(["'", printable(keys), "'"])
    return tf.strings.as_string(keys)


def _twice(path: Tensor, keys: Tensor, at: Tensor, table: str, key: str) -> Tensor:
    again = at[1:][tf.equal(at[1:], at[:-1])][0]
    said = f": the table {table!r} has it more than once in column {key!r}, and nobody can tell which row is meant."
    return tf.strings.join([path, ": key ", _name(tf.gather(keys, again)), said, " Look up a column of unique keys."])
