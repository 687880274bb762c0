"""Integers that float64 cannot tell from their neighbours are refused, not rounded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tf_loadops.errors import gate
from tf_loadops.standardize._xla import compiling

Tensor = Any

_LARGEST = 2**53


def exact_integers(x: Tensor, names: Sequence[str] | None = None, validity: Tensor | None = None) -> Tensor:
    """Turns int64 and uint64 into float64 where that is exact; passes on other dtypes, and everything inside XLA.

    Args:
      x: [..., columns].
      names: the columns' names for the message; None for their numbers, from 0.
      validity: bool of `x`'s shape, False where the value does not matter.

    Returns:
      `x`, or its values as float64, behind the check.

    Raises:
      tf.errors.InvalidArgumentError: at run time, with the column and the integer.
    """
    if x.dtype not in (tf.int64, tf.uint64) or compiling():
        return x
    large = x > tf.constant(_LARGEST, x.dtype)
    if x.dtype == tf.int64:
        large |= x < tf.constant(-_LARGEST, tf.int64)
    if validity is not None:
        large &= validity

    def message() -> Tensor:
        at = tf.where(large)[0]
        number = tf.strings.as_string(tf.gather_nd(x, at))
        column = tf.strings.join(["column ", tf.strings.as_string(at[-1])])
        if names is not None:
            column = tf.gather(tf.constant([f"column {name!r}" for name in names]), at[-1])
        return tf.strings.join(
            [column, ": the integer ", number, " is beyond 2**53, where float64 no longer holds every integer. "
             "Subtract a constant from the column, or cast it to float64 if rounding is meant."]
        )  # fmt: skip

    return tf.cast(gate(~tf.reduce_any(large), message, x), tf.float64)
