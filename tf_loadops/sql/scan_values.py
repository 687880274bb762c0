"""From the types and bytes of fields to numbers and bools of the declared dtypes; compiles under XLA."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tf_loadops.blocks import stand_ins, without_stand_in
from tf_loadops.schema import Schema
from tf_loadops.sql.scan_layout import TableColumn
from tf_loadops.sql.scan_records import ABSENT, FIRST_BLOB, size_of

Tensor = Any

_NULL, _INT64, _REAL, _ZERO = 0, 6, 7, 8


class Numbers(NamedTuple):
    """The values of one group of columns.

    Attributes:
      values: [rows, columns] in the group's dtype; stand-ins where missing.
      valid: bool [rows, columns].
      bad: bool [columns, rows], where a value is none of the dtype.
    """

    values: Tensor
    valid: Tensor
    bad: Tensor


def to_numbers(
    words: Tensor, types: Tensor, rowid: Tensor, declared: Sequence[TableColumn], schema: Schema, group: Sequence[int]
) -> Numbers:
    """Converts fields.

    Args:
      words: uint64 [columns, rows], the first eight bytes of each field.
      types: int32 [columns, rows], their serial types.
      rowid: int64 [rows].
      declared: the columns as the table has them.
      schema: the columns as they are asked for.
      group: which of the schema's columns these are; all of one dtype, no strings.

    Returns:
      The numbers.
    """
    dtype = schema.columns[group[0]].tf_dtype
    types, words = _complete(types, words, rowid, declared)
    unused = tf.clip_by_value(64 - 8 * size_of(types), 0, 56)
    integer = tf.bitwise.right_shift(tf.bitcast(words, tf.int64), tf.cast(unused, tf.int64))
    integer = tf.where(types >= _ZERO, tf.cast(types - _ZERO, tf.int64), integer)
    missing, real, bad = tf.equal(types, _NULL), tf.equal(types, _REAL), types >= FIRST_BLOB

    if dtype.is_floating:
        wide = tf.where(real, tf.bitcast(words, tf.float64), tf.cast(integer, tf.float64))
        size = tf.bitcast(wide, tf.int64) & (2**63 - 1)
        bad |= real & (size > 0x7FF << 52)  # NaN, which SQLite never writes, and reads as NULL
        values = tf.cast(wide, dtype)
        if dtype == tf.float32:
            # Subnormal results are flushed by the cast, and numbers too large are refused by the query engine.
            tiny, large = (size < 897 << 52) & (size > 0), (size >= 1150 << 52) & (size < 0x7FF << 52)
            bad |= (tiny | (large & tf.math.is_inf(values))) & ~missing
    else:
        bad |= real  # without a fraction it is a value, but a rare one
        values = tf.equal(integer, 1) if dtype == tf.bool else tf.cast(integer, dtype)
        bad |= tf.not_equal(tf.cast(values, tf.int64), integer) & ~missing
    bad |= missing & tf.constant(without_stand_in(schema, group))[:, None]
    values = tf.where(missing, stand_ins(schema, group)[:, None], values)
    return Numbers(tf.transpose(values), tf.transpose(~missing), bad)


def _complete(types: Tensor, words: Tensor, rowid: Tensor, declared: Sequence[TableColumn]) -> tuple[Tensor, Tensor]:
    """Puts into each row what it does not hold itself: its rowid, and the columns that were added later."""
    defaults = [column.default for column in declared]
    absent = tf.equal(types, ABSENT)
    as_types, as_words = zip(*map(_field, defaults), strict=True)
    types = tf.where(absent, tf.constant(as_types)[:, None], types)
    if any(default is not None for default in defaults):
        words = tf.where(absent, tf.constant(np.array(as_words, np.uint64))[:, None], words)
    if any(column.is_rowid for column in declared):
        is_rowid = tf.constant([[column.is_rowid] for column in declared])
        # SQLite writes NULL for a column that is the rowid.
        types = tf.where(is_rowid, tf.where(tf.equal(types, _NULL), _INT64, FIRST_BLOB), types)
        words = tf.where(is_rowid, tf.bitcast(rowid, tf.uint64)[None, :], words)
    return types, words


def _field(default: Any) -> tuple[int, int]:
    """The type and the word that a default would have as a field of eight bytes."""
    if default is None:
        return _NULL, 0
    if isinstance(default, (int, float)):
        packed = struct.pack(">q" if isinstance(default, int) else ">d", default)
        return _INT64 if isinstance(default, int) else _REAL, int.from_bytes(packed, "big")
    return FIRST_BLOB, 0
