"""Looking keys up in a table of a server: one query for all of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tf_loadops.blocks import to_table
from tf_loadops.compiled import OPTIMISED, call
from tf_loadops.errors import LoadError, gate
from tf_loadops.schema import Column, Schema
from tf_loadops.sql.lookup import found_twice, key_name
from tf_loadops.sql.messages import bad_value_found
from tf_loadops.sql.postgres.catalog import qualified
from tf_loadops.sql.postgres.dsn import label, located
from tf_loadops.sql.postgres.options import ServerOptions
from tf_loadops.sql.postgres.params import keys_of
from tf_loadops.sql.postgres.program import apart_from
from tf_loadops.sql.postgres.reader import fetched
from tf_loadops.sql.values import bad_rows, flags, parse_values, to_blocks
from tf_loadops.table import Table

Tensor = Any

# The key's column keeps its own type, so that its index is used; only keys that are of this form can be equal to it.
_FORMS = {"uuid": r"^[{]?([0-9A-Fa-f]{4}-?){7}[0-9A-Fa-f]{4}[}]?$"}
_PLAIN = ("text", "character varying", "name")
_TABLE = re.compile(r'(?:[^".\0]+|"(?:[^"\0]|"")+")(?:\.(?:[^".\0]+|"(?:[^"\0]|"")+")){0,2}')


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
        return call(_lookup, dsn, keys, static=(table, key, key_type, options), now=True, how=OPTIMISED)


def quoted(name: str) -> str:
    """A name as PostgreSQL can take it for nothing else."""
    return '"' + name.replace('"', '""') + '"'


def quoted_table(table: str) -> str:
    """A table's name, or `schema.table`; a part in double quotes is taken as it is.

    Raises:
      LoadError: for what is no such name.
    """
    if not isinstance(table, str) or not _TABLE.fullmatch(table):
        raise LoadError(
            "A table is written table, or schema.table; a part that holds a dot or a double quote stands in double "
            f"quotes, and a double quote in it twice. Received: table={table!r}."
        )
    parts = re.findall(r'"(?:[^"]|"")+"|[^".]+', table)
    return ".".join(part if part[0] == '"' else quoted(part) for part in parts)


def _lookup(dsn: Tensor, keys: Tensor, table: str, key: str, key_type: str, options: ServerOptions) -> Table:
    names = options.schema.names
    at_name, unknown = apart_from("tlo_at", names), apart_from("tlo_unknown", names)
    schema = Schema((*options.schema, Column(at_name, "int32")), origin=options.schema.origin)
    asked = tf.constant(f"SELECT {', '.join(map(quoted, names))} FROM {quoted_table(table)} WHERE {quoted(key)} IN "
    f"(keys)")
    query = tf.constant(_query(table, key, key_type if keys.dtype == tf.string else "bigint", names, at_name, unknown))
    parts, said = fetched(dsn, asked, query, schema, [keys_of(keys)], options, unknown)
    where, is_unknown, parsed = label(dsn), flags(parts, schema), parse_values(parts, schema)
    bad = bad_rows(parsed)
    found = to_table(to_blocks(parsed, bad, schema, False), schema)
    at = found.columns[at_name]
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


def _query(table: str, key: str, key_type: str, names: Sequence[str], at: str, unknown: str) -> str:
    found, value = "tlo_table.tlo_key", "tlo_keys.value"
    if key_type in _FORMS:
        value = f"CASE WHEN {value} ~ '{_FORMS[key_type]}' THEN {value}::{key_type} END"
    elif key_type not in ("bigint", *_PLAIN):
        found = f"{found}::text"
    # Positions for names, and each name by itself: behind a dot it could be that of a function of the table's rows.
    columns = [f"tlo_c{i}" for i in range(len(names))]
    given = ", ".join(f"tlo_table.{c} AS {quoted(n)}" for c, n in zip(columns, names, strict=True))
    inner = ", ".join(f"{quoted(n)} AS {c}" for c, n in zip([*columns, "tlo_key"], [*names, key], strict=True))
    return qualified(
        f"SELECT {given}, tlo_keys.at - 1 AS {at}, {found} IS NULL AS {unknown} FROM unnest($1) WITH ORDINALITY AS "
    ) + (
        f"tlo_keys(value, at) LEFT JOIN (SELECT {inner} FROM {quoted_table(table)}) AS tlo_table ON {found} = {value} "
        "ORDER BY tlo_keys.at"
    )
