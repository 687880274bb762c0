"""What a read of Parquet says when it refuses pages or values: where, what was found, what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tf_loadops.blocks import groups_of
from tf_loadops.parquet import troubles
from tf_loadops.parquet.footer import DAMAGED
from tf_loadops.parquet.leaves import KINDS
from tf_loadops.parquet.plan import Plan
from tf_loadops.parquet.values import MISSING
from tf_loadops.schema import Schema

Tensor = Any

ENCODING_NAMES = (
    "PLAIN", "1", "PLAIN_DICTIONARY", "RLE", "BIT_PACKED", "DELTA_BINARY_PACKED", "DELTA_LENGTH_BYTE_ARRAY",
    "DELTA_BYTE_ARRAY", "RLE_DICTIONARY", "BYTE_STREAM_SPLIT",
)


def bad_chunk(
    path: Tensor, found: Tensor, groups: Tensor, columns: Tensor, plan: Plan, schema: Schema
) -> Tensor:
    """The message for the first column chunk that cannot be read.

    Args:
      path: string scalar.
      found: int32 [chunks, 3]: trouble, page and encoding.
      groups: int32 [chunks], the index of its row group in the plan.
      columns: int32 [chunks], the index of its column.
      plan: what was read.
      schema: the columns.

    Returns:
      string scalar.
    """
    first = tf.argmax(found[:, 0] > 0)
    trouble, page, encoding = tf.unstack(found[first], num=3)
    group, column = groups[first], columns[first]
    last = len(ENCODING_NAMES)
    name = tf.gather(
        tf.constant([*ENCODING_NAMES, "of no known name"]),
        tf.where((encoding < 0) | (encoding >= last), last, encoding),
    )
    kind = tf.gather(tf.constant([*KINDS]), tf.maximum(plan.column.kind[column], 0))
    reasons = {
        troubles.OK: ("", ""),
        troubles.BAD_HEADER: ("the page's header cannot be read, or the page is not where it says.", DAMAGED),
        troubles.BAD_COMPRESSION: (
            "the page cannot be decompressed into the bytes that it is said to hold.", DAMAGED,
        ),
        troubles.BAD_LEVELS: (
            "the page's definition levels, which tell where values are missing, cannot be read.", DAMAGED,
        ),
        troubles.BAD_VALUES: (
            _join("the page's values cannot be read as ", kind, " in the encoding ", name, "."),
            " The file is damaged, or this type is not read in that encoding: write it anew, with another one.",
        ),
        troubles.BAD_ENCODING: (
            _join("the page's encoding is ", name, ", which is not read."), " Write the file with another encoding.",
        ),
        troubles.BAD_COUNT: ("the pages hold another number of values than the footer says.", DAMAGED),
        troubles.ALL_EMPTY: ("more than 1,000 pages that follow one another hold no value.", DAMAGED),
        troubles.NO_ROOM: (
            "its values up to here take more memory than is free.",
            " Read fewer columns or row groups at a time, write it with smaller pages, or take a machine with more.",
        ),
    }
    said = tf.stack([_join(*reasons[code]) for code in range(len(reasons))])
    return _join(_where(path, plan, schema, group, column), ", page ", _text(page), ": ", tf.gather(said, trouble))


def bad_value(path: Tensor, wrong: Sequence[Tensor], states: Sequence[Tensor], plan: Plan, schema: Schema) -> Tensor:
    """The message for the first value that has no place in its column.

    Args:
      path: string scalar.
      wrong: bool [rows, columns] by group; one of them holds a True.
      states: uint8 of the same shapes.
      plan: what was read.
      schema: the columns.

    Returns:
      string scalar.
    """
    order = [i for group in groups_of(schema) for i in group]
    at = [order.index(i) for i in range(len(order))]
    row, column = tf.unstack(tf.where(tf.gather(tf.concat(wrong, 1), at, axis=1))[0], num=2)
    state = tf.gather(tf.concat(states, 1), at, axis=1)[row, column]
    ends = tf.cumsum(plan.rows)
    group = tf.reduce_sum(tf.cast(ends <= tf.cast(row, tf.int32), tf.int32))
    in_group = tf.cast(row, tf.int32) - (ends[group] - plan.rows[group])
    label = tf.gather(tf.constant([repr(one.name) for one in schema]), column)
    dtype = tf.gather(tf.constant([one.dtype for one in schema]), column)
    kind = tf.gather(tf.constant(KINDS), plan.column.kind[column])
    said = tf.where(
        tf.equal(state, MISSING),
        _join(
            "the value is null, and no ", dtype, " stands for that. Declare a default, Column(", label, ", '", dtype,
            "', default=...), or a float dtype, ",
        ),
        _join(dtype, " cannot hold the value, which is ", kind, " in the file. Declare another dtype, "),
    )
    tail = f" (The schema was {schema.origin}.)" if schema.origin else ""
    where = _where(path, plan, schema, group, column)
    return _join(where, ", row ", _text(in_group), ": ", said, 'or pass on_bad_row="skip" or "null".', tail)


def _where(path: Tensor, plan: Plan, schema: Schema, group: Tensor, column: Tensor) -> Tensor:
    label = tf.gather(tf.constant([repr(one.name) for one in schema]), column)
    return _join(path, ": row group ", _text(tf.gather(plan.groups, group)), ", column ", label)


def _text(number: Tensor) -> Tensor:
    return tf.strings.as_string(number)


def _join(*parts: Any) -> Tensor:
    return tf.strings.join(list(parts))
