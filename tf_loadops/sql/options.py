"""What a read of a database is told besides its path and query: one hashable value, so that graphs are kept by it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tf_loadops.arguments import ON_BAD_ROW, one_of, selected
from tf_loadops.errors import LoadError
from tf_loadops.schema import Schema
from tf_loadops.sql.scan_layout import TableLayout

ENGINES = ("auto", "scan", "query")


@dataclasses.dataclass(frozen=True)
class Options:
    """How to read a query's result.

    Args:
      schema: the columns to read, in the order of the result.
      on_bad_row: "raise" refuses the result; "skip" leaves the row out; "null" keeps it with its bad values missing.
      lock_timeout: seconds to wait for a database that a writer has locked.
      engine: "auto", "scan" or "query".
      params: the names of the query's parameters.
      layout: the table that the query is all of, if it is one that can be scanned.
      known: the names that the query is known to give, besides the schema's.
    """

    schema: Schema
    on_bad_row: str = "raise"
    lock_timeout: float = 5.0
    engine: str = "auto"
    params: tuple[str, ...] = ()
    layout: TableLayout | None = None
    known: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        one_of(ON_BAD_ROW, on_bad_row=self.on_bad_row)
        one_of(ENGINES, engine=self.engine)
        is_number = isinstance(self.lock_timeout, (int, float)) and not isinstance(self.lock_timeout, bool)
        if not is_number or not 0 <= self.lock_timeout <= 3600:
            raise LoadError(f"lock_timeout is from 0 to 3600 seconds. Received: lock_timeout={self.lock_timeout!r}.")
        with_nul = [name for name in self.schema.names if "\0" in name]
        if with_nul:
            raise LoadError(f"A database has no column with a NUL in its name. Received: {with_nul[0]!r}.")


def make_options(
    schema: Schema,
    columns: Sequence[str] | None,
    on_bad_row: str,
    lock_timeout: float,
    engine: str,
    params: Mapping[str, Any] | None,
    layout: TableLayout | None = None,
) -> Options:
    """Joins the arguments of `read_sqlite`."""
    names = selected(schema, columns)
    if engine == "scan" and layout is None:
        raise LoadError(
            'engine="scan" reads a whole table, or columns of it: SELECT a, b FROM t. This query is none, or its table '
            "is a view, virtual, WITHOUT ROWID, or read in the order of an index; or database and query are not known "
            'when the graph is made. Pass engine="auto".'
        )
    known = tuple(name for name in schema.names if name not in names)
    return Options(schema.select(names), on_bad_row, lock_timeout, engine, tuple(params or ()), layout, known)


def as_params(params: Mapping[str, Any] | None) -> list[Any]:
    """The values of parameters as tensors, in the order of their names.

    Raises:
      LoadError: for names that are no names, and values that are no scalars or vectors of numbers, bools or text.
    """
    if params is not None and not isinstance(params, Mapping):
        raise LoadError(f"params is a dict of name to value. Received: {type(params).__name__}.")
    return [_as_param(name, value) for name, value in (params or {}).items()]


def _numbers(value: Any) -> Any:
    """Python's numbers in 64 bits, as TensorFlow would make 32 of them, and of 0.1 another number."""
    items = value if isinstance(value, (list, tuple)) else [value]
    if not all(isinstance(item, (int, float)) for item in items):
        return value
    array = np.asarray(items)
    exact = all(item == kept for item, kept in zip(items, array.tolist(), strict=True) if isinstance(item, int))
    if not exact or array.dtype not in (np.bool_, np.int64, np.float64):
        raise ValueError("an integer that 64 bits do not hold")
    # No Python number: TensorFlow keeps those, and after -0.0 it would give that for 0.0.
    return array if isinstance(value, (list, tuple)) else array.reshape(())


def _as_param(name: str, value: Any) -> Any:
    if not isinstance(name, str) or not name.isidentifier():
        raise LoadError(f"A parameter's name is an identifier, written :name in the query. Received: {name!r}.")
    try:
        tensor = tf.convert_to_tensor(_numbers(value))
    except (TypeError, ValueError):
        tensor = None
    kinds = tensor is not None and (
        tensor.dtype in (tf.string, tf.bool) or (tensor.dtype.is_integer and tensor.dtype != tf.uint64)
        or tensor.dtype.is_floating
    )
    if not kinds or tensor.shape.rank not in (0, 1):
        received = f"{type(value).__name__} {value!r}" if tensor is None else f"{tensor.dtype.name} {tensor.shape}"
        raise LoadError(
            f"Parameter {name!r} is a number, a bool or a text, or a vector of them for IN (:{name}). "
            f"Received: {received}."
        )
    return tensor
