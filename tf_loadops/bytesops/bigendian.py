"""Reads at any byte of a buffer that is held as big-endian words: integers, and SQLite's variable-length ones.

The buffer is `decode_raw(text, tf.int64, little_endian=False)` as uint64, so the first byte of a text is the highest
of its word and no result needs swapping. All functions are elementwise over positions and compile under XLA.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tf_loadops.bytesops.swar import AND, NOT, OR, SHL, SHR, count_bits, repeat, u64

Tensor = Any


def word_at(words: Tensor, at: Tensor) -> Tensor:
    """The eight bytes from each position on.

    Args:
      words: uint64 [n], the buffer, at least one word.
      at: int32, any shape, not negative. Bytes behind the end of the buffer are undefined.

    Returns:
      uint64 of that shape, the first byte highest.
    """
    last = tf.size(words) - 1
    index = SHR(at, 3)
    high, low = (tf.gather(words, tf.minimum(i, last)) for i in (index, index + 1))
    skip = tf.cast(SHL(AND(at, 7), 3), tf.uint64)
    # A shift by 64 is undefined, so the second goes in two steps.
    return OR(SHL(high, skip), SHR(SHR(low, u64(56) - skip), u64(8)))


def reader(words: Tensor, always: Tensor | None = None) -> Callable[[Tensor], Tensor]:
    """Gives `word_at` for a buffer, for use in a compiled program.

    XLA computes what several results need anew for each of them, reads of memory included. What stands in a branch is
    computed once.

    Args:
      words: the buffer.
      always: bool scalar, true, but not known to be when the program is compiled; None if nothing is compiled.

    Returns:
      A function of positions.
    """
    if always is None:
        return lambda at: word_at(words, at)
    return lambda at: tf.cond(always, lambda: word_at(words, at), lambda: tf.zeros_like(at, tf.uint64))


def top(word: Tensor, size: int, skip: int = 0) -> Tensor:
    """The int32 that `size` bytes of a word write, at most four, behind `skip` bytes; four are taken as signed."""
    shifted = SHR(word, u64(64 - 8 * (size + skip)))
    return tf.cast(tf.cast(AND(shifted, u64(2 ** (8 * size) - 1)), tf.int64), tf.int32)


def short_varint(word: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Reads a varint of up to four bytes, that is up to 2 ** 28 - 1.

    Args:
      word: uint64, what `word_at` gives for its first byte.

    Returns:
      The value, int32; the number of its bytes, int32; and whether it ends within four bytes. All three are in range
      in any case.

    Source: sqlite.org/fileformat2.html, "A variable-length integer".
    """
    more = [tf.cast(AND(SHR(word, u64(63 - 8 * i)), u64(1)), tf.int32) for i in range(4)]
    two = more[0]
    three = two * more[1]
    four = three * more[2]
    length = 1 + two + three + four
    head = SHR(word, u64(32))
    parts = [SHR(AND(head, u64(0x7F << 8 * i)), u64(i)) for i in range(4)]
    value = SHR(OR(OR(parts[0], parts[1]), OR(parts[2], parts[3])), tf.cast(7 * (4 - length), tf.uint64))
    return tf.cast(tf.cast(value, tf.int64), tf.int32), length, tf.equal(four * more[3], 0)


def varint(word: Tensor, ninth: Tensor) -> tuple[Tensor, Tensor]:
    """Reads a varint of up to nine bytes, that is any 64-bit integer.

    Args:
      word: uint64, its first eight bytes.
      ninth: uint64, the byte behind them.

    Returns:
      The value, int64, and the number of its bytes, int32.
    """
    stops = AND(NOT(word), u64(repeat(0x80)))
    for step in (8, 16, 32):
        stops = OR(stops, SHR(stops, u64(step)))
    behind = count_bits(stops)  # bytes from the last one of the varint on; 0 where there are nine
    pairs = AND(word, u64(repeat(0x7F)))
    pairs = OR(SHR(AND(pairs, u64(0x7F007F007F007F00)), u64(1)), AND(pairs, u64(0x007F007F007F007F)))
    fours = OR(SHR(AND(pairs, u64(0x3FFF00003FFF0000)), u64(2)), AND(pairs, u64(0x00003FFF00003FFF)))
    eight = OR(SHL(SHR(fours, u64(32)), u64(28)), AND(fours, u64(0xFFFFFFF)))
    long = tf.equal(behind, u64(0))
    short = SHR(eight, u64(7) * (tf.where(long, u64(1), behind) - u64(1)))
    value = tf.where(long, OR(SHL(eight, u64(8)), ninth), short)
    return tf.bitcast(value, tf.int64), 9 - tf.cast(behind, tf.int32)
