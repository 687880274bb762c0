"""The SELECT around a query: the schema's columns by name, and beside them marks of what their values are.

`SqlDataset` gives 0 for NULL and for text in a column of numbers. So each row comes with integers that hold two bits
for each column. Most rows hold nothing but plain values: for them a chain of comparisons gives 0 at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tf_loadops.blocks import groups_of
from tf_loadops.schema import Column, Schema

Tensor = Any

# The marks.
PLAIN, NULL, WRONG = 0, 1, 2
PER_MARK = 31  # columns whose marks fit into one integer

_ROWS = "tlo_rows"
_VOLATILE = r"(?i)\C*\b(?:random|randomblob)\b\C*"  # \C: a text in it may be any bytes


def quoted(name: str) -> str:
    """A name as SQLite can take it for nothing else."""
    return "`" + name.replace("`", "``") + "`"


def value_of(column: Column) -> str:
    """The expression of a column's value."""
    return f"{_ROWS}.{quoted(column.name)}"


def select(query: Tensor, schema: Schema, unique: bool = False) -> Tensor:
    """Makes the statement whose result `rows.fetch` reads.

    Args:
      query: string scalar, as `query.bound` returned it.
      schema: the columns.
      unique: whether the query's names are known to differ.

    Returns:
      string scalar: selects the columns group by group (see `groups_of`), then the marks.
    """
    columns = [schema.columns[i] for group in groups_of(schema) for i in group]
    marks = [_mark(columns[i : i + PER_MARK]) for i in range(0, len(columns), PER_MARK)]
    return around(query, ", ".join([*map(value_of, columns), *marks]), () if unique else schema.names)


def around(query: Tensor, expressions: Tensor | str, names: Sequence[str] = (), tail: Tensor | str = "") -> Tensor:
    """Selects expressions of a query's columns; SQLite refuses it if one of `names` comes twice among them."""
    head = tf.strings.join(["SELECT ", expressions, " FROM "])
    # SQLite calls the second column of a name "name:1". Selected here beside another one of that name it is ambiguous,
    # which is found before anything is run; and nothing of this part is ever run.
    twice = [quoted(f"{name}:1") for name in names]
    others = ", ".join(f"0 AS {name}" for name in twice)
    check = [f" WHERE 1 OR EXISTS(SELECT {', '.join(twice)} FROM (SELECT {others}), (", query, "))"] if names else []
    plain = tf.strings.join([head, "(", query, f") AS {_ROWS}", *check, " ", tail])
    # SQLite would draw anew for the mark of a random number.
    kept = tf.strings.join([f"WITH {_ROWS} AS MATERIALIZED (", query, ") ", head, _ROWS, *check, " ", tail])
    return tf.where(tf.strings.regex_full_match(query, _VOLATILE), kept, plain)


def _mark(columns: Sequence[Column]) -> str:
    plain = " AND ".join(_is_plain(column) for column in columns)
    details = " + ".join(f"{4**i} * {_detail(column)}" for i, column in enumerate(columns))
    return f"CASE WHEN {plain} THEN {PLAIN} ELSE {details} END"


def _is_plain(column: Column) -> str:
    """True for what is surely a value of the column's type; false or NULL for what must be looked at."""
    value = value_of(column)
    if column.dtype in ("int32", "int64", "bool"):
        return f"typeof({value}) = 'integer'"
    # NULL compares as NULL, and numbers come before text, text before blobs.
    return f"{value} {'>=' if column.dtype == 'string' else '<'} '' COLLATE BINARY"


def _detail(column: Column) -> str:
    value = value_of(column)
    if column.dtype in ("int32", "int64", "bool"):
        is_plain = f"typeof({value}) = 'integer' OR (typeof({value}) = 'real' AND {value} = CAST({value} AS INTEGER))"
    else:
        is_plain = _is_plain(column)
    return f"CASE WHEN {is_plain} THEN {PLAIN} WHEN {value} IS NULL THEN {NULL} ELSE {WRONG} END"
