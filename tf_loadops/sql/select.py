"""The SELECT around a query: the schema's columns by name, and beside them marks of what their values are.

`SqlDataset` gives 0 for NULL and for text in a column of numbers. So each row comes with integers that hold two bits
for each column. Most rows hold nothing but plain values: for them a chain of comparisons gives 0 at once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tf_loadops.blocks import groups_of
from tf_loadops.schema import Column, Schema

Tensor = Any

# The marks; SQLite leaves it to `values` to see what is out of range.
PLAIN, NULL, WRONG, OUTSIDE = 0, 1, 2, 3
PER_MARK = 31  # columns whose marks fit into one integer

_ROWS = "tlo_rows"


def quoted(name: str) -> str:
    """A name as SQLite can take it for nothing else."""
    return "`" + name.replace("`", "``") + "`"


def doubles(names: Sequence[str], known: Sequence[str] = ()) -> list[str]:
    """What SQLite calls a second column of each name: "a:1", or "a:2" where "a:1" is a column of its own.

    Args:
      names: the names.
      known: further names that the query is known to give.

    Returns:
      A name for each of `names`.

    Source: sqlite3ColumnsFromExprList in SQLite's select.c.
    """
    taken = {name.lower() for name in (*names, *known)}
    bases = [re.sub(r":[0-9]*\Z", "", name) for name in names]
    return [next(made for k in range(1, len(taken) + 2) if (made := f"{base}:{k}").lower() not in taken)
            for base in bases]  # fmt: skip


def value_of(column: Column) -> str:
    """The expression of a column's value."""
    return f"{_ROWS}.{quoted(column.name)}"


def width_of_marks(schema: Schema, flag: str | None) -> int:
    """How many integers hold the marks of a row."""
    return -(-(len(schema) + (flag is not None)) // PER_MARK)


def select(query: Tensor, schema: Schema, flag: str | None = None, known: Sequence[str] = ()) -> Tensor:
    """Makes the statement whose result `rows.fetch` reads.

    Args:
      query: string scalar, as `query.bound` returned it.
      schema: the columns.
      flag: for a query of this package's own, whose names are known to differ: one more column of it, which is 0 or 1.
      known: as for `doubles`.

    Returns:
      string scalar: selects the columns group by group (see `groups_of`), then the marks, last of them the flag.
    """
    columns = [schema.columns[i] for group in groups_of(schema) for i in group]
    marked = [(_is_plain(column), _detail(column)) for column in columns]
    if flag is not None:
        marked.append((f"NOT {_ROWS}.{flag}", f"{_ROWS}.{flag}"))
    marks = [_mark(marked[i : i + PER_MARK]) for i in range(0, len(marked), PER_MARK)]
    expressions = ", ".join([*map(value_of, columns), *marks])
    return around(query, expressions, doubles(schema.names, known) if flag is None else ())


def around(
    query: Tensor, expressions: Tensor | str, absent: Sequence[str] = (), tail: Tensor | str = "LIMIT -1"
) -> Tensor:
    """Selects expressions of a query's columns; SQLite refuses it if one of `absent` is among their names."""
    # Selected here beside another column of the name it is ambiguous, which is found before anything is run; and
    # nothing of this part is ever run.
    names = [quoted(name) for name in dict.fromkeys(absent)]
    others = ", ".join(f"0 AS {name}" for name in names)
    check = [f" WHERE 1 OR EXISTS(SELECT {', '.join(names)} FROM (SELECT {others}), (", query, "))"] if names else []
    # With a LIMIT inside and outside SQLite computes each value once (rule 13 of sqlite.org/optoverview.html). Else it
    # would draw a random number, of a view maybe, once for the value and once for its mark.
    once = ["(SELECT * FROM (", query, f") LIMIT -1) AS {_ROWS}"]
    return tf.strings.join(["SELECT ", expressions, " FROM ", *once, *check, " ", tail])


def _mark(marked: Sequence[tuple[str, str]]) -> str:
    plain = " AND ".join(is_plain for is_plain, _ in marked)
    details = " + ".join(f"{4**i} * {detail}" for i, (_, detail) in enumerate(marked))
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
