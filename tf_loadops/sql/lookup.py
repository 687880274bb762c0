"""Looking keys up in a table: one query for all of them, order and repeats kept, unknown keys seen."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tf_loadops.blocks import to_table
from tf_loadops.compiled import call
from tf_loadops.errors import gate, printable
from tf_loadops.sql import messages
from tf_loadops.sql.guard import guarded
from tf_loadops.sql.literals import literals
from tf_loadops.sql.options import Options
from tf_loadops.sql.rows import fetch, text_of
from tf_loadops.sql.select import quoted, select
from tf_loadops.sql.values import bad_rows, flags, parse_values, to_blocks
from tf_loadops.table import Table

Tensor = Any


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
    schema = options.schema
    path, header = guarded(path, [column.name for column in schema if column.dtype == "string"])
    joined = _joined(keys, table, key)
    values = ", ".join(f"tlo_table.{quoted(name)}" for name in schema.names)
    flag = "tlo_unknown" + "_" * max(map(len, schema.names))  # longer than any of the columns' names
    unknown = f"tlo_table.{quoted(key)} IS NULL AS {flag}"
    query = tf.strings.join([f"SELECT {values}, {unknown} FROM ", joined, " ORDER BY tlo_keys.key"])
    fetched = fetch(path, header, select(query, schema, flag), schema, options.lock_timeout, flag)
    asked = tf.constant(f"SELECT {', '.join(map(quoted, schema.names))} FROM {quoted(table)} WHERE "
                        f"{quoted(key)} IN (keys)")  # fmt: skip
    failure = lambda: messages.no_result(path, asked, query, options, fetched)  # noqa: E731
    fetched = gate(fetched.done, failure, fetched)
    # The join goes from the keys to the table: there are more rows than keys only if a key was found again.
    is_unique = tf.equal(tf.shape(fetched.parts[-1])[0], tf.size(keys))
    fetched = gate(is_unique, lambda: _twice(path, fetched.opened, keys, joined, table, key), fetched)
    is_unknown = flags(fetched.parts, schema)
    parsed = parse_values(fetched.parts, schema)
    bad = bad_rows(parsed)
    if options.on_bad_row == "raise":
        name = lambda row: _join("key ", key_name(keys[row]), tf.where(is_unknown[row], " (unknown)", ""))  # noqa: E731
        message = lambda: messages.bad_value(path, fetched.opened, query, schema, parsed, name)  # noqa: E731
        parsed = gate(~tf.reduce_any(bad), message, parsed)
    found = to_table(to_blocks(parsed, bad, schema, False), schema)
    counts = {**found.counts, "unknown_keys": tf.reduce_sum(tf.cast(is_unknown, tf.int64))}
    return Table(found.columns, found.validity, counts)


def _joined(keys: Tensor, table: str, key: str) -> Tensor:
    """The keys and beside each its row of the table, as what a FROM names."""
    on = f"tlo_table.{quoted(key)} = tlo_keys.value"
    return tf.strings.join([_rows(keys), f" AS tlo_keys LEFT JOIN {quoted(table)} AS tlo_table ON {on}"])


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


def key_name(keys: Tensor) -> Tensor:
    """Keys as messages show them."""
    if keys.dtype == tf.string:
        return tf.strings.join(["'", printable(keys), "'"])
    return tf.strings.as_string(keys)


def _twice(path: Tensor, opened: Tensor, keys: Tensor, joined: Tensor, table: str, key: str) -> Tensor:
    first = "GROUP BY tlo_keys.key HAVING count(*) > 1 ORDER BY tlo_keys.key LIMIT 1"
    at = text_of(opened, _join("SELECT CAST(tlo_keys.key AS TEXT) FROM ", joined, " ", first))
    is_gone = tf.equal(at, "")  # the table was changed just now
    again = tf.strings.to_number(tf.where(is_gone, "0", at), tf.int64)
    return tf.where(is_gone, found_twice(path, None, table, key), found_twice(path, keys[again], table, key))


def found_twice(path: Tensor, again: Tensor | None, table: str, key: str) -> Tensor:
    """The message for a key that is found more than once."""
    which = "a key" if again is None else _join("key ", key_name(again))
    said = f": the table {table!r} has it more than once in column {key!r}, and nobody can tell which row is meant."
    return _join(path, ": ", which, said, " Look up a column of unique keys.")


def _join(*parts: Any) -> Tensor:
    return tf.strings.join(list(parts))
