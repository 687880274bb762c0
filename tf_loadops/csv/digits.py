"""Comparing long decimal numbers with dyadic ones, exactly: bignums as rows of int64 limbs."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

Tensor = Any

# No float64 or midpoint of two has more significant digits than 768, so a longer text differs from all of them, and
# which way it differs is told by its first KEPT digits and by there being more.
_KEPT = 800
_LIMBS = 92  # base 10**9
_BASE = 10**9
# The largest powers that keep limb * factor + carry within int64.
_FACTOR = {2: 30, 5: 12}


def compare(digits: Tensor, exponent: Tensor, mantissa: Tensor, power: Tensor) -> Tensor:
    """Compares `digits * 10 ** exponent` with `mantissa * 2 ** power`.

    Args:
      digits: string [n], decimal digits without zeros at either end, at least one, of any length.
      exponent: int64 [n].
      mantissa: int64 [n], positive, at most 2 ** 54.
      power: int64 [n] from -1075 to 971.

    Returns:
      int32 [n]: -1, 0 or 1 as the decimal number is less than, equal to or greater than the other one.

    Example:
      >>> one = tf.constant([1], tf.int64)
      >>> compare(tf.constant(["5"]), -one, one, -one).numpy()  # 5 * 10 ** -1 and 1 * 2 ** -1
      array([0], dtype=int32)
    """
    size = tf.cast(tf.strings.length(digits), tf.int64)
    whole = size <= _KEPT
    more = tf.strings.join([tf.strings.substr(digits, 0, _KEPT), tf.fill(tf.shape(digits), "1")])
    kept = tf.where(whole, digits, more)
    other, scale = _decimal_digits(mantissa, power)
    ours = size + exponent  # where the first digit stands
    theirs = tf.cast(tf.strings.length(other), tf.int64) + scale
    # Zero bytes pad behind the digits and compare below "0"; neither number ends in a zero.
    left = tf.cast(tf.io.decode_raw(kept, tf.uint8, fixed_length=_KEPT + 8), tf.int32)
    right = tf.cast(tf.io.decode_raw(other, tf.uint8, fixed_length=_KEPT + 8), tf.int32)
    first = tf.argmax(tf.not_equal(left, right), axis=1)
    difference = tf.gather(left - right, first, axis=1, batch_dims=1)
    return tf.where(tf.equal(ours, theirs), tf.sign(difference), tf.cast(tf.sign(ours - theirs), tf.int32))


def _decimal_digits(mantissa: Tensor, power: Tensor) -> tuple[Tensor, Tensor]:
    """Writes mantissa * 2 ** power out: its digits, without zeros at the ends, and the power of ten behind them."""
    down = power < 0  # 2 ** -p is 5 ** p * 10 ** -p
    left = tf.abs(power)
    step = tf.where(down, tf.constant(_FACTOR[5], tf.int64), tf.constant(_FACTOR[2], tf.int64))
    fives = tf.constant([5**k for k in range(_FACTOR[5] + 1)], tf.int64)
    twos = tf.constant([2**k for k in range(_FACTOR[2] + 1)], tf.int64)
    low = tf.stack([mantissa % _BASE, mantissa // _BASE % _BASE, mantissa // _BASE**2], axis=1)
    limbs = tf.pad(low, [[0, 0], [0, _LIMBS - 3]])

    def grow(left: Tensor, limbs: Tensor) -> tuple[Tensor, Tensor]:
        now = tf.minimum(left, step)
        factor = tf.where(down, tf.gather(fives, tf.minimum(now, _FACTOR[5])), tf.gather(twos, now))
        # Twice brings a limb to at most the base plus a few: small enough for the next factor.
        return left - now, _carry(_carry(limbs * factor[:, None]))

    _, limbs = tf.while_loop(lambda left, limbs: tf.reduce_any(left > 0), grow, [left, limbs])
    (limbs,) = tf.while_loop(lambda limbs: tf.reduce_any(limbs >= _BASE), lambda limbs: (_carry(limbs),), [limbs])
    text = tf.strings.reduce_join(tf.as_string(limbs[:, ::-1], width=9, fill="0"), axis=1)
    text = tf.strings.regex_replace(text, "^0+", "")
    bare = tf.strings.regex_replace(text, "0+$", "")
    zeros = tf.cast(tf.strings.length(text) - tf.strings.length(bare), tf.int64)
    return bare, tf.where(down, power, tf.zeros_like(power)) + zeros


def _carry(limbs: Tensor) -> Tensor:
    over = limbs // _BASE
    return limbs - over * _BASE + tf.pad(over, [[0, 0], [1, 0]])[:, :-1]
