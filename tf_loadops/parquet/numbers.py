"""Numbers of a page, of whatever type, as those of a dtype; what has no place there is marked, not bent."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from tf_loadops.bytesops.swar import SHR
from tf_loadops.compiled import PURE, call
from tf_loadops.csv.exact import exact_float
from tf_loadops.floats import to_float32, to_float64
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
    exactly or not at all, and so do decimals; a float64 beyond float32's range has no place in it. Decimals become the
    nearest float64, and that the nearest float32.

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
    return call(_to_numbers, raw, kind, width, scale, static=(dtype,), how=PURE)


def _to_numbers(raw: Tensor, kind: Tensor, width: Tensor, scale: Tensor, dtype: str) -> tuple[Tensor, Tensor]:
    def integers() -> tuple[Tensor, Tensor]:
        values, bad = _integers(raw, kind)
        result, wrong = _FROM_INTEGERS[dtype](values)
        return result, wrong | bad

    def reals() -> tuple[Tensor, Tensor]:
        return _FROM_FLOATS[dtype](_reals(raw, kind, width, scale))

    def decimal_integers() -> tuple[Tensor, Tensor]:
        values, bad = _decimal_integers(_unscaled(raw, kind, width), scale)
        result, wrong = _FROM_INTEGERS[dtype](values)
        return result, wrong | bad

    def same() -> tuple[Tensor, Tensor]:
        values = _as(raw, tf.float32)
        return values, _none(values)

    ways = [integers, reals]
    of_kind = [0 if i < k.FLOAT else 1 for i in range(k.TEXT)]
    if dtype == "float32":
        ways.append(same)
        of_kind[k.FLOAT] = 2
    if dtype in ("int32", "int64"):
        ways.append(decimal_integers)
        of_kind[k.DECIMAL32 :] = [2] * 3
    values, bad = tf.switch_case(tf.gather(tf.constant(of_kind), kind), ways)
    return tf.ensure_shape(values, [None]), tf.ensure_shape(bad, [None])


def _integers(raw: Tensor, kind: Tensor) -> tuple[Tensor, Tensor]:
    """Values of a kind of integer, or bools: int64, and which of them are too large for that."""

    def good(values: Tensor) -> tuple[Tensor, Tensor]:
        return tf.cast(values, tf.int64), _none(values)

    def unsigned64() -> tuple[Tensor, Tensor]:
        values = _as(raw, tf.int64)
        return values, values < 0

    ways = {
        k.BOOL: lambda: good(raw),
        k.INT32: lambda: good(_as(raw, tf.int32)),
        k.UINT32: lambda: good(_as(raw, tf.uint32)),
        k.INT64: lambda: good(_as(raw, tf.int64)),
        k.UINT64: unsigned64,
        k.INT96: lambda: _int96(raw),
    }
    values, bad = tf.switch_case(kind, [ways[i] for i in range(len(ways))])
    return tf.ensure_shape(values, [None]), tf.ensure_shape(bad, [None])


def _reals(raw: Tensor, kind: Tensor, width: Tensor, scale: Tensor) -> Tensor:
    """Values of a kind of float, or decimals: float64."""
    ways = {
        k.FLOAT: lambda: to_float64(_as(raw, tf.float32)),
        k.DOUBLE: lambda: _as(raw, tf.float64),
        k.HALF: lambda: tf.cast(_as(raw, tf.half), tf.float64),
    }
    decimals = len(ways)
    branches = [ways[k.FLOAT + i] for i in range(decimals)] + [lambda: _decimals(_unscaled(raw, kind, width), scale)]
    return tf.ensure_shape(tf.switch_case(tf.minimum(kind - k.FLOAT, decimals), branches), [None])


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
    result = tf.cast(values, tf.float32)
    size = tf.abs(result)
    # Few data hold zeros, infinities or NaN, or numbers that become these; only among such is anything to look for.
    plain = (tf.reduce_min(size) >= _TINY) & (tf.reduce_max(size) <= _HUGE)

    def careful() -> tuple[Tensor, Tensor]:
        exact = to_float32(values)
        return exact, tf.math.is_inf(exact) & ~tf.math.is_inf(values)

    return tf.cond(plain, lambda: (result, _none(values)), careful)


def _floats_to_integers(values: Tensor, low: float, high: float, dtype: Any) -> tuple[Tensor, Tensor]:
    size = tf.bitcast(values, tf.int64) & (2**63 - 1)
    subnormal = (size > 0) & (size < 1 << 52)  # to comparisons they are zeros
    ok = (values >= low) & (values < high) & tf.equal(values, tf.floor(values)) & ~subnormal
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
    "float64": lambda v: (v, _none(v)),
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


def _unscaled(raw: Tensor, kind: Tensor, width: Tensor) -> Tensor:
    """A kind of decimals without their points, as integers of 128 bits: int64 [n, 2], low first."""

    def widened(low: Tensor) -> Tensor:
        return tf.stack([low, _sign(low)], 1)

    ways = [
        lambda: widened(tf.cast(_as(raw, tf.int32), tf.int64)),
        lambda: widened(_as(raw, tf.int64)),
        lambda: _halves(tf.reshape(raw, [-1, width])),
    ]
    return tf.ensure_shape(tf.switch_case(kind - k.DECIMAL32, ways), [None, 2])


def _sign(low: Tensor) -> Tensor:
    """What stands above 64 bits of an integer that has no more."""
    return SHR(low, tf.constant(63, tf.int64))


def _decimal_integers(halves: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    """Decimals as int64, and which of them are none."""
    low = halves[:, 0]
    power = tf.gather(tf.constant([10**i for i in range(19)], tf.int64), tf.minimum(scale, 18))

    def divided() -> tuple[Tensor, Tensor]:
        whole = low // power
        return whole, tf.not_equal(whole * power, low)

    def parsed() -> tuple[Tensor, Tensor]:
        negative = halves[:, 1] < 0
        text = tf.strings.regex_replace(_digits(halves), "^-", "")
        end = tf.maximum(tf.strings.length(text) - scale, 0)
        rest = tf.strings.substr(text, end, tf.strings.length(text) - end)
        # Two pieces of digits, neither of them beyond int64.
        middle = tf.maximum(end - 9, 0)
        head, tail = tf.strings.substr(text, tf.zeros_like(end), middle), tf.strings.substr(text, middle, end - middle)
        short = end <= 19
        high, low = (_number(tf.where(short, part, "")) for part in (head, tail))
        last = tf.where(negative, tf.constant(854775808, tf.int64), tf.constant(854775807, tf.int64))
        ok = short & ((high < 9223372036) | (tf.equal(high, 9223372036) & (low <= last)))
        ok &= tf.strings.regex_full_match(rest, "0*")
        high, low = (tf.where(ok, part, 0) for part in (high, low))
        return tf.where(negative, -high * 10**9 - low, high * 10**9 + low), ~ok

    small = tf.reduce_all(tf.equal(halves[:, 1], _sign(low))) & (scale <= 18)
    return tf.cond(small, divided, parsed)


def _number(digits: Tensor) -> Tensor:
    return tf.strings.to_number(tf.strings.join(["0", digits]), tf.int64)


def _decimals(halves: Tensor, scale: Tensor) -> Tensor:
    """Decimals as the nearest float64: by one division where both numbers are exact, else by their digits."""
    low = halves[:, 0]
    small = tf.equal(halves[:, 1], _sign(low))
    exact = tf.reduce_all(small & (low <= _EXACT) & (low >= -_EXACT))
    power = tf.gather(tf.constant(_POWERS, tf.float64), tf.minimum(scale, len(_POWERS) - 1))

    def parsed() -> Tensor:
        exponent = tf.strings.as_string(tf.minimum(scale, 9999))  # as good as any number beyond
        return exact_float(tf.strings.join([_digits(halves), "e-", exponent]), tf.float64, infinity=False)

    return tf.cond(exact & (scale < len(_POWERS)), lambda: tf.cast(low, tf.float64) / power, parsed)


def _halves(raw: Tensor) -> Tensor:
    """Integers of one to sixteen bytes, big-endian, uint8 [n, width], as those of 128 bits: int64 [n, 2], low first."""
    front = tf.where(raw[:, :1] >= 128, tf.constant(255, tf.uint8), tf.constant(0, tf.uint8))
    fronts = tf.tile(front, [1, tf.maximum(_DECIMAL_BYTES - tf.shape(raw)[1], 0)])
    full = tf.reverse(tf.concat([fronts, raw], 1)[:, -_DECIMAL_BYTES:], [1])
    return tf.bitcast(tf.reshape(full, [-1, 2, 8]), tf.int64)


def _digits(halves: Tensor) -> Tensor:
    """The decimal digits of integers of 128 bits: string [n]."""
    sign = halves[:, 1:] < 0
    parts = tf.bitcast(tf.where(sign, tf.bitwise.invert(halves), halves), tf.uint16)  # [n, 2, 4], lowest first
    parts = tf.reshape(tf.cast(parts, tf.int64), [-1, 8])
    # Each part counts for a power of two, whose digits are known in groups of nine; so the sums of all groups are near.
    powers = [[2 ** (16 * i) // 10 ** (9 * j) % 10**9 for j in range(5)] for i in range(8)]
    sums = tf.unstack(tf.matmul(parts, tf.constant(powers, tf.int64)), axis=1)
    carry = tf.cast(sign[:, 0], tf.int64)  # of a negative number one more than its inverted bits
    groups = []
    for total in sums:
        groups.append((total + carry) % 10**9)
        carry = (total + carry) // 10**9
    text = tf.strings.reduce_join(tf.strings.as_string(tf.stack(groups[::-1], 1), width=9, fill="0"), axis=1)
    return tf.strings.join([tf.where(sign[:, 0], "-", ""), tf.strings.regex_replace(text, r"^0+(\d)", r"\1")])
