"""Reads at any byte of a buffer that is held as little-endian words, inside compiled programs."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tf_loadops.bytesops.swar import AND, SHL, SHR, funnel

Tensor = Any


def words_of(text: Tensor, size: int) -> Tensor:
    r"""The words of a text, and zeros behind it.

    Args:
      text: string scalar, of at most `size` bytes.
      size: a multiple of eight.

    Returns:
      uint64 [size / 8], the first byte lowest.

    Example:
      >>> words_of(tf.constant(b"\x02\x01"), 16).numpy().tolist()
      [258, 0]
    """
    words = tf.bitcast(tf.io.decode_raw(text, tf.int64, fixed_length=size), tf.uint64)
    return tf.ensure_shape(words, [size // 8])


def word_at(words: Tensor, at: Tensor) -> Tensor:
    """The eight bytes from each position on.

    Args:
      words: uint64 [n], the buffer.
      at: int32, any shape. What is read in front of the buffer or behind it is undefined.

    Returns:
      uint64 of that shape, the first byte lowest.
    """
    index = SHR(at, 3)
    last = tf.size(words) - 1
    low, high = (tf.gather(words, tf.clip_by_value(i, 0, last)) for i in (index, index + 1))
    return funnel(low, high, tf.cast(SHL(AND(at, 7), 3), tf.uint64))
