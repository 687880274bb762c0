"""What pyarrow reads of a leaf, in the form in which the reader is to give it."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

_NS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1, "days": 86_400 * 10**9}


def leaf(path: pathlib.Path, name: str) -> pa.Array:
    """A leaf's values; null where a group above it is.

    Args:
      path: the file.
      name: the leaf's dotted name.

    Returns:
      One array without dictionaries.
    """
    with pq.ParquetFile(path) as file:
        names = list(file.schema_arrow.names)
        top = max((n for n in names if name == n or name.startswith(n + ".")), key=len)
        array = _joined(file.read(columns=[name])[top])
    rest = name[len(top) + 1 :]
    while rest:
        fields = [field.name for field in array.type]
        field = max((f for f in fields if rest == f or rest.startswith(f + ".")), key=len)
        array = array.flatten()[fields.index(field)]
        rest = rest[len(field) + 1 :]
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def _joined(column: pa.ChunkedArray) -> pa.Array:
    if column.num_chunks != 1:
        return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    return column.chunk(0)


def expected(array: pa.Array, column: Any) -> tuple[np.ndarray, np.ndarray]:
    """A leaf as a column of the reader.

    Args:
      array: of `leaf`.
      column: the `tlo.Column` as which it is read.

    Returns:
      The values and the validity, as the reader is to give them.
    """
    valid = ~np.asarray(array.is_null())
    values = _numbers(array, column.unit)
    if column.dtype == "string":
        stand_in = column.default or ""
        made = [v if v is not None else stand_in for v in values]
        return np.array([v.encode() if isinstance(v, str) else v for v in made], object), valid
    stand_in = float("nan") if column.dtype.startswith("float") else 0
    stand_in = stand_in if column.default is None else column.default
    with np.errstate(over="ignore"):
        return np.array([stand_in if v is None else v for v in values], np.dtype(column.dtype)), valid


def _numbers(array: pa.Array, unit: str | None) -> list[Any]:
    """Python's values: ints for dates and times, in `unit`; floats for decimals."""
    kind = array.type
    is_time = pa.types.is_time(kind) or pa.types.is_timestamp(kind) or pa.types.is_duration(kind)
    if pa.types.is_date32(kind):
        return array.cast(pa.int32()).to_pylist()
    if is_time or pa.types.is_date64(kind):
        own = "ms" if pa.types.is_date64(kind) else kind.unit
        ints = array.cast(pa.int32() if pa.types.is_time32(kind) else pa.int64()).to_pylist()
        if unit is None:
            return ints
        return [None if v is None else v * _NS[own] // _NS[unit] for v in ints]
    if pa.types.is_decimal(kind):
        return [None if v is None else float(v) for v in array.to_pylist()]
    return array.to_pylist()


def differs(got: dict[str, Any], name: str, wanted: tuple[np.ndarray, np.ndarray]) -> str:
    """What differs between a column that was read and the expected one; "" where nothing does."""
    values, valid = got["values"][name], got["valid"][name]
    if valid.shape != wanted[1].shape:
        return f"{valid.size} rows instead of {wanted[1].size}"
    if not np.array_equal(valid, wanted[1]):
        return f"validity differs at row {int(np.argmax(valid != wanted[1]))}"
    if values.dtype != wanted[0].dtype:
        return f"{values.dtype} instead of {wanted[0].dtype}"
    same = values == wanted[0]
    if values.dtype.kind == "f":
        same = (same & (np.signbit(values) == np.signbit(wanted[0]))) | (np.isnan(values) & np.isnan(wanted[0]))
    if not np.all(same):
        row = int(np.argmin(same))
        return f"row {row} is {values[row]!r} instead of {wanted[0][row]!r}"
    return ""
