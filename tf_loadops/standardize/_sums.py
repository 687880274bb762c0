"""The moments of one batch, by a corrected two-pass algorithm."""

from __future__ import annotations

import functools
from typing import Any

import tensorflow as tf

from tf_loadops.errors import LoadError
from tf_loadops.standardize._exact import quotient, two_sum

Tensor = Any

_INFINITY, _NAN, _ZERO = float("inf"), float("nan"), 0.0


def batch(x: Tensor, weights: Tensor | None, validity: Tensor | None) -> tuple[Tensor, ...]:
    """The fields of `Moments.of`, in their order."""
    x, weights, validity = _flat(x, weights, validity)
    return block(x, weights, validity)


def block(x: Tensor, weights: Tensor | None, validity: Tensor | None) -> tuple[Tensor, ...]:
    """The same for [rows, columns] that fit in memory a few times over in float64.

    The first pass finds the mean roughly; the second sums the deviations from it and their squares, and the sum of the
    deviations, which would be 0 without rounding, corrects both the mean and the sum of squares.
    """
    share = None if weights is None else tf.where(weights >= 0, weights, _NAN)[:, tf.newaxis]
    valid = _valid(x, share, validity)
    x = tf.cast(x, tf.float64)
    if valid is None:
        rows = tf.cast(tf.shape(x)[0], tf.float64)
        missing = tf.zeros_like(x, shape=tf.shape(x)[1:])
        count, lows, highs = missing + rows, x, x
        keep = tf.identity
    else:
        present = tf.cast(valid, tf.float64)
        counted = 1.0 if share is None else tf.cast(share != 0, tf.float64)
        missing = tf.reduce_sum(counted - present, 0)
        count = tf.reduce_sum(present if share is None else tf.where(valid, share, _ZERO), 0)
        lows, highs = tf.where(valid, x, _INFINITY), tf.where(valid, x, -_INFINITY)

        def keep(values: Tensor) -> Tensor:
            return tf.where(valid, values, _ZERO)

    def weigh(values: Tensor) -> Tensor:
        return values if share is None else keep(values * share)

    least, most = tf.reduce_min(lows, 0), tf.reduce_max(highs, 0)
    rough = quotient(tf.reduce_sum(weigh(keep(x)), 0), count)
    off = keep(x - rough)
    weighted = weigh(off)
    first, second = tf.reduce_sum(weighted, 0), tf.reduce_sum(weighted * off, 0)
    step = quotient(first, count)
    mean, low = two_sum(rough, step)
    m2 = second - first * step
    m2 = tf.where(m2 < 0, tf.zeros_like(m2), m2)
    return (count, *settled(least, most, mean, low, m2), least, most, missing)


def settled(least: Tensor, most: Tensor, mean: Tensor, low: Tensor, m2: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Makes a column of equal values exactly that: its mean the value, its deviation 0, not the rounding of a sum."""
    equal, zero = tf.equal(least, most), tf.zeros_like(m2)
    return tf.where(equal, least, mean), tf.where(equal, zero, low), tf.where(equal, zero, m2)


def _valid(x: Tensor, share: Tensor | None, validity: Tensor | None) -> Tensor | None:
    """Which cells count, [rows, columns]; None if all do."""
    parts = [] if validity is None else [validity]
    if x.dtype.is_floating:
        parts.append(tf.equal(x, x))
    if share is not None:
        parts.append(tf.broadcast_to(tf.not_equal(share, 0), tf.shape(x)))
    return functools.reduce(tf.logical_and, parts) if parts else None


def _flat(x: Tensor, weights: Tensor | None, validity: Tensor | None) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """All axes but the last one made into rows."""
    x = tf.convert_to_tensor(x)
    if not (x.dtype.is_floating or x.dtype.is_integer or x.dtype.is_bool):
        raise LoadError(f"Moments are taken of real numbers. Received: dtype={x.dtype.name}.")
    if x.shape.rank is None or x.shape.rank < 2:
        raise LoadError(
            "Moments are taken of a matrix [rows, columns], or of [..., columns] of known rank. "
            f"Received: shape={x.shape}. Reshape one column to [rows, 1]."
        )
    if validity is not None:
        validity = tf.convert_to_tensor(validity)
        if validity.dtype != tf.bool or not validity.shape.is_compatible_with(x.shape):
            raise LoadError(
                f"validity is bool and has the shape of x, {x.shape}. "
                f"Received: {validity.dtype.name}, shape={validity.shape}."
            )
    if weights is not None:
        weights = tf.cast(tf.convert_to_tensor(weights), tf.float64)
        if not weights.shape.is_compatible_with(x.shape[:-1]):
            raise LoadError(
                f"weights are one number per row, shape {x.shape[:-1]}. Received: shape={weights.shape}."
            )
    if x.shape.rank > 2:
        columns = x.shape[-1] if x.shape[-1] is not None else tf.shape(x)[-1]
        x = tf.reshape(x, [-1, columns])
        validity = None if validity is None else tf.reshape(validity, [-1, columns])
        weights = None if weights is None else tf.reshape(weights, [-1])
    return x, weights, validity
