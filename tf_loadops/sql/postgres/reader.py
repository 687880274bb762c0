"""read_postgres: the PostgreSQL function of the public surface."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from tf_loadops.blocks import Blocks, concatenated, to_table
from tf_loadops.compiled import OPTIMISED, call
from tf_loadops.errors import gate
from tf_loadops.inputs import as_strings, run
from tf_loadops.schema import Schema
from tf_loadops.sql.messages import bad_value_found
from tf_loadops.sql.options import as_params
from tf_loadops.sql.postgres import program
from tf_loadops.sql.postgres.answer import Answer, content, parse
from tf_loadops.sql.postgres.connection import ask
from tf_loadops.sql.postgres.dsn import guarded, is_server, label, located, warn_if_open
from tf_loadops.sql.postgres.extra import core_ops
from tf_loadops.sql.postgres.options import TIMEOUT, ServerOptions, server_options
from tf_loadops.sql.postgres.params import typed
from tf_loadops.sql.postgres.query import positional
from tf_loadops.sql.reader import as_query
from tf_loadops.sql.values import bad_rows, parse_values, to_blocks
from tf_loadops.table import Table

Tensor = Any


@tf.autograph.experimental.do_not_convert
def read_postgres(
    dsn: Any,
    query: Any,
    schema: Schema,
    *,
    params: Mapping[str, Any] | None = None,
    columns: Sequence[str] | None = None,
    on_bad_row: str = "raise",
    timeout: float = TIMEOUT,
) -> Table:
    r"""Runs one query on a PostgreSQL server inside the graph, anew on every call, by the ops of tensorflow-io.

    It takes the extra `[io]`: TensorFlow 2.16 or 2.17. The client has no TLS: queries and rows travel unencrypted.
    It is meant for lookups and for results of up to some 100,000 rows; `tlo.snapshot` is for more, and has TLS.

    A column of floats takes integers, reals, numerics (correctly rounded), booleans and, as seconds since 1970 in UTC,
    dates and timestamps; one of integers the same without a fraction; a bool booleans, 0 and 1; a string text of every
    kind (of `char(n)` without the blanks that fill it up), uuid, json and bytea. Another type is refused by its name:
    CAST it in the query. NULL is missing.

    The transaction is read-only, and the query is one statement. At most four reads of a process go on at the same
    time, over as many connections, which end with the read.

    Args:
      dsn: string tensor (or a str, or a list of them): `postgresql://user@host:port/database?option=value`. What is
        left out, the password above all, libpq takes from its environment: PGHOST, PGPASSWORD, PGPASSFILE, PGSERVICE.
      query: string scalar: one SELECT (also WITH … SELECT, or VALUES).
      schema: the columns to read, by the names that the query gives them; `tlo.infer_schema((dsn, query))` makes one.
      params: values for the query's `:name` parameters, bound at run time: numbers, bools or text, scalar tensors
        or vectors (for `IN (:name)` or `= ANY (:name)`). They come as bigint, double precision, boolean and text.
      columns: the names to read, in the order of the result; all of the schema's by default.
      on_bad_row: what happens to a row with a value that cannot be represented: "raise" refuses the result, "skip"
        leaves the row out, "null" keeps it with those values missing. Such rows are counted.
      timeout: seconds that the query may take on the server. Connecting is tried four times within 0.7 seconds,
        each for at most `connect_timeout` (an option of the DSN; 10) seconds. A query is never run twice.

    Returns:
      A Table, as `tlo.read_sqlite` does.

    Raises:
      LoadError: at once, for arguments that make no sense, and where tensorflow-io is not installed.
      tf.errors.InvalidArgumentError: at run time, `postgresql://host:port/database: what was found and what to do`.

    Example:
      >>> schema = Schema([Column("price", "float32")])
      >>> query = "SELECT price FROM items WHERE name <> :name"
      >>> table = read_postgres("postgresql://db/shop", query, schema, params={"name": "pot"})  # doctest: +SKIP

    Source: postgresql.org/docs/current/libpq-connect.html, datatype.html.
    """
    core_ops()
    options = server_options(schema, columns, on_bad_row, timeout, params)
    for one in dsn if isinstance(dsn, (list, tuple)) else [dsn]:
        if is_server(one):
            warn_if_open(one)
    return run(read_table, as_strings(dsn), as_query(query), as_params(params), options)


def read_table(dsn: Tensor, query: Tensor, params: list[Tensor], options: ServerOptions) -> Table:
    """The graph function under `read_postgres`."""
    return to_table(read_blocks(dsn, query, params, options), options.schema)


def read_blocks(dsn: Tensor, query: Tensor, params: list[Tensor], options: ServerOptions) -> Blocks:
    """Reads a server, or those of a vector of addresses; rows in their order."""
    # Eagerly, too, as a graph: op by op, nothing would hold the lock from asking to reading.
    with located(dsn):
        return call(_read, dsn, query, *params, static=(options,), now=True, how=OPTIMISED)


def _read(dsn: Tensor, query: Tensor, *rest: Any) -> Blocks:
    *params, options = rest
    if dsn.shape.rank == 0:
        return _read_server(dsn, query, params, options)
    dsn = gate(tf.size(dsn) > 0, lambda: tf.constant("No path was given: the vector of paths is empty."), dsn)
    return concatenated(dsn, options.schema, lambda one: _read_server(one, query, params, options))


def _read_server(dsn: Tensor, query: Tensor, params: list[Tensor], options: ServerOptions) -> Blocks:
    where = label(dsn)
    vectors = [value.shape.rank == 1 for value in params]
    text = positional(query, where, options.options.params, vectors)
    on_bad_row = options.options.on_bad_row
    parts, said = fetched(dsn, query, text, options.schema, [typed(value) for value in params], options)
    parsed = parse_values(parts, options.schema)
    bad = bad_rows(parsed)
    if on_bad_row == "raise":
        message = lambda: bad_value_found(where, options.schema, parsed, lambda row, column: said)  # noqa: E731
        parsed = gate(~tf.reduce_any(bad), message, parsed)
    return to_blocks(parsed, bad, options.schema, on_bad_row == "skip")


def fetched(
    dsn: Tensor,
    asked: Tensor,
    query: Tensor,
    schema: Schema,
    params: Sequence[tuple[str, Tensor]],
    options: ServerOptions,
    flag: str | None = None,
) -> Answer:
    """Runs a query.

    Args:
      dsn: string scalar.
      asked: string scalar, the query as messages show it.
      query: string scalar, with positions for parameters.
      schema: the columns.
      params: of each parameter its type and SQL.
      options: how to read it.
      flag: as for `program.reading`.

    Returns:
      What it gave.
    """
    where, dsn = label(dsn), guarded(dsn)
    message = program.reading(query, schema, params, options.timeout, options.options.on_bad_row == "raise", flag)
    return parse(content(ask(dsn, message), where, asked), schema, flag)
