"""Statistics nobody should standardize with: refused by column name, eagerly and in the graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tf_loadops.errors import LoadError, gate
from tf_loadops.standardize.moments import Moments

Tensor = Any


def check_moments(moments: Moments, names: Sequence[str] | None = None) -> Moments:
    """Passes moments on if each column has at least one value and finite statistics, and refuses otherwise.

    Strings do not compile under XLA, so this belongs outside of `jit_compile` functions.

    Args:
      moments: the Moments to look at.
      names: the columns' names for the message; None for their numbers, from 0.

    Returns:
      The same Moments, behind the check.

    Raises:
      LoadError: if the number of names is not that of columns.
      tf.errors.InvalidArgumentError: at run time, if there are no rows, a column has only missing values, holds an
        infinity or is too large for its squares to be summed in float64, or a weight was negative or NaN.

    Example:
      >>> float(check_moments(Moments.of(tf.constant([[1.0], [3.0]])), ["price"]).mean[0])
      2.0
    """
    ok, message = refusal(moments, names)
    return Moments(*gate(ok, message, tuple(moments)))


def refusal(moments: Moments, names: Sequence[str] | None = None) -> tuple[Tensor, Any]:
    """Whether moments can be used, and a function that says why not.

    Args:
      moments: the Moments to look at.
      names: as for `check_moments`.

    Returns:
      `(ok, message)`: a bool scalar, and a function of no arguments that builds a string scalar.

    Raises:
      LoadError: if the number of names is not that of columns.

    Example:
      >>> bool(refusal(Moments.zeros(1))[0])
      False
    """
    columns = moments.count.shape[0]
    if names is not None and columns is not None and len(names) != columns:
        raise LoadError(f"names has one name for each of the {columns} columns. Received: {len(names)} names.")
    infinity = float("inf")
    # Not "not >= 0": TensorFlow rewrites that to "< 0" in graphs, which a NaN is not either.
    unweighable = tf.math.is_nan(moments.count) | (moments.count < 0)
    empty = tf.equal(moments.count, 0)
    infinite = ~empty & (tf.equal(moments.min, -infinity) | tf.equal(moments.max, infinity))
    large = ~empty & ~(tf.math.is_finite(moments.mean) & tf.math.is_finite(moments.m2))
    bad = unweighable | empty | infinite | large

    def message() -> Tensor:
        at = tf.argmax(tf.cast(bad, tf.int32))
        column = _name(at, names)
        missing = tf.strings.as_string(tf.cast(moments.missing[at], tf.int64))
        low, high = (tf.strings.as_string(end[at], shortest=True) for end in (moments.min, moments.max))
        rowless = tf.reduce_all(empty) & tf.reduce_all(tf.equal(moments.missing, 0))
        texts = [
            (rowless, ["There are no rows to take statistics of. Pass at least one row."]),
            (unweighable[at], [column, ": weights are not negative and not NaN, but at least one is. Correct it."]),
            (empty[at], [column, ": all ", missing, " values are missing, so it has no mean. Drop it, or fill it."]),
            (
                infinite[at],
                [column, ": holds an infinity, so it has no finite mean (smallest value ", low, ", largest ", high,
                 "). Replace infinities, or make them NaN to count them as missing."],
            ),
        ]  # fmt: skip
        text = tf.strings.join([
            column, ": values from ", low, " to ", high,
            " are too large for their squares to be summed in float64. Divide the column by a constant first.",
        ])  # fmt: skip
        for applies, parts in reversed(texts):
            text = tf.where(applies, tf.strings.join(parts), text)
        return text

    return ~tf.reduce_any(bad), message


def _name(at: Tensor, names: Sequence[str] | None) -> Tensor:
    """`column 'price'`, or `column 3` where columns have no names."""
    if names is None:
        return tf.strings.join(["column ", tf.strings.as_string(at)])
    return tf.gather(tf.constant([f"column {name!r}" for name in names]), at)
