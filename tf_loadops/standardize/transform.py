"""Standardizing with given moments, and the way back."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tf_loadops.arguments import one_of
from tf_loadops.errors import LoadError
from tf_loadops.standardize._exact import exact_integers
from tf_loadops.standardize._xla import compiling
from tf_loadops.standardize.moments import Moments

Tensor = Any

MISSING = ("mean", "keep")


def standardize(
    x: Tensor,
    moments: Moments,
    *,
    validity: Tensor | None = None,
    missing: str = "mean",
    indicator: bool = False,
    ddof: float = 0,
) -> Tensor:
    """Subtracts each column's mean and divides by its standard deviation.

    The difference is taken in float64 and only the result is rounded to float32, so that a column of large values with
    a small spread keeps its digits. A column whose values were all equal becomes 0.

    Args:
      x: [..., columns] of any real dtype; NaN is a missing value.
      moments: the Moments to standardize with, [columns]. They are not checked here: a column without values, whose
        moments say nothing, becomes NaN. See `check_moments`.
      validity: bool of `x`'s shape, False where the value is missing; None where only NaN is.
      missing: what a missing value becomes: "mean" for the column's mean, which is 0 in the result, or "keep" for NaN.
      indicator: whether to append, for each column, another one that is 1 where its value is missing and 0 elsewhere.
      ddof: as for `Moments.variance`.

    Returns:
      float32, [..., columns], or [..., 2 * columns] with indicators.

    Raises:
      LoadError: if `missing` is no such word, or the columns are not those of the moments.
      tf.errors.InvalidArgumentError: at run time, if an integer is beyond 2**53 (not checked inside XLA).

    Example:
      >>> x = tf.constant([[1.0], [3.0], [float("nan")]])
      >>> standardize(x, Moments.of(x), indicator=True).numpy().tolist()
      [[-1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    """
    one_of(MISSING, missing=missing)
    x = tf.convert_to_tensor(x)
    require_columns(x, moments)
    if validity is not None:
        validity = tf.convert_to_tensor(validity)
    x = exact_integers(x, validity=validity)

    def plain() -> Tensor:
        return _formula(x, moments, validity, missing, indicator, ddof)

    def compiled() -> Tensor:
        return _compiled(x, moments, validity, missing, indicator, ddof)

    if compiling():
        return plain()
    size = x.shape.num_elements()
    if size is not None:
        return compiled() if size >= _WORTH_COMPILING else plain()
    return tf.cond(tf.size(x, tf.int64) < _WORTH_COMPILING, plain, compiled)


def _formula(
    x: Tensor, moments: Moments, validity: Tensor | None, missing: str, indicator: bool, ddof: float
) -> Tensor:
    wide = tf.cast(x, tf.float64)
    y = tf.cast(((wide - moments.mean) - moments.mean_low) * _inverse_std(moments, ddof), tf.float32)
    # Absent is what came in as such; a NaN that arithmetic makes (of an infinity, of empty moments) stays visible.
    absent = None if validity is None else ~validity
    if x.dtype.is_floating:
        absent = tf.math.is_nan(x) if absent is None else absent | tf.math.is_nan(x)
    if absent is not None:
        y = tf.where(absent, 0.0 if missing == "mean" else float("nan"), y)
    if indicator:
        flags = tf.zeros_like(y) if absent is None else tf.cast(absent, tf.float32)
        y = tf.concat([y, flags], axis=-1)
    return y


# Values from which on the memory that XLA saves, several copies in float64, is worth compiling for one more shape.
_WORTH_COMPILING = 1 << 24
_compiled = tf.function(_formula, jit_compile=True, autograph=False)


def unstandardize(y: Tensor, moments: Moments, *, ddof: float = 0) -> Tensor:
    """Undoes `standardize`: multiplies by the standard deviation and adds the mean.

    Args:
      y: [..., columns] of any real dtype, without indicator columns.
      moments: the Moments it was standardized with.
      ddof: the one it was standardized with.

    Returns:
      float64, [..., columns]. A column whose values were all equal becomes that value again; NaN stays NaN.

    Raises:
      LoadError: if the columns are not those of the moments.

    Example:
      >>> x = tf.constant([[1.0], [3.0]])
      >>> unstandardize(standardize(x, Moments.of(x)), Moments.of(x)).numpy().tolist()
      [[1.0], [3.0]]
    """
    y = tf.convert_to_tensor(y)
    require_columns(y, moments)
    return tf.cast(y, tf.float64) * scale(moments, ddof) + moments.mean_low + moments.mean


def scale(moments: Moments, ddof: float = 0) -> Tensor:
    """What standardizing divides by: the standard deviation, 0 for a column of equal values, NaN for one without any.

    Args:
      moments: the Moments.
      ddof: as for `Moments.variance`; where the count does not exceed it, several different values have no scale, NaN.

    Returns:
      [columns] float64.

    Example:
      >>> scale(Moments.of(tf.constant([[1.0, 5.0], [3.0, 5.0]]))).numpy().tolist()
      [1.0, 0.0]
    """
    constant = (moments.count > 0) & tf.equal(moments.m2, 0)
    return tf.where(constant, tf.zeros_like(moments.m2), moments.std(ddof))


def require_columns(x: Tensor, moments: Moments) -> None:
    """Refuses, while tracing, a matrix whose columns are not those of the moments."""
    columns = moments.mean.shape[0]
    if x.shape.rank is not None and (x.shape.rank < 1 or not x.shape[-1:].is_compatible_with([columns])):
        raise LoadError(
            f"The data has the columns that the statistics were taken of, {columns}, as its last axis. "
            f"Received: shape={x.shape}."
        )


def _inverse_std(moments: Moments, ddof: float) -> Tensor:
    std = scale(moments, ddof)
    flat = tf.equal(std, 0)
    return tf.where(flat, std, 1 / tf.where(flat, tf.ones_like(std), std))
