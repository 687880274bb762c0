"""Eight bytes at a time: searching and converting ASCII inside uint64 words ("SIMD within a register").

Byte 0 of a word is its lowest byte, so it is also the first in the text. A *marker* is the bit 0x80 of a byte; a *mask*
has whole bytes set. Every function takes and returns uint64 tensors of one shape and uses elementwise integer ops, so
it compiles under XLA for any device.

Source: Warren, "Hacker's Delight", 2nd ed., §6-1, for finding a byte in a word (here the form without false positives);
Lemire, "Quickly parsing eight digits" (2018), for `eight_digits`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

Tensor = Any

AND, OR, XOR = tf.bitwise.bitwise_and, tf.bitwise.bitwise_or, tf.bitwise.bitwise_xor
NOT, SHL, SHR = tf.bitwise.invert, tf.bitwise.left_shift, tf.bitwise.right_shift


def u64(value: int) -> Tensor:
    """A uint64 constant; one node for each value in a graph, for there would be hundreds."""
    if tf.executing_eagerly():
        return tf.constant(np.uint64(value))
    known = _constants(tf.compat.v1.get_default_graph())
    if value not in known:
        with tf.control_dependencies(None):
            known[value] = tf.constant(np.uint64(value))
    return known[value]


def _constants(graph: Any) -> dict[int, Tensor]:
    # They are kept on the graph itself: a table of graphs would keep each alive through its own constants.
    if not hasattr(graph, "_tf_loadops_constants"):
        graph._tf_loadops_constants = {}
    return graph._tf_loadops_constants


def repeat(byte: int) -> int:
    """Eight copies of a byte."""
    return 0x0101010101010101 * byte


def zero_bytes(words: Tensor) -> Tensor:
    """Markers at the bytes that are zero; no false ones, unlike the shorter formula."""
    low = u64(repeat(0x7F))
    return NOT(OR(OR(AND(words, low) + low, words), low))


def equal_bytes(words: Tensor, pattern: Tensor | int) -> Tensor:
    """Markers at the bytes equal to `pattern`: a byte, or a scalar word that holds it eight times."""
    return zero_bytes(XOR(words, u64(repeat(pattern)) if isinstance(pattern, int) else pattern))


def fill(markers: Tensor) -> Tensor:
    """The mask of the marked bytes."""
    return OR(markers, markers - SHR(markers, u64(7)))


def up_to_last(markers: Tensor) -> Tensor:
    """Markers at the last marked byte and at all bytes before it."""
    for step in (8, 16, 32):
        markers = OR(markers, SHR(markers, u64(step)))
    return markers


def count_bits(words: Tensor) -> Tensor:
    """How many bits are set, as uint64."""
    return tf.cast(tf.raw_ops.PopulationCount(x=words), tf.uint64)


def first_bit(markers: Tensor) -> Tensor:
    """Eight times the index of the first marked byte; there must be one."""
    lowest = AND(markers, NOT(markers) + u64(1))
    return count_bits(lowest - u64(1)) - u64(7)


def select(mask: Tensor, yes: Tensor, no: Tensor) -> Tensor:
    """Bytes of `yes` where the mask is set, of `no` elsewhere."""
    return XOR(no, AND(XOR(yes, no), mask))


def not_digits(words: Tensor) -> Tensor:
    """Zero where all eight bytes are ASCII digits."""
    high, low = u64(repeat(0xF0)), u64(repeat(0x30))
    return OR(XOR(AND(words, high), low), XOR(AND(words + u64(repeat(0x06)), high), low))


def eight_digits(words: Tensor) -> Tensor:
    """The number that eight ASCII digits write."""
    pairs = SHR(AND(words, u64(repeat(0x0F))) * u64(10 * 2**8 + 1), u64(8))
    fours = SHR(AND(pairs, u64(0x00FF00FF00FF00FF)) * u64(100 * 2**16 + 1), u64(16))
    return SHR(AND(fours, u64(0x0000FFFF0000FFFF)) * u64(10000 * 2**32 + 1), u64(32))


def funnel(low: Tensor, high: Tensor, bits: Tensor) -> Tensor:
    """The eight bytes that begin `bits` (0, 8, … 56) into the sixteen of `low` and `high`."""
    return OR(SHR(low, bits), SHL(SHL(high, u64(56) - bits), u64(8)))  # a shift by 64 is undefined, so in two steps
