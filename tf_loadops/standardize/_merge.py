"""The arithmetic of merging: fields of moments as plain tuples, in the order of `Moments`."""

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


def zeros(columns: int | Tensor) -> tuple[Tensor, ...]:
    """The fields of `Moments.zeros`."""
    nothing = tf.zeros([columns], tf.float64)
    return nothing, nothing, nothing, nothing, nothing + float("inf"), nothing - float("inf"), nothing


def merge(one: tuple[Tensor, ...], other: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The fields of `Moments.merge`."""
    count_a, mean_a, low_a, m2_a, least_a, most_a, missing_a = one
    count_b, mean_b, low_b, m2_b, least_b, most_b, missing_b = other
    count = count_a + count_b
    share = quotient(count_b, count)
    ahead, rest = two_sum(mean_b, -mean_a)
    delta = ahead + (rest + (low_b - low_a))
    mean, low = two_sum(mean_a, delta * share)
    mean, low = two_sum(mean, low + low_a)
    m2 = m2_a + m2_b + delta * delta * (count_a * share)
    least, most = tf.minimum(least_a, least_b), tf.maximum(most_a, most_b)
    merged = settled(least, most, mean, low, m2)
    # An empty side has no mean: what the formula makes of it (0 * infinity, perhaps) must not show.
    mean, low, m2 = (
        tf.where(count_a > 0, tf.where(count_b > 0, both, a), b)
        for both, a, b in zip(merged, (mean_a, low_a, m2_a), (mean_b, low_b, m2_b), strict=True)
    )
    return count, mean, low, m2, least, most, missing_a + missing_b


def corrected(
    count: Tensor, rough: Tensor, first: Tensor, second: Tensor, least: Tensor, most: Tensor, missing: Tensor
) -> tuple[Tensor, ...]:
    """The two-pass algorithm's end.

    The first pass found the mean roughly; the second summed the deviations from it and their squares. Without rounding
    the sum of the deviations would be 0, so what it is corrects both the mean and the sum of squares.
    """
    step = quotient(first, count)
    mean, low = two_sum(rough, step)
    m2 = second - first * step
    m2 = tf.where(m2 < 0, tf.zeros_like(m2), m2)
    return (count, *settled(least, most, mean, low, m2), least, most, missing)


def settled(least: Tensor, most: Tensor, mean: Tensor, low: Tensor, m2: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Makes a column of equal values exactly that: its mean the value, its deviation 0, not the rounding of a sum."""
    equal, zero = tf.equal(least, most), tf.zeros_like(m2)
    return tf.where(equal, least, mean), tf.where(equal, zero, low), tf.where(equal, zero, m2)
