"""Looking keys up in a table of a server: one query for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tf_loadops.blocks import to_table
from tf_loadops.compiled import call
from tf_loadops.errors import gate
from tf_loadops.schema import Column, Schema
from tf_loadops.sql.lookup import found_twice, key_name
from tf_loadops.sql.messages import bad_value_found
from tf_loadops.sql.postgres.dsn import label, located
from tf_loadops.sql.postgres.options import ServerOptions
from tf_loadops.sql.postgres.params import keys_of
from tf_loadops.sql.postgres.reader import fetched
from tf_loadops.sql.values import bad_rows, flags, parse_values, to_blocks
from tf_loadops.table import Table

Tensor = Any

_AT, _UNKNOWN = "tlo_at", "tlo_unknown"  # names that no table has by chance
# The key's column keeps its own type, so that its index is used; only keys that are of this form can be equal to it.
_FORMS = {"uuid": r"^\{?([0-9A-Fa-f]{4}-?){7}[0-9A-Fa-f]{4}\}?$"}
_PLAIN = ("bigint", "integer", "smallint", "text", "character varying", "name")


def lookup(dsn: Tensor, keys: Tensor, table: str, key: str, key_type: str, options: ServerOptions) -> Table:
    """Looks keys up.

    Args:
      dsn: string scalar, the address.
      keys: int64 or string [keys], in any order, with repeats.
      table: the table's or view's name, with its schema and a dot in front where it is not on the search path.
      key: the name of its column of keys.
      key_type: that column's type, as PostgreSQL calls it.
      options: the columns to read, and how.

    Returns:
      A Table, as `sql.lookup.lookup`.
    """
    with located(dsn):
        return call(_lookup, dsn, keys, static=(table, key, key_type, options), now=True)


def quoted(name: str) -> str:
    """A name as PostgreSQL can take it for nothing else."""
    return '"' + name.replace('"', '""') + '"'


def quoted_table(table: str) -> str:
    """A table's name, or `schema.table`; a part in double quotes is taken as it is."""
    if '"' in table:
        return table
    return ".".join(map(quoted, table.split(".")))


def _lookup(dsn: Tensor, keys: Tensor, table: str, key: str, key_type: str, options: ServerOptions) -> Table:
    names = options.schema.names
    schema = Schema((*options.schema, Column(_AT, "int32")), origin=options.schema.origin)
    asked = tf.constant(f"SELECT {', '.join(map(quoted, names))} FROM {quoted_table(table)} WHERE {quoted(key)} IN "
    f"(keys)")
    query = tf.constant(_query(table, key, key_type, names))
    parts, said = fetched(dsn, asked, query, schema, [keys_of(keys)], options, _UNKNOWN)
    where, is_unknown, parsed = label(dsn), flags(parts, schema), parse_values(parts, schema)
    bad = bad_rows(parsed)
    found = to_table(to_blocks(parsed, bad, schema, False), schema)
    at = found.columns[_AT]
    # The join goes from the keys to the table: there are more rows than keys only if a key was found again.
    is_unique = tf.equal(tf.size(at), tf.size(keys))
    found = gate(is_unique, lambda: found_twice(where, keys[at[1:][tf.equal(at[1:], at[:-1])][0]], table, key), found)
    if options.options.on_bad_row == "raise":
        name = lambda row: tf.strings.join(["key ", key_name(keys[row]), tf.where(is_unknown[row], " (unknown)", "")])  # noqa: E731
        message = lambda: bad_value_found(where, schema, parsed, lambda row, column: said, name)  # noqa: E731
        found = gate(~tf.reduce_any(bad), message, found)
    counts = {**found.counts, "unknown_keys": tf.reduce_sum(tf.cast(is_unknown, tf.int64))}
    counts["bytes"] -= tf.size(keys, tf.int64) * at.dtype.size
    return Table({n: found.columns[n] for n in names}, {n: found.validity[n] for n in names}, counts)


def _query(table: str, key: str, key_type: str, names: Sequence[str]) -> str:
    found, value = f"tlo_table.{quoted(key)}", "tlo_keys.value"
    if key_type in _FORMS:
        value = f"CASE WHEN {value} ~ '{_FORMS[key_type]}' THEN {value}::{key_type} END"
    elif key_type not in _PLAIN:
        found = f"{found}::text"
    values = ", ".join(f"tlo_table.{quoted(name)}" for name in names)
    return (
        f"SELECT {values}, tlo_keys.at - 1 AS {_AT}, {found} IS NULL AS {_UNKNOWN} FROM unnest($1) WITH ORDINALITY AS "
        f"tlo_keys(value, at) LEFT JOIN {quoted_table(table)} AS tlo_table ON {found} = {value} ORDER BY tlo_keys.at"
    )
