"""Float64 arithmetic that keeps what rounding loses."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

Tensor = Any


def two_sum(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """The rounded sum of two numbers and its exact error.

    Args:
      a: float64 tensor.
      b: float64 tensor of a shape that broadcasts with `a`'s.

    Returns:
      `(s, e)`: `s` the float64 nearest to `a + b`, and `s + e` equal to `a + b` without any error.

    Example:
      >>> s, e = two_sum(tf.constant(1e16, tf.float64), tf.constant(1.0, tf.float64))
      >>> float(s), float(e)
      (1e+16, 1.0)

    Source: D. E. Knuth, The Art of Computer Programming, vol. 2, 4.2.2, theorem B.
    """
    s = a + b
    b_seen = s - a
    a_seen = s - b_seen
    return s, (a - a_seen) + (b - b_seen)


def quotient(a: Tensor, b: Tensor) -> Tensor:
    """`a / b`, and 0 where `b` is not positive, whatever `a` is.

    Args:
      a: float64 tensor.
      b: float64 tensor of the same shape.

    Returns:
      float64 tensor of the same shape.

    Example:
      >>> quotient(tf.constant([1.0, 5.0]), tf.constant([2.0, 0.0])).numpy().tolist()
      [0.5, 0.0]
    """
    usable = b > 0
    return tf.where(usable, a / tf.where(usable, b, tf.ones_like(b)), tf.zeros_like(a))
