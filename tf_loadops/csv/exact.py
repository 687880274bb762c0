r"""Decimal text to the nearest float: correctly rounded, of any length, with stock ops.

`tf.strings.to_number` does the ordinary rows. It is not trusted where it was measured to fail: TensorFlow 2.17 refuses
32 characters and more and the word "infinity", and flushes float32 subnormals to zero (its kernels run with
flush-to-zero set). Those rows are cut out, worked on as integers, and put back.

Long literals are bracketed first: their leading 25 digits, and the same plus one, both parsed. Nearly always both give
the same float. Where they don't, one midpoint lies between, and `digits.compare` says on which side of it the text is.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from tf_loadops.csv.digits import compare

Tensor = Any

_TRUSTED_LENGTH = 31
_LEADING = 25  # with "e-1234" behind them these are still within the trusted length
_INFINITY = r"[ \t]*([+-]?)[iI][nN][fF][iI][nN][iI][tT][yY][ \t]*"
_SIGN_BIT = -(2**63)


def exact_float(text: Tensor, dtype: Any, *, infinity: bool = True) -> Tensor:
    r"""Parses decimal literals to the nearest float, ties to even, in one rounding.

    Args:
      text: string [n]; each matches `[ \t]*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?[ \t]*` or
        `[ \t]*[+-]?(inf|infinity|nan)[ \t]*`, letters in any case. The caller has checked that.
      dtype: float32 or float64.
      infinity: whether the word may be spelled out anywhere; False spares looking for it.

    Returns:
      [n] of `dtype`. Too large a number is an infinity, too small a one is zero; both keep their sign.

    Raises:
      tf.errors.InvalidArgumentError: at run time, where a text is no such literal.

    Example:
      >>> exact_float(tf.constant(["0.1", " -1e400", "1.00000017881393432617187499"]), tf.float32).numpy().tolist()
      [0.10000000149011612, -inf, 1.0000001192092896]

    Source: Clinger, "How to read floating point numbers accurately" (PLDI 1990), for the midpoint comparison.
    """
    dtype = tf.as_dtype(dtype)
    length = tf.strings.length(text)
    if infinity:
        text = tf.strings.regex_replace(text, "^" + _INFINITY + "$", r"\1inf")
    long = length > _TRUSTED_LENGTH
    wide = tf.strings.to_number(tf.where(long, "0", text), dtype)
    if dtype == tf.float32:
        # A zero may be a subnormal that was flushed, and `abs` and `<` flush too: so the bits are looked at.
        small = (tf.bitcast(wide, tf.int32) & 0x7FFFFFFF < 1 << 23) & ~long
        long |= tf.cond(tf.reduce_any(small), lambda: _nonzero(text, small), lambda: tf.zeros_like(long))
    return tf.cond(tf.reduce_any(long), lambda: _patched(wide, text, long, _SLOW[dtype]), lambda: wide)


def _patched(values: Tensor, text: Tensor, rows: Tensor, patch: Any) -> Tensor:
    at = tf.where(rows)
    return tf.tensor_scatter_nd_update(values, at, patch(tf.gather_nd(text, at)))


def _nonzero(text: Tensor, rows: Tensor) -> Tensor:
    """Which of `rows` are no zero as float64; a float32 that is one may have been flushed."""
    at = tf.where(rows)
    bits = tf.bitcast(tf.strings.to_number(tf.gather_nd(text, at), tf.float64), tf.int64) & (2**63 - 1)
    return tf.tensor_scatter_nd_update(rows, at, bits > 0)


class _Decimal(NamedTuple):
    """sign * digits * 10 ** exponent; `digits` has no zeros at either end and is "" for zero."""

    negative: Tensor
    digits: Tensor
    exponent: Tensor


def _decimal(text: Tensor) -> _Decimal:
    text = tf.strings.strip(text)
    negative = tf.strings.regex_full_match(text, "-.*")
    text = tf.strings.regex_replace(text, "^[+-]", "")
    power = tf.strings.regex_replace(tf.strings.regex_replace(text, "^[^eE]*[eE]?", ""), r"^(?:\+|(-?))0*", r"\1")
    # 16 digits of exponent exceed whatever the length of a mantissa can make up for.
    power = tf.strings.regex_replace(power, r"^(-?)\d{17,}$", r"\19999999999999999")
    power = tf.strings.to_number(tf.where(tf.strings.regex_full_match(power, "-?"), "0", power), tf.int64)
    mantissa = tf.strings.regex_replace(text, "[eE].*$", "")
    fraction = tf.strings.regex_replace(mantissa, r"^\d*\.?", "")
    digits = tf.strings.regex_replace(tf.strings.regex_replace(mantissa, r"\.", ""), "^0+", "")
    bare = tf.strings.regex_replace(digits, "0+$", "")
    zeros = tf.strings.length(digits) - tf.strings.length(bare)
    return _Decimal(negative, bare, power + tf.cast(zeros - tf.strings.length(fraction), tf.int64))


def _magnitude64(number: _Decimal) -> Tensor:
    """The bits of the nearest float64 of |number|, int64."""
    size = tf.strings.length(number.digits)
    head = tf.where(size > _LEADING, tf.strings.substr(number.digits, 0, _LEADING), number.digits)
    head = tf.where(size > 0, head, "0")
    cut = tf.cast(tf.maximum(size - _LEADING, 0), tf.int64)
    power = tf.as_string(tf.clip_by_value(number.exponent + cut, -9999, 9999))
    low = tf.bitcast(tf.strings.to_number(tf.strings.join([head, "e", power]), tf.float64), tf.int64)
    above = tf.strings.to_number(tf.strings.join([_plus_one(head), "e", power]), tf.float64)
    open_ = (cut > 0) & tf.not_equal(low, tf.bitcast(above, tf.int64))
    return tf.cond(tf.reduce_any(open_), lambda: _decide(number, low, open_, _halfway64), lambda: low)


def _plus_one(head: Tensor) -> Tensor:
    # 25 digits are more than an int64 holds: add to the last 13 and carry into the first 12.
    head = tf.strings.join([tf.fill(tf.shape(head), "0" * _LEADING), head])
    high = tf.strings.to_number(tf.strings.substr(head, -25, 12), tf.int64)
    low = tf.strings.to_number(tf.strings.substr(head, -13, 13), tf.int64) + 1
    carry = low // 10**13
    return tf.strings.join([tf.as_string(high + carry), tf.as_string(low - carry * 10**13, width=13, fill="0")])


def _decide(number: _Decimal, low: Tensor, rows: Tensor, halfway: Any) -> Tensor:
    """Steps `low` up to the next float in the `rows` that lie above the midpoint, or on it with an odd `low`."""
    at = tf.where(rows)
    some = tf.gather_nd(low, at)
    mantissa, power = halfway(some)
    side = compare(tf.gather_nd(number.digits, at), tf.gather_nd(number.exponent, at), mantissa, power)
    one = tf.ones_like(some)
    up = tf.where((side > 0) | (tf.equal(side, 0) & tf.equal(some & one, one)), one, tf.zeros_like(one))
    return tf.tensor_scatter_nd_add(low, at, up)


def _halfway64(bits: Tensor) -> tuple[Tensor, Tensor]:
    """The midpoint between a float64 and the next one up, as mantissa * 2 ** power."""
    exponent = _shift_right(bits, 52)
    fraction = bits & ((1 << 52) - 1)
    mantissa = tf.where(exponent > 0, fraction | (1 << 52), fraction)
    return 2 * mantissa + 1, tf.maximum(exponent, 1) - 1076


def _halfway32(bits: Tensor) -> tuple[Tensor, Tensor]:
    exponent = _shift_right(bits, 23)
    fraction = bits & ((1 << 23) - 1)
    mantissa = tf.where(exponent > 0, fraction | (1 << 23), fraction)
    return 2 * mantissa + 1, tf.maximum(exponent, 1) - 151


def _exact64(text: Tensor) -> Tensor:
    number = _decimal(text)
    bits = _magnitude64(number)
    return tf.bitcast(tf.where(number.negative, bits | _SIGN_BIT, bits), tf.float64)


def _exact32(text: Tensor) -> Tensor:
    """By way of the exact float64: cut it to a float32, then see on which side of that one's midpoint it lies."""
    number = _decimal(text)
    wide = _magnitude64(number)
    exponent = _shift_right(wide, 52)
    mantissa = tf.where(exponent > 0, (wide & ((1 << 52) - 1)) | (1 << 52), wide)
    # Bits that a float32 of this size does not have: 29, and one more for each step below its smallest normal.
    drop = tf.clip_by_value(29 + tf.maximum(897 - exponent, 0), 29, 62)
    kept = _shift_right(mantissa, drop)
    rest = mantissa - tf.bitwise.left_shift(kept, drop)
    half = tf.bitwise.left_shift(tf.ones_like(drop), drop - 1)
    low = tf.where(exponent >= 897, (exponent - 897) * (1 << 23) + kept, kept)  # kept has its leading bit in place
    infinite = exponent >= 1151
    low = tf.where(infinite, tf.constant(0xFF << 23, tf.int64), low)
    tie = tf.equal(rest, half) & ~infinite  # then the float64 may itself be rounded: ask the text
    rounded = low + tf.cast((rest > half) & ~infinite, tf.int64)
    bits = tf.cond(tf.reduce_any(tie), lambda: _decide(number, rounded, tie, _halfway32), lambda: rounded)
    bits = tf.where(number.negative, bits - 2**31, bits)
    return tf.bitcast(tf.cast(bits, tf.int32), tf.float32)


def _shift_right(bits: Tensor, by: Tensor | int) -> Tensor:
    return tf.bitwise.right_shift(bits, tf.cast(by, tf.int64) * tf.ones_like(bits))


# Traced once in a process, not once in every graph: most of the nodes here serve one literal in a million.
_SLOW = {
    dtype: tf.function(function, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    for dtype, function in ((tf.float32, _exact32), (tf.float64, _exact64))
}
