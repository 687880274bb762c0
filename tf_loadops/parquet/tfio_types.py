"""The types that tensorflow-io can open a file with: it ends the process on any other one, in whichever column.

Source: parquet.thrift, SchemaElement; LogicalTypes.md of the Parquet format.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tf_loadops.parquet.thrift import Tokens, member, ordinal, path_of, table

Tensor = Any

_ELEMENT = (2, 0)
_LOGICAL = (*_ELEMENT, 10)
_INT32, _INT64, _TEXT, _FIXED = 1, 2, 6, 7  # physical types
_DECIMAL, _TIME, _TIMESTAMP, _INTEGER, _UUID = 5, 7, 8, 10, 14  # of LogicalType
_OLD_DECIMAL, _OLD_INTERVAL = 5, 21  # of ConvertedType
# Logical and converted types that go with one physical type.
_ALIKE = {1: _TEXT, 4: _TEXT, 6: _INT32, 12: _TEXT, 13: _TEXT, 14: _FIXED}
_OLD_ALIKE = {
    **dict.fromkeys((0, 4, 19, 20), _TEXT), **dict.fromkeys((6, 7, 11, 12, 13, 15, 16, 17), _INT32),
    **dict.fromkeys((8, 9, 10, 14, 18), _INT64), _OLD_INTERVAL: _FIXED,
}  # fmt: skip
_OF_GROUPS, _OLD_OF_GROUPS = (-1, 2, 3), (-1, 1, 2, 3)  # none, maps and lists
# How many decimal digits fit into so many bytes, by two's complement.
_DIGITS = [0, *(len(str(2 ** (8 * n - 1) - 1)) - 1 for n in range(1, 17))]
_COLUMN_ORDERS = (7, 0)


def readable_types(tokens: Tokens) -> tuple[Tensor, Tensor]:
    """Which elements of a file's schema are of a type that tensorflow-io knows.

    Args:
      tokens: of the file's metadata.

    Returns:
      bool [elements]; and bool [elements], which of them are columns rather than groups of these.
    """
    row = ordinal(tokens, *_ELEMENT)
    rows = tf.reduce_sum(tf.cast(tf.equal(tokens.path, path_of(*_ELEMENT)), tf.int32))
    fields = [(*_ELEMENT, i) for i in (1, 2, 3, 6, 7, 8)] + [(*_LOGICAL, *p) for p in ((5, 1), (5, 2), (10, 1))]
    columns = tf.unstack(tf.clip_by_value(table(tokens, row, rows, fields), -1, 2**31 - 1), axis=1)
    kind, length, repeated, old, old_scale, old_digits, scale, digits, bits = (tf.cast(c, tf.int32) for c in columns)
    has_logical = _has(tokens, row, rows, _LOGICAL)
    logical = tf.where(has_logical, tf.maximum(member(tokens, row, rows, _LOGICAL), 0), -1)  # 0 is no member
    time, stamp = (member(tokens, row, rows, (*_LOGICAL, i, 2)) for i in (_TIME, _TIMESTAMP))
    is_leaf = (kind >= 0) & (tf.range(rows) > 0)

    decimal, old_decimal = _is_decimal(kind, length, digits, scale), _is_decimal(kind, length, old_digits, old_scale)
    is_small = tf.equal(bits, 8) | tf.equal(bits, 16) | tf.equal(bits, 32)
    new = tf.equal(_lookup(_ALIKE, logical), kind) & (~tf.equal(logical, _UUID) | tf.equal(length, 16))
    new |= tf.equal(logical, _DECIMAL) & decimal
    new |= tf.equal(logical, _TIME) & tf.where(tf.equal(time, 1), tf.equal(kind, _INT32), _is_fine(time, kind))
    new |= tf.equal(logical, _TIMESTAMP) & (tf.equal(stamp, 1) | _is_fine(stamp, kind)) & tf.equal(kind, _INT64)
    is_wide = tf.equal(bits, 64) & tf.equal(kind, _INT64)
    new |= tf.equal(logical, _INTEGER) & (is_wide | (is_small & tf.equal(kind, _INT32)))
    past = tf.equal(_lookup(_OLD_ALIKE, old), kind) & (~tf.equal(old, _OLD_INTERVAL) | tf.equal(length, 12))
    past |= tf.equal(old, -1) | (tf.equal(old, _OLD_DECIMAL) & old_decimal)
    leaf = tf.where(has_logical, new, past) & (kind < 8) & (~tf.equal(kind, _FIXED) | (length > 0))
    group = _is_one_of(logical, _OF_GROUPS) & _is_one_of(old, _OLD_OF_GROUPS)
    # The root says nothing of repetition, or anything.
    known = tf.where(is_leaf, leaf, group) & (((repeated >= 0) & (repeated <= 2)) | tf.equal(tf.range(rows), 0))
    return known, is_leaf


def new_orders(tokens: Tokens, leaves: Tensor) -> Tensor:
    """Which columns have an order of their values that tensorflow-io does not know: bool [leaves]."""
    row = ordinal(tokens, *_COLUMN_ORDERS)
    rows = tf.reduce_sum(tf.cast(tf.equal(tokens.path, path_of(*_COLUMN_ORDERS)), tf.int32))
    order = member(tokens, row, rows, _COLUMN_ORDERS)
    # None at all, as of old, or one for each.
    wrong = tf.fill([leaves], ~tf.equal(rows, 0))
    return tf.cond(tf.equal(rows, leaves), lambda: ~tf.equal(order, 1), lambda: wrong)


def _has(tokens: Tokens, row: Tensor, rows: Tensor, path: tuple[int, ...]) -> Tensor:
    """Which rows have a value at a path: bool [rows]."""
    return table(tokens, row, rows, [path])[:, 0] >= 0


def _is_fine(unit: Tensor, kind: Tensor) -> Tensor:
    """Whether values count microseconds or nanoseconds, in 64 bits."""
    return (tf.equal(unit, 2) | tf.equal(unit, 3)) & tf.equal(kind, _INT64)


def _is_decimal(kind: Tensor, length: Tensor, digits: Tensor, scale: Tensor) -> Tensor:
    width = tf.where(tf.equal(kind, _INT32), 4, tf.where(tf.equal(kind, _INT64), 8, length))
    most = tf.gather(tf.constant(_DIGITS), tf.clip_by_value(width, 0, len(_DIGITS) - 1))
    most = tf.where(tf.equal(kind, _TEXT), 2**31 - 1, most)
    fits = (digits > 0) & (digits <= most) & (scale >= 0) & (scale <= digits)
    return fits & _is_one_of(kind, (_INT32, _INT64, _TEXT, _FIXED))


def _is_one_of(number: Tensor, numbers: tuple[int, ...]) -> Tensor:
    return tf.reduce_any(tf.equal(number[:, None], tf.constant(numbers)), axis=1)


def _lookup(values: dict[int, int], key: Tensor) -> Tensor:
    full = [values.get(i, -2) for i in range(max(values) + 1)] + [-2]
    return tf.gather(tf.constant(full), tf.where((key < 0) | (key >= len(full)), len(full) - 1, key))
