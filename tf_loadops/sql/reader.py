"""read_sqlite: the SQLite function of the public surface."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from tf_loadops.blocks import Blocks, concatenated, count, groups_of, to_example, to_table
from tf_loadops.compiled import OPTIMISED, apart, call
from tf_loadops.errors import LoadError, gate
from tf_loadops.inputs import as_strings, run
from tf_loadops.schema import Schema
from tf_loadops.sql import messages
from tf_loadops.sql.guard import file_bytes, guarded, uri
from tf_loadops.sql.literals import parameter
from tf_loadops.sql.options import Options, as_params, make_options
from tf_loadops.sql.query import bound
from tf_loadops.sql.rows import fetch, text_of
from tf_loadops.sql.scan import scan_table
from tf_loadops.sql.scan_layout import TableLayout
from tf_loadops.sql.select import quoted, select
from tf_loadops.sql.values import bad_rows, parse_values, to_blocks
from tf_loadops.sql.whole import layout_of
from tf_loadops.table import Table

Tensor = Any

# Below this SQLite is done before a compiled scan pays; `python -m benchmarks run sqlite` shows it.
AUTO_BYTES = 16 << 20
# Bytes of a file that are scanned in the time in which SQLite hands over one value.
BYTES_A_VALUE = 200
# A database could have a table of this name, and send the reader to another file.
_RESOLVED = (
    "SELECT file FROM pragma_database_list WHERE name = 'main' AND NOT EXISTS("
    "SELECT 1 FROM main.sqlite_master WHERE name = 'pragma_database_list' COLLATE NOCASE)"
)


# Autograph, where a caller's tf.function brings it along, would only slow the tracing of what is graph code already.
@tf.autograph.experimental.do_not_convert
def read_sqlite(
    db: Any,
    query: Any,
    schema: Schema,
    *,
    params: Mapping[str, Any] | None = None,
    columns: Sequence[str] | None = None,
    on_bad_row: str = "raise",
    lock_timeout: float = 5.0,
    engine: str = "auto",
) -> Table:
    r"""Runs one SELECT on a SQLite database with TensorFlow ops only, anew on every call.

    The database is opened read-only. A `"name"` in the query is a name and never a text. A column of floats takes
    integers and reals, one of integers also reals without a fraction, a bool 0 and 1, a string text and blobs (their
    bytes); every other value is refused, and NULL is missing.

    Args:
      db: string tensor (or a str, a path-like or a list of them): the path of the database, or [files], whose rows
        follow one another in this order.
      query: string scalar: one SELECT (also WITH … SELECT, or VALUES).
      schema: the columns to read, by the names that the query gives them; `tlo.infer_schema((db, query))` makes one.
      params: values for the query's `:name` parameters, bound at run time: numbers, bools or text, scalar tensors
        or vectors (for `IN (:name)`).
      columns: the names to read, in the order of the result; all of the schema's by default.
      on_bad_row: what happens to a row with a value that cannot be represented: "raise" refuses the result, "skip"
        leaves the row out, "null" keeps it with those values missing. Such rows are counted.
      lock_timeout: seconds to wait for a database that a writer has locked.
      engine: "query" (and "auto", here) asks SQLite; "scan" reads the file's pages itself, which is faster for a whole
        table, and asks SQLite where that is not exact. The rows are the same; without ORDER BY their order may differ
        where an index was made later. A scan needs `db` and `query` as Python values, for `db` (the first) is looked
        at when the graph is made. `DatabaseDataLoader` picks by itself.

    Returns:
      A Table: `columns` and `validity` are dicts of name to Tensor [rows], `counts` holds int64 scalars `rows`,
      `bad_rows`, `missing` (values) and `bytes` (of the values). A query without rows gives zero rows.

    Raises:
      LoadError: at once, for arguments that make no sense.
      tf.errors.InvalidArgumentError: at run time, `path: row n, column 'c': what was found and what to do`.
      tf.errors.OpError: at run time, with SQLite's own words, for a query that it refuses.

    Example:
      >>> import pathlib, sqlite3, tempfile
      >>> db = pathlib.Path(tempfile.mkdtemp()) / "shop.db"
      >>> shop = sqlite3.connect(db)
      >>> _ = shop.execute("CREATE TABLE items (name TEXT, price REAL)")
      >>> _ = shop.execute("INSERT INTO items VALUES ('tea', 4.5), ('cup', NULL), ('pot', 20)")
      >>> shop.commit(); shop.close()
      >>> schema = Schema([Column("price", "float32")])
      >>> table = read_sqlite(db, "SELECT * FROM items WHERE name <> :name", schema, params={"name": "pot"})
      >>> table.columns["price"].numpy().tolist(), table.validity["price"].numpy().tolist()
      ([4.5, nan], [True, False])

    Source: sqlite.org/lang_select.html, sqlite.org/datatype3.html.
    """
    layout = _layout(db, query, schema, columns) if engine == "scan" else None
    options = make_options(schema, columns, on_bad_row, lock_timeout, engine, params, layout)
    return run(read_table, as_strings(db), as_query(query), as_params(params), options)


def _layout(db: Any, query: Any, schema: Schema, columns: Sequence[str] | None) -> TableLayout | None:
    first = db[0] if isinstance(db, (list, tuple)) and db else db
    if not isinstance(first, (str, os.PathLike)) or not isinstance(query, str) or not isinstance(schema, Schema):
        return None
    return layout_of(first, query, schema.select(columns) if columns else schema, must=True)


def as_query(query: Any) -> Tensor:
    """A query as a string scalar."""
    tensor = tf.convert_to_tensor(query)
    if tensor.dtype != tf.string or tensor.shape.rank != 0:
        raise LoadError(f"A query is one text. Received: {tensor.dtype.name} of shape {tensor.shape}.")
    return tensor


def read_table(path: Tensor, query: Tensor, params: list[Tensor], options: Options) -> Table:
    """The graph function under `read_sqlite`."""
    return to_table(read_blocks(path, query, params, options), options.schema)


def matrix_of(
    path: Tensor, query: Tensor, params: list[Tensor], options: Any, features: Sequence[str], label: str | None,
    dtype: str, read: Any = None,
) -> tuple[Tensor, Tensor, Tensor | None]:
    """The graph function under loaders of matrices: matrix, validity and label; `read` reads in place of SQLite."""
    blocks = (read or read_blocks)(path, query, params, options)
    return to_example(blocks, options.schema, features, label, dtype)


def read_blocks(path: Tensor, query: Tensor, params: list[Tensor], options: Options) -> Blocks:
    """Reads a database, or those of a vector of paths; rows in the order of the paths."""
    return call(_read, path, query, *params, static=(options,))


def _read(path: Tensor, query: Tensor, *rest: Any) -> Blocks:
    *params, options = rest
    literals = tf.stack([parameter(value) for value in params]) if params else None
    if path.shape.rank == 0:
        return _read_database(path, query, literals, options)
    path = gate(tf.size(path) > 0, lambda: tf.constant("No path was given: the vector of paths is empty."), path)
    return concatenated(path, options.schema, lambda p: _read_database(p, query, literals, options))


def _read_database(path: Tensor, query: Tensor, literals: Tensor | None, options: Options) -> Blocks:
    schema = options.schema
    path, header = guarded(path, [column.name for column in schema if column.dtype == "string"])
    if options.layout is None or options.engine == "query" or options.params:
        return _by_query(path, header, query, literals, options)
    worth = tf.constant(True) if options.engine == "scan" else _pays(path, header, options.layout, schema)

    def scan() -> tuple[Blocks, Tensor]:
        return call(_scan, path, static=(options.layout, schema), now=True, how=OPTIMISED)

    blocks, exact = tf.cond(worth, scan, lambda: _nothing(schema))
    return tf.cond(exact, lambda: blocks, lambda: apart(lambda: _by_query(path, header, query, literals, options)))


def _pays(path: Tensor, header: Tensor, layout: TableLayout, schema: Schema) -> Tensor:
    """Whether the table holds so many rows that reading all of the file is less work than asking SQLite for them."""
    size = file_bytes(header)
    rows = tf.strings.as_string(size // (BYTES_A_VALUE * len(schema)) + 1)
    head = f"SELECT CAST(count(*) AS TEXT) FROM (SELECT 1 FROM {quoted(layout.name)} LIMIT "
    some = tf.strings.join([head, rows, ")"])
    return tf.cond(size >= AUTO_BYTES, lambda: tf.equal(text_of(uri(path), some), rows), lambda: tf.constant(False))


def _scan(path: Tensor, layout: TableLayout, schema: Schema) -> tuple[Blocks, Tensor]:
    # Beside the target of a link, not beside the link, lies what tells of a transaction.
    path = text_of(uri(path), tf.constant(_RESOLVED))
    return scan_table(path, layout, schema)


def _nothing(schema: Schema) -> tuple[Blocks, Tensor]:
    groups = groups_of(schema)
    values = tuple(tf.zeros([0, len(group)], schema.columns[group[0]].tf_dtype) for group in groups)
    valid = tuple(tf.zeros([0, len(group)], tf.bool) for group in groups)
    return Blocks(values, valid, count(valid, tf.constant(0, tf.int64), tf.constant(""))), tf.constant(False)


def _by_query(path: Tensor, header: Tensor, query: Tensor, literals: Tensor | None, options: Options) -> Blocks:
    schema = options.schema
    asked, query = query, bound(query, path, options.params, literals)
    fetched = fetch(path, header, select(query, schema, known=options.known), schema, options.lock_timeout)
    failure = lambda: messages.no_result(path, asked, query, options, fetched)  # noqa: E731
    fetched = gate(fetched.done, failure, fetched)
    parsed = parse_values(fetched.parts, schema)
    bad = bad_rows(parsed)
    if options.on_bad_row == "raise":
        message = lambda: messages.bad_value(path, fetched.opened, query, schema, parsed)  # noqa: E731
        parsed = gate(~tf.reduce_any(bad), message, parsed)
    return to_blocks(parsed, bad, schema, options.on_bad_row == "skip")
