"""infer_schema of a Parquet file: from its footer alone."""

from __future__ import annotations

import collections
import os
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tf_loadops.errors import LoadError, message_of
from tf_loadops.inputs import at_once
from tf_loadops.parquet.footer_eager import Leaf, is_parquet, read_leaves
from tf_loadops.paths import expand
from tf_loadops.schema import Column, Schema

_BOOLEAN, _INT32, _INT64, _INT96, _FLOAT, _DOUBLE, _BYTE_ARRAY, _FIXED = range(8)

# What a column means, from its logical type or else its converted one.
_LOGICAL = {5: "decimal", 6: "days", 15: "float16"}
_TIMES = (7, 8)
_INTEGER = 10
_TIME_UNITS = {1: "ms", 2: "us", 3: "ns"}
_CONVERTED = {5: "decimal", 6: "days", 7: "ms", 8: "us", 9: "ms", 10: "us", 13: "uint32"}

_DTYPES = {
    _BOOLEAN: "bool", _INT32: "int32", _INT64: "int64", _INT96: "int64", _FLOAT: "float32", _DOUBLE: "float64",
    _BYTE_ARRAY: "string", _FIXED: "string",
}  # fmt: skip
_LISTED = 20  # left-out columns that a message names


@at_once
def infer_parquet(path: str | os.PathLike[str]) -> Schema:
    """Finds the columns and types of a Parquet file from its footer, eagerly; no page is read.

    BOOLEAN becomes bool; INT32 int32; INT64 and the unsigned integers of 32 and 64 bits int64 (the readers refuse
    values from 2**63 on); FLOAT and FLOAT16 float32; DOUBLE float64; DECIMAL, however stored, float64; all other bytes
    (text, JSON, UUID and what the file says nothing of) string. DATE, TIME and TIMESTAMP are int64 with a `unit`, INT96
    too, in ns.

    An integer or a bool that may hold nulls is float64, with NaN for a null and 0 and 1 for bools: it is optional, or
    in a group that is, and the statistics of some row group do not say that it has none. Dates and times are never
    that, since a float64 holds no nanoseconds: they stay int64 without a default, and the readers refuse a null by row
    until a default is declared.

    A leaf of a struct is named by the path to it, "a.b". What is left out is named in `origin`: lists, maps, encrypted
    columns, and columns whose name is empty, no UTF-8, or that of another column.

    Args:
      path: the file, or a pattern as in `tlo.read_parquet`, whose first file is looked at.

    Returns:
      The schema.

    Raises:
      LoadError: if the file cannot be read, is no Parquet file, is encrypted, damaged or cut short, or has no column
        that can be read.
    """
    path = _first(os.fspath(path))
    leaves = read_leaves(path)
    names = [_name(leaf.path) for leaf in leaves]
    times = collections.Counter(names)
    columns, left_out = [], {}
    for name, leaf in zip(names, leaves, strict=True):
        reason = "one of several columns of this name" if times[name] > 1 else _unreadable(leaf)
        if reason:
            left_out[_name(leaf.outer or leaf.path)] = reason
        else:
            dtype, unit = _type(leaf)
            columns.append(Column(name, dtype, unit=unit))
    origin = f"inferred from the footer of {path}"
    listed = [f"{name!r} ({reason})" for name, reason in left_out.items()]
    if len(listed) > _LISTED:
        listed[_LISTED:] = [f"and {len(listed) - _LISTED} more"]
    if not columns:
        raise LoadError(f"{path}: the file has no column that can be read. Left out: {', '.join(listed) or 'none'}.")
    return Schema(tuple(columns), origin=f"{origin}; left out: {', '.join(listed)}" if listed else origin)


@at_once
def looks_like_parquet(path: str | os.PathLike[str]) -> bool:
    """Whether a path, or the first file of a pattern, is a Parquet file."""
    try:
        return is_parquet(_first(os.fspath(path)))
    except LoadError:
        return False


def _first(path: str) -> str:
    try:
        return os.fsdecode(expand(tf.constant(path))[0].numpy())
    except tf.errors.InvalidArgumentError as error:
        raise LoadError(message_of(error)) from None


def _name(path: Sequence[bytes]) -> str:
    return b".".join(path).decode(errors="surrogateescape")


def _unreadable(leaf: Leaf) -> str:
    """Why a leaf cannot be a column; "" where it can."""
    if leaf.within:
        return f"a {leaf.within}"
    if leaf.encrypted:
        return "encrypted"
    if leaf.physical not in _DTYPES:
        return f"of the unknown physical type {leaf.physical}"
    if not all(leaf.path):
        return "without a name"
    try:
        _name(leaf.path).encode()
    except UnicodeEncodeError:
        return "its name is no UTF-8"
    return ""


def _type(leaf: Leaf) -> tuple[str, str | None]:
    """The dtype and the unit of a leaf."""
    meaning = _meaning(leaf)
    if meaning == "decimal" and leaf.physical in (_INT32, _INT64, _BYTE_ARRAY, _FIXED):
        return "float64", None
    if meaning == "float16" and leaf.physical == _FIXED and leaf.length == 2:
        return "float32", None
    if leaf.physical == _INT96:
        return "int64", "ns"
    if meaning in ("days", "ms", "us", "ns") and leaf.physical in (_INT32, _INT64):
        return "int64", meaning
    dtype = "int64" if meaning == "uint32" and leaf.physical == _INT32 else _DTYPES[leaf.physical]
    if dtype in ("bool", "int32", "int64") and leaf.may_hold_nulls:
        return "float64", None
    return dtype, None


def _meaning(leaf: Leaf) -> str:
    """What the values are, as far as it makes a difference here."""
    kind, details = leaf.logical or (0, {})
    if kind in _TIMES:
        return _TIME_UNITS.get(next(iter(_dict(_dict(details).get(2))), 0), "")
    if kind == _INTEGER:
        details = _dict(details)
        return "uint32" if details.get(1) == 32 and details.get(2) is False else ""
    return _LOGICAL.get(kind) or _CONVERTED.get(_int(leaf.converted), "")


def _dict(value: Any) -> dict[int, Any]:
    return value if isinstance(value, dict) else {}


def _int(value: Any) -> int:
    return value if isinstance(value, int) else -1
