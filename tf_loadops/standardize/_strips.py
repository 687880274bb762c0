"""The moments of a few hundred thousand values as one XLA program, for data so large that compiling it pays.

The part is cut into eight strips of equal length that are added value by value: XLA makes each such sum one pass over
the part in cache, masks included. Only the one strip that is left is summed by column.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tf_loadops.standardize._merge import corrected, quotient

Tensor = Any

_STRIPS = 8
_VALUES = 1 << 20
_INFINITY, _ZERO = float("inf"), 0.0


def strip_rows(columns: int) -> int:
    """The rows of one part: divisible into strips, and such that every part begins at an aligned address."""
    return _VALUES // columns // 16 * 16


@tf.function(jit_compile=True, autograph=False)
def strips(x: Tensor) -> tuple[Tensor, ...]:
    """The fields of `Moments.of` for `strip_rows(columns)` rows without weights; NaN is missing."""
    rows, columns = x.shape
    flat = tf.reshape(x, [_STRIPS, rows * columns // _STRIPS])
    cut = [flat[i] for i in range(_STRIPS)]
    there = [tf.equal(strip, strip) for strip in cut]

    def masked(values: list[Tensor], otherwise: float) -> list[Tensor]:
        return [tf.where(t, v, tf.constant(otherwise, v.dtype)) for t, v in zip(there, values, strict=True)]

    def by_column(values: list[Tensor], add: Callable[..., Tensor], reduce: Callable[..., Tensor]) -> Tensor:
        while len(values) > 1:
            values = [add(a, b) for a, b in zip(values[::2], values[1::2], strict=True)]
        return tf.cast(reduce(tf.reshape(values[0], [-1, columns]), 0), tf.float64)

    if x.dtype.is_floating:
        least = by_column(masked(cut, _INFINITY), tf.minimum, tf.reduce_min)
        most = by_column(masked(cut, -_INFINITY), tf.maximum, tf.reduce_max)
    else:
        least, most = by_column(cut, tf.minimum, tf.reduce_min), by_column(cut, tf.maximum, tf.reduce_max)
    count = by_column([tf.cast(t, tf.int32) for t in there], tf.add, tf.reduce_sum)
    wide = [tf.cast(strip, tf.float64) for strip in cut]
    rough = quotient(by_column(masked(wide, _ZERO), tf.add, tf.reduce_sum), count)
    centre = tf.tile(rough, [rows // _STRIPS])
    off = masked([strip - centre for strip in wide], _ZERO)
    first = by_column(off, tf.add, tf.reduce_sum)
    second = by_column([strip * strip for strip in off], tf.add, tf.reduce_sum)
    return corrected(count, rough, first, second, least, most, tf.cast(rows, tf.float64) - count)
