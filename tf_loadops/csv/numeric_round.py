"""Mantissa times a power of ten to the nearest float64, in integer arithmetic that compiles under XLA.

Source: Lemire, "Number parsing at a gigabyte per second" (Software: Practice and Experience 2021), algorithm 1; Mushtak
and Lemire, "Fast number parsing without fallback" (2023), for why 128 bits of the power suffice.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import tensorflow as tf

from tf_loadops.bytesops.swar import AND, NOT, OR, SHL, SHR, count_bits, u64

Tensor = Any

_LOW, _HIGH = -325, 308


@functools.lru_cache(maxsize=1)
def _powers() -> tuple[np.ndarray, np.ndarray]:
    """The leading 128 bits of 5 ** q, in two words; those of negative powers rounded up."""
    table = []
    for q in range(_LOW, _HIGH + 1):
        if q < 0:
            five = 5**-q
            size = (five - 1).bit_length()
            bits = 2 ** (size + 127 if q >= -27 else 2 * size + 128) // five + 1
        else:
            bits = 5**q << 128
        table.append(bits >> (bits.bit_length() - 128))
    return np.array([b >> 64 for b in table], np.uint64), np.array([b & (2**64 - 1) for b in table], np.uint64)


def nearest(mantissa: Tensor, power: Tensor) -> tuple[Tensor, Tensor]:
    """Rounds mantissa * 10 ** power, ties to even.

    Args:
      mantissa: uint64, any.
      power: int32 of the same shape.

    Returns:
      float64 values, and where they are not sure: outside the range of normal float64.

    Example:
      >>> value, unsure = nearest(tf.constant([17976931348623157], tf.uint64), tf.constant([292]))
      >>> value.numpy().tolist(), unsure.numpy().tolist()
      ([1.7976931348623157e+308], [False])
    """
    is_zero = tf.equal(mantissa, u64(0))
    zeros = _leading_zeros(mantissa)
    w = SHL(mantissa, tf.minimum(zeros, u64(63)))
    known = (power >= _LOW) & (power <= _HIGH)
    q = tf.clip_by_value(power, _LOW, _HIGH)
    high5, low5 = (tf.gather(tf.constant(t), q - _LOW) for t in _powers())
    high, low = _multiply(w, high5)
    carry, _ = _multiply(w, low5)
    added = low + carry
    # The second product matters only where the first leaves the rounding open.
    open_ = tf.equal(AND(high, u64(0x1FF)), u64(0x1FF))
    high = tf.where(open_ & (added < low), high + u64(1), high)
    low = tf.where(open_, added, low)
    top = SHR(high, u64(63))
    kept = SHR(high, top + u64(9))
    exact = tf.equal(SHL(kept, top + u64(9)), high) & (low <= u64(1)) & (q >= -4) & (q <= 23)
    tie = exact & tf.equal(AND(kept, u64(3)), u64(1))
    kept = tf.where(tie, AND(kept, NOT(u64(1))), kept)
    kept = SHR(kept + AND(kept, u64(1)), u64(1))
    over = kept >= u64(1 << 53)
    kept = tf.where(over, u64(1 << 52), kept)
    scale = tf.bitwise.right_shift(217706 * q, tf.constant(16)) + 63
    exponent = scale + tf.cast(top, tf.int32) - tf.cast(zeros, tf.int32) + 1023 + tf.cast(over, tf.int32)
    normal = (exponent >= 1) & (exponent <= 2046)
    # A product of all ones could still carry, were there more bits of the power.
    unsure = ~known | ~normal | (tf.equal(low, u64(2**64 - 1)) & ((q < -27) | (q > 55)))
    bits = OR(AND(kept, u64(2**52 - 1)), SHL(tf.cast(tf.clip_by_value(exponent, 1, 2046), tf.uint64), u64(52)))
    value = tf.bitcast(tf.where(is_zero, u64(0), bits), tf.float64)
    return value, unsure & ~is_zero


def _leading_zeros(x: Tensor) -> Tensor:
    for step in (1, 2, 4, 8, 16, 32):
        x = OR(x, SHR(x, u64(step)))
    return u64(64) - count_bits(x)


def _multiply(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """The 128-bit product, as two words."""
    half = u64(2**32 - 1)
    a0, a1, b0, b1 = AND(a, half), SHR(a, u64(32)), AND(b, half), SHR(b, u64(32))
    low, cross, cross2 = a0 * b0, a1 * b0, a0 * b1
    middle = SHR(low, u64(32)) + AND(cross, half) + AND(cross2, half)
    high = a1 * b1 + SHR(cross, u64(32)) + SHR(cross2, u64(32)) + SHR(middle, u64(32))
    return high, OR(SHL(middle, u64(32)), AND(low, half))
