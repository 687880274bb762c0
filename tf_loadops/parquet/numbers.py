"""Numbers of a page, of whatever type, as those of a dtype; what has no place there is marked, not bent."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import tensorflow as tf

from tf_loadops.compiled import apart
from tf_loadops.csv.exact import exact_float
from tf_loadops.floats import to_float32
from tf_loadops.parquet import leaves as k

Tensor = Any

_EPOCH = 2440588  # the Julian day of 1970-01-01
_DAY = 86_400_000_000_000  # nanoseconds
_LAST_DAY, _REST = divmod(2**63 - 1, _DAY)  # the last day that nanoseconds since 1970 reach, and how far
_EXACT = 2**53
_POWERS = [10.0**i for i in range(23)]  # those that float64 has exactly
_DECIMAL_BYTES = 16
_TINY, _HUGE = np.finfo(np.float32).tiny, np.finfo(np.float32).max


def to_numbers(raw: Tensor, kind: Tensor, width: Tensor, scale: Tensor, dtype: str) -> tuple[Tensor, Tensor]:
    """Reads values of fixed width.

    Integers become float32 rounded to nearest, and float64 and bools exactly or not at all; floats become integers
    exactly or not at all; a float64 beyond float32's range has no place in it. Decimals are the nearest float64.

    Args:
      raw: uint8 [n * width], the values one after another; a bool is a byte, a decimal of many digits big-endian.
      kind: int32 scalar, one of `leaves.KINDS` that is a number.
      width: int32 scalar, bytes of a value.
      scale: int32 scalar, a decimal's digits behind the point.
      dtype: float32, float64, int32, int64 or bool.

    Returns:
      Values [n] of the dtype, and bool [n], True where it has no such value.

    Source: LogicalTypes.md and Encodings.md of the Parquet format.
    """
    from_integers = _FROM_INTEGERS[dtype]
    from_floats = _FROM_FLOATS[dtype]

    def integers(values: Tensor, bad: Tensor | None = None) -> tuple[Tensor, Tensor]:
        result, wrong = from_integers(tf.cast(values, tf.int64))
        return result, wrong if bad is None else wrong | bad

    def unsigned64() -> tuple[Tensor, Tensor]:
        values = _as(raw, tf.int64)
        return integers(values, values < 0)

    def decimals(unscaled: Tensor) -> tuple[Tensor, Tensor]:
        return from_floats(_decimals(tf.cast(unscaled, tf.int64), scale))

    ways = {
        k.BOOL: lambda: integers(raw),
        k.INT32: lambda: integers(_as(raw, tf.int32)),
        k.UINT32: lambda: integers(_as(raw, tf.uint32)),
        k.INT64: lambda: integers(_as(raw, tf.int64)),
        k.UINT64: unsigned64,
        k.INT96: lambda: integers(*_int96(raw)),
        k.FLOAT: lambda: from_floats(_as(raw, tf.float32)),
        k.DOUBLE: lambda: from_floats(_as(raw, tf.float64)),
        k.HALF: lambda: from_floats(tf.cast(_as(raw, tf.half), tf.float32)),
        k.DECIMAL32: lambda: decimals(_as(raw, tf.int32)),
        k.DECIMAL64: lambda: decimals(_as(raw, tf.int64)),
        k.DECIMAL: lambda: from_floats(_big_decimals(tf.reshape(raw, [-1, width]), scale)),
    }
    usual = (k.INT32, k.INT64, k.FLOAT, k.DOUBLE)
    branches = [ways[i] if i in usual else functools.partial(apart, ways[i]) for i in range(len(ways))]
    values, bad = tf.switch_case(kind, branches)
    return tf.ensure_shape(values, [None]), tf.ensure_shape(bad, [None])


def _as(raw: Tensor, dtype: Any) -> Tensor:
    return tf.bitcast(tf.reshape(raw, [-1, dtype.size]), dtype)


def _none(values: Tensor) -> Tensor:
    return tf.zeros_like(values, tf.bool)


def _integers_to_float64(values: Tensor) -> tuple[Tensor, Tensor]:
    # Beyond 2 ** 53 float64 has only some integers. Casting back would overflow at 2 ** 63, which is itself.
    near = tf.abs(values) <= _EXACT
    result = tf.cast(values, tf.float64)
    back = tf.cast(tf.where(result < 2.0**63, result, 0.0), tf.int64)
    return result, ~(near & (values > tf.int64.min)) & tf.not_equal(back, values)


def _within(values: Tensor, dtype: Any) -> tuple[Tensor, Tensor]:
    result = tf.cast(values, dtype)
    return result, tf.not_equal(tf.cast(result, tf.int64), values)


def _floats_to_float32(values: Tensor) -> tuple[Tensor, Tensor]:
    if values.dtype == tf.float32:
        return values, _none(values)
    result = tf.cast(values, tf.float32)
    size = tf.abs(result)
    # Few data hold zeros, infinities or NaN, or numbers that become these; only among such is anything to look for.
    plain = (tf.reduce_min(size) >= _TINY) & (tf.reduce_max(size) <= _HUGE)

    def careful() -> tuple[Tensor, Tensor]:
        exact = to_float32(values)
        return exact, tf.math.is_inf(exact) & ~tf.math.is_inf(values)

    return tf.cond(plain, lambda: (result, _none(values)), lambda: apart(careful))


def _floats_to_integers(values: Tensor, low: float, high: float, dtype: Any) -> tuple[Tensor, Tensor]:
    values = tf.cast(values, tf.float64)
    ok = (values >= low) & (values < high) & tf.equal(values, tf.floor(values))
    return tf.cast(tf.where(ok, values, 0.0), dtype), ~ok


def _no_bools(values: Tensor) -> tuple[Tensor, Tensor]:
    return _none(values), tf.ones_like(values, tf.bool)


_FROM_INTEGERS = {
    "float32": lambda v: (tf.cast(v, tf.float32), _none(v)),
    "float64": _integers_to_float64,
    "int32": lambda v: _within(v, tf.int32),
    "int64": lambda v: (v, _none(v)),
    "bool": lambda v: (tf.not_equal(v, 0), (v < 0) | (v > 1)),
}
_FROM_FLOATS = {
    "float32": _floats_to_float32,
    "float64": lambda v: (tf.cast(v, tf.float64), _none(v)),
    "int32": lambda v: _floats_to_integers(v, -(2.0**31), 2.0**31, tf.int32),
    "int64": lambda v: _floats_to_integers(v, -(2.0**63), 2.0**63, tf.int64),
    "bool": _no_bools,
}


def _int96(raw: Tensor) -> tuple[Tensor, Tensor]:
    """Nanoseconds since 1970: int64, and where they are too many for that."""
    parts = tf.reshape(_as(raw, tf.int32), [-1, 3])  # nanoseconds of the day, low and high; the Julian day
    of_day = tf.bitcast(tf.ensure_shape(parts[:, :2], [None, 2]), tf.int64)
    days = tf.cast(parts[:, 2], tf.int64) - _EPOCH
    # Some writers, pyarrow up to 21 for one, count back from midnight before 1970.
    fits = (of_day > -_DAY) & (of_day < _DAY) & (days >= -_LAST_DAY) & (days <= _LAST_DAY)
    fits &= ((days < _LAST_DAY) | (of_day <= _REST)) & ((days > -_LAST_DAY) | (of_day >= -_REST))
    return tf.where(fits, days, 0) * _DAY + tf.where(fits, of_day, 0), ~fits


def _decimals(unscaled: Tensor, scale: Tensor) -> Tensor:
    """Decimals as the nearest float64: by one division where both numbers are exact, else by their digits."""
    small = tf.reduce_all((unscaled <= _EXACT) & (unscaled >= -_EXACT)) & (scale < len(_POWERS))
    power = tf.gather(tf.constant(_POWERS, tf.float64), tf.minimum(scale, len(_POWERS) - 1))
    return tf.cond(
        small, lambda: tf.cast(unscaled, tf.float64) / power, lambda: _parsed(tf.strings.as_string(unscaled), scale)
    )


def _parsed(digits: Tensor, scale: Tensor, parse: Any = tf.strings.to_number) -> Tensor:
    """Digits with a point among them, many of them by `exact_float`, for TensorFlow 2.17 refuses 32 characters."""
    scale = tf.minimum(scale, 9999)  # as good as any number beyond
    return parse(tf.strings.join([digits, "e-", tf.strings.as_string(scale)]), tf.float64)


def _big_decimals(raw: Tensor, scale: Tensor) -> Tensor:
    """Decimals of one to sixteen bytes, big-endian: uint8 [n, width]."""
    width = tf.shape(raw)[1]
    negative = raw[:, :1] >= 128
    front = tf.where(negative, tf.constant(255, tf.uint8), tf.constant(0, tf.uint8))
    fronts = tf.tile(front, [1, tf.maximum(_DECIMAL_BYTES - width, 0)])
    full = tf.reverse(tf.concat([fronts, raw], 1)[:, -_DECIMAL_BYTES:], [1])
    halves = tf.bitcast(tf.reshape(full, [-1, 2, 8]), tf.int64)
    low, high = halves[:, 0], halves[:, 1]
    small = tf.reduce_all(tf.equal(high, tf.bitwise.right_shift(low, tf.constant(63, tf.int64))))
    long = lambda: _parsed(_digits(full, negative[:, 0]), scale, exact_float)  # noqa: E731
    return tf.cond(small, lambda: _decimals(low, scale), long)


def _digits(full: Tensor, negative: Tensor) -> Tensor:
    """The decimal digits of integers of 128 bits, little-endian: string [n]."""
    limbs = tf.cast(tf.bitcast(tf.reshape(full, [-1, 4, 4]), tf.uint32), tf.int64)
    limbs = tf.where(negative[:, None], 2**32 - 1 - limbs, limbs)
    carry = tf.cast(negative, tf.int64)
    parts = []
    for limb in tf.unstack(limbs, axis=1):  # the two's complement of a negative one
        parts.append((limb + carry) % 2**32)
        carry = (limb + carry) // 2**32
    groups = []
    for _ in range(5):  # nine digits a time
        rest = tf.zeros_like(carry)
        quotients = []
        for part in reversed(parts):
            both = rest * 2**32 + part
            quotients.append(both // 10**9)
            rest = both % 10**9
        parts = quotients[::-1]
        groups.append(tf.strings.as_string(rest, width=9, fill="0"))
    return tf.strings.join([tf.where(negative, "-", ""), *reversed(groups)])
