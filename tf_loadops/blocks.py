"""Blocks: the columns of a read, kept together by type, before they become a Table or a matrix."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tf_loadops.floats import to_float64
from tf_loadops.schema import Schema
from tf_loadops.table import Table

Tensor = Any

COUNTS = ("rows", "bad_rows", "missing", "bytes")
_BYTE = 255  # the most that it counts
_NO_VALUE = {"float32": np.nan, "float64": np.nan, "int32": 0, "int64": 0, "bool": False, "string": ""}


class Blocks(NamedTuple):
    """What was read, one block for each group of `groups_of(schema)`.

    Attributes:
      values: Tensors [rows, columns of the group]; where missing, the column's stand-in.
      valid: bool Tensors of the same shapes.
      counts: dict of int64 scalars, as in a Table.
    """

    values: tuple[Tensor, ...]
    valid: tuple[Tensor, ...]
    counts: dict[str, Tensor]


def groups_of(schema: Schema) -> list[list[int]]:
    """Groups columns that are parsed alike: same dtype, same NA words. Each group lists their positions."""
    groups: dict[Any, list[int]] = {}
    for i, column in enumerate(schema):
        groups.setdefault((column.dtype, schema.na_words(column)), []).append(i)
    return list(groups.values())


def fill(values: Tensor, valid: Tensor, schema: Schema, group: Sequence[int]) -> Tensor:
    """Puts each column's stand-in where there is no valid value."""
    return tf.where(valid, values, stand_ins(schema, group)[None, :])


def stand_ins(schema: Schema, group: Sequence[int]) -> Tensor:
    """What stands for a missing value in each column of a group, in their dtype."""
    columns = [schema.columns[i] for i in group]
    values = [_NO_VALUE[c.dtype] if c.default is None else c.default for c in columns]
    return tf.constant(values, columns[0].tf_dtype)


def without_stand_in(schema: Schema, group: Sequence[int]) -> list[bool]:
    """Which columns of a group have nothing that could stand for a missing value: integers and bools by themselves."""
    columns = [schema.columns[i] for i in group]
    return [c.default is None and c.dtype in ("int32", "int64", "bool") for c in columns]


def count(valid: Sequence[Tensor], bad_rows: Tensor, text: Tensor, complete: bool = False) -> dict[str, Tensor]:
    """The counts of a read; `complete` says that everything is valid, so that nobody need count."""
    missing = tf.constant(0, tf.int64)
    if not complete:
        missing = tf.add_n([_number(~mask) for mask in valid])
    size = tf.cast(tf.strings.length(text), tf.int64)
    return {"rows": tf.shape(valid[0], tf.int64)[0], "bad_rows": bad_rows, "missing": missing, "bytes": size}


def _number(mask: Tensor) -> Tensor:
    """How many cells of a mask are True, an int64 scalar."""
    # As many as a byte can count are added up as bytes: as int64, all of them take eight times the memory, and longer.
    cells = tf.reshape(tf.cast(mask, tf.uint8), [-1])
    whole = tf.size(cells, tf.int64) // _BYTE * _BYTE
    sums = tf.reduce_sum(tf.reshape(cells[:whole], [-1, _BYTE]), axis=1)
    return tf.reduce_sum(tf.cast(tf.concat([sums, cells[whole:]], 0), tf.int64))


def to_table(blocks: Blocks, schema: Schema) -> Table:
    """Cuts blocks into columns, in the schema's order."""
    columns: dict[str, Any] = dict.fromkeys(schema.names)
    validity: dict[str, Any] = dict.fromkeys(schema.names)
    for group, values, valid in zip(groups_of(schema), blocks.values, blocks.valid, strict=True):
        parts = zip(group, tf.unstack(values, axis=1), tf.unstack(valid, axis=1), strict=True)
        for i, value, mask in parts:
            columns[schema.names[i]], validity[schema.names[i]] = value, mask
    return Table(columns, validity, blocks.counts)


def to_matrix(blocks: Blocks, schema: Schema, names: Sequence[str], dtype: Any) -> tuple[Tensor, Tensor]:
    """Joins the blocks of numbers and bools into one matrix, without a copy where they are one already.

    Args:
      blocks: what was read.
      schema: its schema.
      names: the columns, in the order of the result.
      dtype: the matrix' dtype.

    Returns:
      The matrix [rows, columns], and a bool matrix of where it is valid.
    """
    wanted = [schema.names.index(name) for name in names]
    groups = groups_of(schema)
    used = [g for g, group in enumerate(groups) if set(group) & set(wanted)]
    order = [i for g in used for i in groups[g]]
    valid = [blocks.valid[g] for g in used]
    values = []
    for g, mask in zip(used, valid, strict=True):
        value = blocks.values[g]
        widens = value.dtype == tf.float32 and tf.as_dtype(dtype) == tf.float64
        value = to_float64(value) if widens else tf.cast(value, dtype)
        bare = without_stand_in(schema, groups[g])
        # A float can say "missing" where an integer or a bool could not.
        values.append(tf.where(mask | ~tf.constant(bare), value, np.nan) if any(bare) else value)
    x, mask = (parts[0] if len(parts) == 1 else tf.concat(parts, 1) for parts in (values, valid))
    if order != wanted:
        at = [order.index(i) for i in wanted]
        x, mask = tf.gather(x, at, axis=1), tf.gather(mask, at, axis=1)
    return x, mask


def to_example(
    blocks: Blocks, schema: Schema, features: Sequence[str], label: str | None, dtype: Any
) -> tuple[Tensor, Tensor, Tensor | None]:
    """A matrix of the features, where it is valid, and the column of the label, if there is one."""
    matrix, valid = to_matrix(blocks, schema, features, dtype)
    return matrix, valid, None if label is None else to_table(blocks, schema).columns[label]


def concatenated(paths: Tensor, schema: Schema, read: Callable[[Tensor], Blocks]) -> Blocks:
    """Reads one source after another and puts their rows together.

    Args:
      paths: string [sources].
      schema: the columns.
      read: from a scalar path to its blocks.

    Returns:
      The blocks of all rows, in the order of the paths; counts are added up.
    """
    if tf.executing_eagerly():
        many = [read(path) for path in tf.unstack(paths)]
        values, valid = (
            tuple(tf.concat(parts, 0) for parts in zip(*(getattr(one, field) for one in many), strict=True))
            for field in ("values", "valid")
        )
        return Blocks(values, valid, {key: tf.add_n([one.counts[key] for one in many]) for key in COUNTS})
    size = tf.size(paths)
    groups = groups_of(schema)

    def arrays(dtypes: list[Any]) -> tuple[Any, ...]:
        return tuple(
            tf.TensorArray(dtype, size, element_shape=[None, len(group)], infer_shape=False)
            for dtype, group in zip(dtypes, groups, strict=True)
        )

    def body(i: Tensor, blocks: Blocks) -> Any:
        one = read(paths[i])
        values = tuple(array.write(i, part) for array, part in zip(blocks.values, one.values, strict=True))
        valid = tuple(array.write(i, part) for array, part in zip(blocks.valid, one.valid, strict=True))
        return i + 1, Blocks(values, valid, {key: blocks.counts[key] + one.counts[key] for key in COUNTS})

    dtypes = [schema.columns[group[0]].tf_dtype for group in groups]
    zero = {key: tf.constant(0, tf.int64) for key in COUNTS}
    start = Blocks(arrays(dtypes), arrays([tf.bool] * len(groups)), zero)
    # One source at a time: the first bad one is the one reported, and memory holds one text.
    _, end = tf.while_loop(lambda i, _: i < size, body, (0, start), parallel_iterations=1)
    values, valid = (tuple(array.concat() for array in part) for part in (end.values, end.valid))
    return Blocks(values, valid, end.counts)
