"""Between float64 and float32, right everywhere: TensorFlow's own casts flush subnormal numbers to zero."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

Tensor = Any

_SMALLEST = 897  # the biased exponent that the smallest normal float32 has as a float64


def to_float32(values: Tensor) -> Tensor:
    """Rounds to the nearest float32, ties to even.

    Args:
      values: float64, any shape.

    Returns:
      float32 of the same shape; too large a number is an infinity.

    Example:
      >>> to_float32(tf.constant([1e-45, 0.1], tf.float64)).numpy().tolist()
      [1.401298464324817e-45, 0.10000000149011612]
    """
    narrow = tf.cast(values, tf.float32)
    bits = tf.bitcast(values, tf.int64) & (2**63 - 1)  # `abs` and `<` would flush too
    # Below half of the smallest subnormal there is nothing but zero.
    tiny = (bits < _SMALLEST << 52) & (bits > (_SMALLEST - 24) << 52)
    return tf.cond(tf.reduce_any(tiny), lambda: _patched(narrow, values, tiny), lambda: narrow)


def to_float64(values: Tensor) -> Tensor:
    """Widens float32 exactly.

    Args:
      values: float32, any shape.

    Returns:
      float64 of the same shape.

    Example:
      >>> to_float64(tf.constant([1e-45, 0.5])).numpy().tolist()
      [1.401298464324817e-45, 0.5]
    """
    wide = tf.cast(values, tf.float64)
    bits = tf.bitcast(values, tf.int32)
    size = bits & 0x7FFFFFFF
    tiny = (size > 0) & (size < 1 << 23)

    def exact() -> Tensor:
        small = tf.cast(size, tf.float64) * 2.0**-149
        return tf.where(tiny, tf.where(bits < 0, -small, small), wide)

    return tf.cond(tf.reduce_any(tiny), exact, lambda: wide)


def _patched(narrow: Tensor, values: Tensor, tiny: Tensor) -> Tensor:
    at = tf.where(tiny)
    bits = tf.bitcast(tf.gather_nd(values, at), tf.int64)
    size = bits & (2**63 - 1)
    mantissa = (size & ((1 << 52) - 1)) | (1 << 52)
    drop = 29 + _SMALLEST - tf.bitwise.right_shift(size, 52 * tf.ones_like(size))
    kept = tf.bitwise.right_shift(mantissa, drop)
    rest = mantissa - tf.bitwise.left_shift(kept, drop)
    half = tf.bitwise.left_shift(tf.ones_like(drop), drop - 1)
    up = (rest > half) | (tf.equal(rest, half) & tf.equal(kept & 1, 1))
    rounded = kept + tf.cast(up, tf.int64)
    rounded = tf.bitcast(tf.cast(tf.where(bits < 0, rounded - 2**31, rounded), tf.int32), tf.float32)
    return tf.tensor_scatter_nd_update(narrow, at, rounded)
