"""Values as SQL literals, exact and safe to put into a query."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tf_loadops.errors import LoadError, gate

Tensor = Any

_STEP = 60
_STEPS = 1100 // _STEP + 1  # as many as the largest exponent of a float64 needs


def literals(value: Tensor) -> Tensor:
    """Writes each value as an SQL expression without affinity, as a bound parameter is.

    Args:
      value: integers, floats, bools or strings, of any shape.

    Returns:
      A string tensor of the same shape.

    Raises:
      LoadError: for other dtypes.
      tf.errors.InvalidArgumentError: at run time, for NaN.

    Example:
      >>> literals(tf.constant(["O'Hara", "x"])).numpy().tolist()
      [b"('O''Hara')", b"('x')"]
    """
    if value.dtype == tf.string:
        return _text(value)
    if value.dtype == tf.bool:
        return tf.where(value, "1", "0")
    if value.dtype.is_integer and value.dtype != tf.uint64:
        return tf.strings.join(["(", tf.strings.as_string(tf.cast(value, tf.int64)), ")"])
    if value.dtype.is_floating:
        return _real(tf.cast(value, tf.float64))
    raise LoadError(f"A parameter holds numbers, bools or text. Received: dtype {value.dtype.name}.")


def parameter(value: Tensor) -> Tensor:
    """The SQL of a parameter: a literal for a scalar, a list of them for a vector, as `IN (:keys)` takes it."""
    if value.shape.rank == 0:
        return literals(value)
    return tf.strings.reduce_join(literals(value), separator=", ")


def _text(value: Tensor) -> Tensor:
    # In an SQLite text only the quote stands for something else, and NUL ends the whole query.
    quoted = tf.strings.join(["'", tf.strings.regex_replace(value, "'", "''"), "'"])
    return tf.strings.join(["(", tf.strings.regex_replace(quoted, r"\x00", "'||char(0)||'"), ")"])


def _real(value: Tensor) -> Tensor:
    r"""M · 2^e with integers and powers of two only: SQLite rounds decimal fractions in a way of its own."""
    finite = ~tf.math.is_nan(value)
    said = "A parameter is NaN, which SQL knows as NULL and equals nothing there. Leave such keys out."
    value = gate(tf.reduce_all(finite), lambda: tf.constant(said), value)
    bits = tf.bitcast(value, tf.int64)
    biased = tf.bitwise.bitwise_and(tf.bitwise.right_shift(bits, 52), 0x7FF)
    mantissa = tf.bitwise.bitwise_and(bits, (1 << 52) - 1)
    mantissa += tf.where(tf.equal(biased, 0), tf.constant(0, tf.int64), tf.constant(1 << 52, tf.int64))
    exponent = tf.maximum(biased, 1) - 1075
    size = tf.abs(exponent)
    sign = tf.where(bits < 0, "(-", "(")

    def powers(operator: str) -> Tensor:
        whole = tf.constant([f"{operator}{1 << _STEP}" * i for i in range(_STEPS)])
        rest = tf.constant([f"{operator}{1 << i}" for i in range(_STEP)])
        return tf.strings.join([tf.gather(whole, size // _STEP), tf.gather(rest, size % _STEP)])

    scale = tf.where(exponent < 0, powers("/"), powers("*"))
    number = tf.strings.join([sign, tf.strings.as_string(mantissa), "*1.0", scale, ")"])
    infinite = tf.where(bits < 0, "(-9e999)", "(9e999)")
    return tf.where(tf.math.is_inf(value), infinite, number)
