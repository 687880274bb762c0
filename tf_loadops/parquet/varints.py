"""Unsigned LEB128: seven bits a byte, the lowest first, and the top bit set on each byte but the last."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from tf_loadops.bytesops.swar import AND, NOT, OR, SHL, SHR, count_bits, repeat, u64

Tensor = Any


class Varint(NamedTuple):
    """Varints of up to ten bytes, that is any 64-bit integer.

    Attributes:
      value: uint64.
      size: int32, how many bytes it has, from 1 to 10.
      ok: bool, whether it ends within ten bytes and fits 64 bits; if not, the rest means nothing.
    """

    value: Tensor
    size: Tensor
    ok: Tensor


def leb128(low: Tensor, high: Tensor) -> Varint:
    """Reads varints; elementwise, and compiles under XLA.

    Args:
      low: uint64, the first eight bytes, the first byte lowest.
      high: uint64, the two bytes behind them.

    Returns:
      The varints.

    Example:
      >>> found = leb128(tf.constant([0x01E5], tf.uint64), tf.constant([0], tf.uint64))
      >>> found.value.numpy().tolist(), found.size.numpy().tolist()
      ([229], [2])

    Source: Apache Parquet, Encodings.md, "Delta Encoding"; DWARF 4, section 7.6.
    """
    stops = AND(NOT(low), u64(repeat(0x80)))
    short = tf.not_equal(stops, u64(0))
    below = AND(NOT(stops), stops - u64(1))  # all bits under the first stop; all there are if there is none
    bits = AND(low, AND(below, u64(repeat(0x7F))))
    pairs = OR(AND(bits, u64(0x007F007F007F007F)), SHR(AND(bits, u64(0x7F007F007F007F00)), u64(1)))
    fours = OR(AND(pairs, u64(0x00003FFF00003FFF)), SHR(AND(pairs, u64(0x3FFF00003FFF0000)), u64(2)))
    eight = OR(AND(fours, u64(0xFFFFFFF)), SHR(AND(fours, u64(0xFFFFFFF << 32)), u64(4)))
    ninth, tenth = AND(high, u64(0xFF)), AND(SHR(high, u64(8)), u64(0xFF))
    nine = ninth < u64(0x80)
    long = OR(eight, OR(SHL(AND(ninth, u64(0x7F)), u64(56)), tf.where(nine, u64(0), SHL(tenth, u64(63)))))
    size = tf.where(short, tf.cast(SHR(count_bits(below) + u64(1), u64(3)), tf.int32), tf.where(nine, 9, 10))
    return Varint(tf.where(short, eight, long), size, short | nine | (tenth <= u64(1)))


def zigzag(value: Tensor) -> Tensor:
    """The signed integer, int64, that an unsigned one stands for: of 0, 1, 2, 3 they are 0, -1, 1, -2."""
    sign = AND(value, u64(1))
    return tf.bitcast(tf.bitwise.bitwise_xor(SHR(value, u64(1)), u64(0) - sign), tf.int64)
