"""The moments of one batch, by a corrected two-pass algorithm."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tf_loadops.compiled import in_flight
from tf_loadops.errors import LoadError
from tf_loadops.standardize._exact import exact_integers
from tf_loadops.standardize._merge import corrected, merge, quotient, zeros
from tf_loadops.standardize._strips import strip_rows, strips
from tf_loadops.standardize._xla import compiling

Tensor = Any

_INFINITY, _NAN, _ZERO = float("inf"), float("nan"), 0.0


# Values that are summed at once: a part of the data that stays in the processor's cache in float64.
_PART = 1 << 19
# Values from which on a second of compiling is won back, and columns up to which a part has rows enough for strips.
_WORTH_COMPILING = 1 << 25
_MOST_COLUMNS = 1 << 12


def batch(x: Tensor, weights: Tensor | None, validity: Tensor | None) -> tuple[Tensor, ...]:
    """The fields of `Moments.of`, in their order."""
    x, weights, validity = _flat(x, weights, validity)
    x = exact_integers(x, validity=validity)
    size = x.shape.num_elements()
    if compiling() or (size is not None and size < 2 * _PART):
        return block(x, weights, validity)
    if not tf.executing_eagerly():
        return _parts(x, weights, validity)
    return _traced(x.shape[1], x.dtype, weights is not None, validity is not None)(x, weights, validity)


def _parts(x: Tensor, weights: Tensor | None, validity: Tensor | None) -> tuple[Tensor, ...]:
    """Sums a large matrix part by part, so that it never exists in float64 as a whole."""
    rows, columns = tf.shape(x, tf.int64)[0], tf.shape(x, tf.int64)[1]
    fields = tuple(tf.ensure_shape(field, x.shape[1:]) for field in zeros(columns))
    start = tf.zeros((), tf.int64)

    def loop(start: Tensor, end: Tensor, size: Any, of_part: Any, fields: Any) -> tuple[Tensor, tuple[Tensor, ...]]:
        def step(start: Tensor, fields: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
            part = (None if whole is None else whole[start : start + size] for whole in (x, weights, validity))
            merged = merge(fields, of_part(*part))
            return start + size, tuple(tf.ensure_shape(field, x.shape[1:]) for field in merged)

        return tf.while_loop(lambda start, _: start < end, step, (start, fields), parallel_iterations=in_flight())

    if weights is None and validity is None and x.shape[1] and x.shape[1] <= _MOST_COLUMNS:
        size = strip_rows(x.shape[1])
        end = tf.where(rows * columns < _WORTH_COMPILING, start, rows // size * size)
        shape = [size, x.shape[1]]
        start, fields = loop(start, end, size, lambda part, *_: strips(tf.ensure_shape(part, shape)), fields)
    size = tf.maximum(_PART // tf.maximum(columns, 1), 1)
    return loop(start, rows, size, block, fields)[1]


@functools.lru_cache(maxsize=64)
def _traced(columns: int, dtype: Any, weighted: bool, masked: bool) -> Callable[..., tuple[Tensor, ...]]:
    """The loop over parts as a graph for any number of rows: one for each key, so that columns stay known."""
    return tf.function(_parts, reduce_retracing=True, autograph=False)


def block(x: Tensor, weights: Tensor | None, validity: Tensor | None) -> tuple[Tensor, ...]:
    """The same for [rows, columns] that fit in memory a few times over in float64."""
    plain = weights is None and validity is None
    if plain and not x.dtype.is_floating:
        return _complete(x)
    if not plain or compiling():
        return _masked(x, weights, validity)
    # Masks cost more than the sums they guard; most blocks need none, and one NaN makes the sum of its column NaN.
    return tf.cond(
        tf.reduce_all(tf.equal(x, x)), lambda: _complete(x), lambda: _masked(x, weights, validity)
    )


def _complete(x: Tensor) -> tuple[Tensor, ...]:
    """All values there, each counting once. A product with a row of ones is the fastest sum over rows there is."""
    least, most = tf.cast(tf.reduce_min(x, 0), tf.float64), tf.cast(tf.reduce_max(x, 0), tf.float64)
    if tf.as_dtype(x.dtype).is_integer:
        empty = tf.equal(tf.shape(x)[0], 0)  # integers have no infinity to be the smallest of nothing
        infinity = tf.constant(_INFINITY, tf.float64)
        least, most = tf.where(empty, infinity, least), tf.where(empty, -infinity, most)
    x = tf.cast(x, tf.float64)
    ones = tf.ones([1, tf.shape(x)[0]], tf.float64)
    count = tf.zeros_like(least) + tf.cast(tf.shape(x)[0], tf.float64)
    rough = quotient(tf.matmul(ones, x)[0], count)
    off = x - rough
    first, second = tf.matmul(ones, off)[0], tf.matmul(ones, tf.square(off))[0]
    return corrected(count, rough, first, second, least, most, tf.zeros_like(count))


def _masked(x: Tensor, weights: Tensor | None, validity: Tensor | None) -> tuple[Tensor, ...]:
    """Some values missing or of another weight."""
    share = None if weights is None else tf.where(weights >= 0, weights, _NAN)[:, tf.newaxis]
    valid = _valid(x, share, validity)
    x = tf.cast(x, tf.float64)
    present = tf.cast(valid, tf.float64)
    counted = 1.0 if share is None else tf.cast(share != 0, tf.float64)
    missing = tf.reduce_sum(counted - present, 0)

    def keep(values: Tensor) -> Tensor:
        return tf.where(valid, values, _ZERO)

    def weigh(values: Tensor) -> Tensor:
        return values if share is None else keep(values * share)

    count = tf.reduce_sum(weigh(present), 0)
    least = tf.reduce_min(tf.where(valid, x, _INFINITY), 0)
    most = tf.reduce_max(tf.where(valid, x, -_INFINITY), 0)
    rough = quotient(tf.reduce_sum(weigh(keep(x)), 0), count)
    off = keep(x - rough)
    weighted = weigh(off)
    first, second = tf.reduce_sum(weighted, 0), tf.reduce_sum(weighted * off, 0)
    return corrected(count, rough, first, second, least, most, missing)


def _valid(x: Tensor, share: Tensor | None, validity: Tensor | None) -> Tensor:
    """Which cells count, [rows, columns]."""
    parts = [] if validity is None else [validity]
    if x.dtype.is_floating:
        parts.append(tf.equal(x, x))
    if share is not None:
        parts.append(tf.broadcast_to(tf.not_equal(share, 0), tf.shape(x)))
    return functools.reduce(tf.logical_and, parts)


def _flat(x: Tensor, weights: Tensor | None, validity: Tensor | None) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """All axes but the last one made into rows."""
    # A list of floats is float64, as in Python, not float32; one of integers is int64.
    x = tf.convert_to_tensor(np.asarray(x) if isinstance(x, (list, tuple)) and tf.executing_eagerly() else x)
    x = tf.cast(x, tf.uint8) if x.dtype.is_bool else x
    if not (x.dtype.is_floating or x.dtype.is_integer):
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
