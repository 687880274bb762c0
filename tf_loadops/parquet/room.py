"""Whether there is memory for a read: a few bytes may stand for any number of equal values or nulls, or a huge page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tf_loadops.blocks import groups_of
from tf_loadops.memory import available, reachable
from tf_loadops.schema import Schema

Tensor = Any

_SIZES = {"bool": 1, "string": 24}  # bytes of a value, of a string those that say where its text is
_GIB = 1 << 30
UNASKED = 1 << 28
"""Bytes for which nobody need ask."""
_TEXT = 1 << 27  # bytes of text after which the system is asked again


def of_rows(rows: Tensor, schema: Schema) -> Tensor:
    """What reading rows takes at least: each value, and once more those of a group of columns, while it is joined.

    Args:
      rows: int64 scalar.
      schema: the columns.

    Returns:
      Bytes, an int64 scalar; those of texts are not among them.

    Example:
      >>> from tf_loadops import Column, Schema
      >>> int(of_rows(tf.constant(2**30, tf.int64), Schema([Column("a", "float32")]))) >> 30
      8
    """
    groups = [sum(_size(schema.columns[i].dtype) for i in group) for group in groups_of(schema)]
    return rows * (sum(groups) + max(groups))


def of_entries(entries: Tensor, dtype: str) -> Tensor:
    """What the entries of a dictionary take at least: each, whether the dtype has it, and of a text where it stands.

    Args:
      entries: int32 scalar, how many there are.
      dtype: the column's.

    Returns:
      Bytes, an int64 scalar.

    Example:
      >>> int(of_entries(tf.constant(2**30), "float32")) >> 30
      5
    """
    return tf.cast(entries, tf.int64) * (_size(dtype) + (12 if dtype == "string" else 1))


def of_gaps(rows: Tensor, dtypes: Sequence[str]) -> Tensor:
    """What rows that were read take in addition, at least, if not all have a value: those are filled in, and marked.

    Args:
      rows: int64 scalar.
      dtypes: those of the columns.

    Returns:
      Bytes, an int64 scalar.

    Example:
      >>> int(of_gaps(tf.constant(2**30, tf.int64), ["float32"])) >> 30
      6
    """
    return rows * sum(_size(dtype) + 2 for dtype in dtypes)


def of_spread(rows: Tensor, dtype: str) -> Tensor:
    """What the rows of a page take at least if not all have a value: each, and its place among those that are there.

    Args:
      rows: int32 scalar.
      dtype: the column's.

    Returns:
      Bytes, an int64 scalar.

    Example:
      >>> int(of_spread(tf.constant(2**30), "float32")) >> 30
      12
    """
    return tf.cast(rows, tf.int64) * (_size(dtype) + 8)


def there_is(size: Tensor) -> Tensor:
    """Whether there is so much memory.

    Args:
      size: bytes, an int64 scalar.

    Returns:
      bool scalar. For up to UNASKED it is True, whatever there is.
    """
    return tf.cond(size <= UNASKED, lambda: tf.constant(True), lambda: size <= available())


def lengths(texts: Tensor) -> Tensor:
    """The bytes of each text: int64, which any number of them can be added up in."""
    return tf.cast(tf.strings.length(texts), tf.int64)


def there_is_for_texts(size: Tensor) -> Tensor:
    """Whether there is so much memory for texts.

    Args:
      size: bytes, an int64 scalar, that they take at least, those that are held included.

    Returns:
      As `there_is`.
    """
    return tf.cond(size <= UNASKED, lambda: tf.constant(True), lambda: size <= reachable())


def may_grow(before: Tensor, after: Tensor) -> Tensor:
    """Whether there is memory for one more copy of texts that are held, which is made in the end.

    Args:
      before: bytes, an int64 scalar: what they had before the last of them.
      after: bytes, an int64 scalar: what they have.

    Returns:
      bool scalar. The system is asked for each 128 MiB of them once, and else it is True.
    """
    return tf.cond(after // _TEXT > before // _TEXT, lambda: 2 * after <= reachable(), lambda: tf.constant(True))


def too_large(path: Tensor, size: Tensor, rows: Tensor, columns: int) -> Tensor:
    """The message where there is not so much memory.

    Args:
      path: string scalar.
      size: bytes, an int64 scalar.
      rows: int64 scalar, what they are for.
      columns: so many of them.

    Returns:
      string scalar.
    """
    more, free = (tf.strings.as_string(part) for part in ((size - 1) // _GIB + 1, available() // _GIB))
    return tf.strings.join(
        [path, ": reading it takes ", more, " GiB of memory or more, and ", free, " GiB are free, for ",
         tf.strings.as_string(rows), f" rows of {columns} column{'s' * (columns > 1)}. Read fewer columns or row "
         "groups at a time, or take a machine with more."]
    )


def _size(dtype: str) -> int:
    return _SIZES.get(dtype) or tf.as_dtype(dtype).size
