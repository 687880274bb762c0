"""infer_schema of a query of PostgreSQL: the server is asked once what it gives."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tf_loadops.bytesops.strings import to_string
from tf_loadops.compiled import OPTIMISED, call
from tf_loadops.errors import LoadError, message_of
from tf_loadops.schema import Column, Schema
from tf_loadops.sql.options import as_params
from tf_loadops.sql.postgres import program
from tf_loadops.sql.postgres.answer import content
from tf_loadops.sql.postgres.connection import ask
from tf_loadops.sql.postgres.dsn import guarded, label, label_of, located
from tf_loadops.sql.postgres.extra import core_ops
from tf_loadops.sql.postgres.options import TIMEOUT, check_timeout
from tf_loadops.sql.postgres.params import typed
from tf_loadops.sql.postgres.query import positional
from tf_loadops.sql.query import shown

Tensor = Any

_EXACT = 2**53  # integers up to here are float64s


def infer_query(
    dsn: str,
    query: str,
    params: Mapping[str, Any] | None = None,
    sample_rows: int | None = None,
    timeout: float = TIMEOUT,
) -> Schema:
    """Finds the names and types of a query's columns; `tlo.infer_schema((dsn, query))` comes here.

    Args:
      dsn: address of the server and database.
      query: the query.
      params: values of its parameters.
      sample_rows: how many rows to look at; None for all of them.
      timeout: seconds that the query may take.

    Returns:
      The schema.

    Raises:
      LoadError: as `tlo.infer_schema`.
    """
    return schema_of(describe(dsn, query, params, sample_rows, timeout), dsn, query, sample_rows)


def schema_of(found: Mapping[str, Any], dsn: str, query: str, sample_rows: int | None) -> Schema:
    """The schema of what `describe` found."""
    columns = [Column(one["name"], _dtype(one, found["rows"], label_of(dsn))) for one in found["columns"]]
    rows = found["rows"]
    looked_at = f"all {rows} rows" if sample_rows is None or rows < sample_rows else f"the first {rows} rows"
    asked = shown(tf.constant(query)).numpy().decode()
    return Schema(tuple(columns), origin=f"inferred from {looked_at} of {asked} in {label_of(dsn)}")


def describe(
    dsn: str, query: str, params: Mapping[str, Any] | None, sample_rows: int | None, timeout: float
) -> dict[str, Any]:
    """What `program.describing` asks for."""
    core_ops()
    check_timeout(timeout)
    values = as_params(params)
    try:
        with tf.init_scope(), located(tf.constant(dsn)):  # a tf.function may be under construction
            answer = call(
                _described, tf.constant(dsn), tf.constant(query), *values,
                static=(tuple(params or ()), sample_rows, timeout), now=True, how=OPTIMISED,
            )  # fmt: skip
            return json.loads(answer.numpy().decode())
    except tf.errors.InvalidArgumentError as error:
        raise LoadError(message_of(error)) from None


def _described(dsn: Tensor, query: Tensor, *rest: Any) -> Tensor:
    *params, names, sample_rows, timeout = rest
    where = label(dsn)
    text = positional(query, where, names, [value.shape.rank == 1 for value in params])
    message = program.describing(text, [typed(value) for value in params], timeout, sample_rows)
    return to_string(content(ask(guarded(dsn), message), where, query)[8:])


def _dtype(column: dict[str, Any], rows: int, where: str) -> str:
    """The dtype of a column; see `infer_schema`."""
    kind, name = column["kind"], column["name"]
    if kind in ("text", "bytes"):
        return "string"
    if kind == "other":
        raise LoadError(
            f"{where}: column {name!r}: the query gives {column['type']}, which no dtype stands for. CAST it in the "
            "query: to text, or to a number."
        )
    if column["values"] == rows and kind in ("int", "bool"):
        return "int64" if kind == "int" else "bool"
    if kind == "int" and column["values"] and max(-column["least"], column["greatest"]) > _EXACT:
        raise LoadError(
            f"{where}: column {name!r}: it holds integers beyond 2^53 beside NULL, and a float64 would round them. "
            "Declare Column(..., 'int64', default=...), or leave the NULLs out in the query."
        )
    return "float64"
