"""All chunks of a plan: each group of columns as a matrix, and what is wrong with their values."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from tf_loadops.blocks import Blocks, count, fill, groups_of, without_stand_in
from tf_loadops.errors import gate
from tf_loadops.parquet import messages
from tf_loadops.parquet.chunk import read_chunks
from tf_loadops.parquet.options import Options
from tf_loadops.parquet.plan import Plan
from tf_loadops.parquet.room import of_gaps, there_is, too_large
from tf_loadops.parquet.troubles import OK
from tf_loadops.parquet.values import MISSING, OUT_OF_RANGE, PRESENT, Column
from tf_loadops.schema import Schema

Tensor = Any


class Part(NamedTuple):
    """One group of columns.

    Attributes:
      values: [rows, columns] of the group's dtype.
      states: uint8 [rows, columns], as in `Chunks`; empty if `complete`.
      complete: bool scalar, whether all values are present.
    """

    values: Tensor
    states: Tensor
    complete: Tensor


def read_rows(file: Tensor, plan: Plan, options: Options, path: Tensor) -> Blocks:
    """Reads what is planned.

    Args:
      file: string scalar, the whole file.
      plan: what to read of it.
      options: how.
      path: string scalar, what messages call the file.

    Returns:
      The blocks.

    Raises:
      tf.errors.InvalidArgumentError: at run time, for pages that cannot be read, and for values that have no place in
        their column unless `on_bad_row` says otherwise.
    """
    schema = options.schema
    parts = [_read_group(file, plan, schema, group, path) for group in groups_of(schema)]
    return to_blocks(file, parts, plan, options, path)


def to_blocks(file: Tensor, parts: list[Part], plan: Plan, options: Options, path: Tensor) -> Blocks:
    """Puts together what was read of each group of columns, and deals with values that have no place there.

    Args:
      file: string scalar, the whole file.
      parts: one for each group of `groups_of`.
      plan: what was read.
      options: how.
      path: string scalar, what messages call the file.

    Returns:
      The blocks.

    Raises:
      tf.errors.InvalidArgumentError: at run time, as `read_rows`.
    """
    complete = tf.reduce_all(tf.stack([part.complete for part in parts]))
    total = tf.reduce_sum(plan.rows)

    def whole() -> Blocks:
        valid = tuple(tf.ones([total, part.values.shape[1]], tf.bool) for part in parts)
        counts = count(valid, tf.constant(0, tf.int64), file, complete=True)
        return Blocks(tuple(part.values for part in parts), valid, counts)

    def with_gaps() -> Blocks:
        return _with_gaps(file, [_with_states(part) for part in parts], plan, options, path)

    return tf.cond(complete, whole, with_gaps)


def _read_group(file: Tensor, plan: Plan, schema: Schema, group: list[int], path: Tensor) -> Part:
    """The chunks of columns that are read alike, column after column."""
    width, height = len(group), tf.size(plan.rows)
    columns = tf.repeat(tf.constant(group), height)
    parts = (plan.start, plan.end, plan.codec)
    start, end, codec = (tf.reshape(tf.transpose(tf.gather(part, group, axis=1)), [-1]) for part in parts)
    read = read_chunks(
        file, start, end, tf.tile(plan.rows, [width]), codec,
        Column(*(tf.gather(part, columns) for part in plan.column)), schema.columns[group[0]].dtype,
    )
    ok = tf.reduce_all(tf.equal(read.troubles[:, 0], OK))

    def message() -> Tensor:
        return messages.bad_chunk(path, read.troubles, tf.tile(tf.range(height), [width]), columns, plan, schema)

    values, states = gate(ok, message, (read.values, read.states))
    complete = tf.equal(tf.size(states), 0)
    values = tf.ensure_shape(tf.transpose(tf.reshape(values, [width, -1])), [None, width])
    none = tf.zeros([0, width], tf.uint8)
    states = tf.cond(complete, lambda: none, lambda: tf.transpose(tf.reshape(states, [width, -1])))
    return Part(values, tf.ensure_shape(states, [None, width]), complete)


def _with_states(part: Part) -> Part:
    present = lambda: tf.zeros(tf.shape(part.values), tf.uint8)  # noqa: E731
    return part._replace(states=tf.cond(part.complete, present, lambda: part.states))


def _with_gaps(file: Tensor, parts: list[Part], plan: Plan, options: Options, path: Tensor) -> Blocks:
    schema = options.schema
    groups = groups_of(schema)
    total = tf.reduce_sum(tf.cast(plan.rows, tf.int64))
    need = of_gaps(total, [c.dtype for c in schema])
    parts = gate(there_is(need), lambda: too_large(path, need, total, len(schema)), parts)
    wrong = []
    for part, group in zip(parts, groups, strict=True):
        nameless = tf.equal(part.states, MISSING) & tf.constant(without_stand_in(schema, group))
        wrong.append(nameless | tf.equal(part.states, OUT_OF_RANGE))
    bad = tf.reduce_any(tf.stack([tf.reduce_any(mask, axis=1) for mask in wrong]), axis=0)
    values = [part.values for part in parts]
    if options.on_bad_row == "raise":
        states = [part.states for part in parts]
        fine = ~tf.reduce_any(bad)
        values = gate(fine, lambda: messages.bad_value(path, wrong, states, plan, schema), values)
    valid = [tf.equal(part.states, PRESENT) for part in parts]
    values = [fill(value, mask, schema, g) for value, mask, g in zip(values, valid, groups, strict=True)]
    if options.on_bad_row == "skip":
        values, valid = [value[~bad] for value in values], [mask[~bad] for mask in valid]
    counts = count(valid, tf.reduce_sum(tf.cast(bad, tf.int64)), file)
    return Blocks(tuple(values), tuple(valid), counts)
