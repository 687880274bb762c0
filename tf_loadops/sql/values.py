"""From what SQLite gave to columns of the declared types: marks unpacked, ranges checked, missing values filled in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from tf_loadops.blocks import Blocks, count, fill, groups_of, without_stand_in
from tf_loadops.floats import to_float32
from tf_loadops.schema import Schema
from tf_loadops.sql.select import NULL, OUTSIDE, PER_MARK, WRONG

Tensor = Any

# Troubles of a value.
OK, WRONG_TYPE, OUT_OF_RANGE, MISSING = 0, 1, 2, 3


class Values(NamedTuple):
    """The values of one group of columns.

    Attributes:
      values: [rows, columns] in the group's dtype; anything where not valid.
      missing: bool [rows, columns], where there is NULL.
      trouble: int8 [rows, columns], what is wrong with a value.
    """

    values: Tensor
    missing: Tensor
    trouble: Tensor


def parse_values(parts: Sequence[Tensor], schema: Schema) -> list[Values]:
    """Reads the parts of `rows.Fetched` as the schema's groups of columns."""
    *raw, marks = parts
    done, parsed = 0, []
    for group, part in zip(groups_of(schema), raw, strict=True):
        parsed.append(_values(part, _unpacked(marks, done, len(group)), schema, group))
        done += len(group)
    return parsed


def flags(parts: Sequence[Tensor], schema: Schema) -> Tensor:
    """Bool [rows]: the flag of each row, where `select` was given one."""
    return tf.equal(_unpacked(parts[-1], len(schema), 1)[:, 0], 1)


def bad_rows(parsed: Sequence[Values]) -> Tensor:
    """Bool [rows], whether something in the row cannot be represented."""
    bad = [tf.reduce_any(tf.not_equal(part.trouble, OK), axis=1) for part in parsed]
    return tf.reduce_any(tf.stack(bad), axis=0)


def to_blocks(parsed: Sequence[Values], bad: Tensor, schema: Schema, skip: bool) -> Blocks:
    """Fills in what is missing, leaves bad rows out if `skip`, and counts.

    Args:
      parsed: the values by group.
      bad: bool [rows].
      schema: the columns.
      skip: whether bad rows are left out.

    Returns:
      The blocks; `bytes` counts 8 for each number, 1 for each bool, and the length of each text.
    """
    groups = groups_of(schema)
    valid = [~part.missing & tf.equal(part.trouble, OK) for part in parsed]
    values = [fill(part.values, mask, schema, group) for part, mask, group in zip(parsed, valid, groups, strict=True)]
    if skip:
        values, valid = [tensor[~bad] for tensor in values], [mask[~bad] for mask in valid]
    counts = count(valid, tf.reduce_sum(tf.cast(bad, tf.int64)), tf.constant(""))
    counts["bytes"] = tf.add_n([_size(tensor) for tensor in values])
    return Blocks(tuple(values), tuple(valid), counts)


def _size(values: Tensor) -> Tensor:
    if values.dtype == tf.string:
        return tf.reduce_sum(tf.cast(tf.strings.length(values), tf.int64))
    return tf.size(values, out_type=tf.int64) * values.dtype.size


def _unpacked(marks: Tensor, first: int, width: int) -> Tensor:
    """int8 [rows, width]: the marks of the columns from `first` on, in the order in which they were selected."""
    at = range(first, first + width)
    columns = marks if marks.shape[1] == 1 else tf.gather(marks, [i // PER_MARK for i in at], axis=1)
    shifted = tf.bitwise.right_shift(columns, tf.constant([2 * (i % PER_MARK) for i in at], tf.int64))
    return tf.cast(tf.bitwise.bitwise_and(shifted, tf.constant(3, tf.int64)), tf.int8)


def _values(raw: Tensor, marks: Tensor, schema: Schema, group: Sequence[int]) -> Values:
    dtype = schema.columns[group[0]].tf_dtype
    missing, wrong = tf.equal(marks, NULL), tf.equal(marks, WRONG)
    outside = tf.equal(marks, OUTSIDE)
    values = raw
    if dtype == tf.float32 and raw.dtype != dtype:
        values = to_float32(raw)
        outside |= tf.math.is_inf(values) & ~tf.math.is_inf(raw)
    elif dtype == tf.int32:
        values = tf.cast(raw, dtype)
        outside |= tf.not_equal(tf.cast(values, tf.int64), raw)
    elif dtype == tf.bool:
        values = tf.equal(raw, 1)
        wrong |= ~values & tf.not_equal(raw, 0)
    nameless = missing & tf.constant(without_stand_in(schema, group))
    trouble = tf.where(wrong, WRONG_TYPE, tf.where(nameless, MISSING, tf.where(outside & ~missing, OUT_OF_RANGE, OK)))
    return Values(values, missing, tf.cast(trouble, tf.int8))
