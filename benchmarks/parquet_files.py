"""Parquet files for benchmarks: written once by pyarrow, the same values on every run."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np

COLUMNS = 10
KINDS = ("reals", "mixed", "dictionary", "strings")


def names(kind: str, columns: int = COLUMNS) -> list[str]:
    """The columns' names."""
    return ["text"] if kind == "strings" else [f"f{i}" for i in range(columns)]


def values_of(kind: str, rows: int, columns: int = COLUMNS) -> list[np.ndarray]:
    """The columns; NaN, in float64 even where the file has integers, is a null.

    Args:
      kind: one of KINDS: float64 without nulls; float64, int32, float32 and int64 in turn, a tenth of them null;
        int64 of 1000 different values; text.
      rows: how many.
      columns: how many, unless it is text.

    Returns:
      One array for each.
    """
    rng = np.random.default_rng(0)
    if kind == "strings":
        return [np.array([f"item {v} of a list" for v in rng.integers(0, 10**9, rows)], object)]
    if kind == "dictionary":
        return [rng.integers(0, 10**6, 1000)[rng.integers(0, 1000, rows)] for _ in range(columns)]
    if kind == "reals":
        return [rng.normal(size=rows) for _ in range(columns)]
    found = []
    for i in range(columns):
        reals, integers = rng.normal(size=rows).astype(np.float32), rng.integers(-(10**6), 10**6, rows)
        found.append(np.where(rng.random(rows) < 0.1, np.nan, integers if i % 2 else reals))
    return found


def matrix_of(kind: str, rows: int) -> np.ndarray:
    """What a reader makes of the numbers: float32, NaN for null."""
    return np.stack(values_of(kind, rows), axis=1).astype(np.float32)


def write(path: pathlib.Path, kind: str, rows: int, codec: str = "none", columns: int = COLUMNS) -> None:
    """Writes a file, with what pyarrow does unless it is told otherwise: dictionaries where they pay, large row groups.

    Args:
      path: the file.
      kind: as in `values_of`.
      rows: as in `values_of`.
      codec: as for `pyarrow.parquet.write_table`.
      columns: as in `values_of`.
    """
    import pyarrow as pa
    import pyarrow.parquet

    types = [getattr(pa, name)() for name in _types(kind)]
    arrays = [_array(values, types[i % 4], pa) for i, values in enumerate(values_of(kind, rows, columns))]
    # As pandas and Spark do, columns are optional, but only the mixed ones have nulls.
    table = pa.table(dict(zip(names(kind, columns), arrays, strict=True)))
    dictionary = kind == "dictionary"  # of a million different numbers it would only cost
    pyarrow.parquet.write_table(table, path, compression=codec, use_dictionary=dictionary)


def _types(kind: str) -> Sequence[str]:
    """Names of Arrow's types, of four columns in turn."""
    if kind == "mixed":
        return ("float64", "int32", "float32", "int64")
    return ({"reals": "float64", "dictionary": "int64", "strings": "string"}[kind],) * 4


def _array(values: np.ndarray, arrow_type: Any, pa: Any) -> Any:
    if values.dtype != np.float64:
        return pa.array(values, arrow_type)
    null = np.isnan(values)
    return pa.array(np.where(null, 0, values), pa.float64(), mask=null).cast(arrow_type)
