"""Whether there is memory for a read: a few bytes may stand for any number of equal values or nulls, or a huge page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tf_loadops.paths import attempt

Tensor = Any

_SIZES = {"bool": 1, "string": 24}  # bytes of a value, of a string those that say where its text is
_UNASKED = 1 << 30  # bytes: for so many nobody need ask
_LINE = 1 << 20  # bytes; a tensor's dimension is an int32


def needed(rows: Tensor, dtypes: Sequence[str]) -> Tensor:
    """The memory that a read takes at its peak, roughly: the bytes of texts and what runs side by side are not in it.

    Args:
      rows: int64 [row groups], how many rows each has.
      dtypes: those of the columns.

    Returns:
      Bytes, an int64 scalar.

    Example:
      >>> int(needed(tf.constant([2**30], tf.int64), ["float32"])) >> 30
      32
    """
    sizes = [_SIZES.get(dtype) or tf.as_dtype(dtype).size for dtype in dtypes]
    # Columns are put together once more when all of them are read. Before, one chunk takes its values in the three
    # states of being spread, joined and handed on, and for each row its place among the values and what it has.
    whole = tf.reduce_sum(rows) * sum(2 * size + 2 for size in sizes)
    return tf.maximum(whole, tf.reduce_max(tf.concat([rows, [0]], 0)) * (3 * max(sizes) + 20))


def there_is(size: Tensor) -> Tensor:
    """Whether the system has so much memory to give.

    It is asked for all of it at once, which it refuses beyond what it has, or what the process may have. Nothing is
    written there, so that nobody is deprived of anything.

    Args:
      size: bytes, an int64 scalar.

    Returns:
      bool scalar. True may be wrong, where a system promises whatever it is asked for; and False where others ask at
      the same moment.
    """

    def take(size: Tensor) -> Tensor:
        lines = tf.cast(tf.minimum(size // _LINE, 2**31 - 2), tf.int32) + 1
        return tf.strings.as_string(tf.raw_ops.Empty(shape=tf.stack([lines, _LINE]), dtype=tf.uint8)[0, 0])

    careful = tf.autograph.experimental.do_not_convert(take)
    return tf.cond(size <= _UNASKED, lambda: tf.constant(True), lambda: attempt(careful, size)[1])
