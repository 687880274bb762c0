"""Reads at any byte of a buffer that is held as big-endian words: integers, and SQLite's variable-length ones.

The buffer is `decode_raw(text, tf.int64, little_endian=False)` as uint64, so the first byte of a text is the highest
of its word and no result needs swapping. All functions are elementwise over positions and compile under XLA.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

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


class Reader:
    """Reads from a buffer inside a compiled program.

    XLA computes what several results need anew for each of them, reads of memory included. What stands in a branch is
    computed once.

    Args:
      words: the buffer, as for `word_at`.
      always: bool scalar, true, but not known to be when the program is compiled; None if nothing is compiled.
    """

    def __init__(self, words: Tensor, always: Tensor | None = None) -> None:
        self._words = words
        self._always = always

    def word(self, at: Tensor) -> Tensor:
        """What `word_at` reads."""
        return self._once(lambda: word_at(self._words, at), at, tf.uint64)

    def varint(self, at: Tensor) -> ShortVarint:
        """What `ShortVarint.read` reads."""
        return ShortVarint(self._once(lambda: ShortVarint.read(self._words, at).packed, at, tf.int32))

    def _once(self, compute: Callable[[], Tensor], at: Tensor, dtype: Any) -> Tensor:
        return compute() if self._always is None else tf.cond(self._always, compute, lambda: tf.zeros_like(at, dtype))


class ShortVarint(NamedTuple):
    """Varints of up to four bytes, that is up to 2 ** 28 - 1.

    Attributes:
      packed: int32, of all that the properties give.

    Source: sqlite.org/fileformat2.html, "A variable-length integer".
    """

    packed: Tensor

    @classmethod
    def read(cls, words: Tensor, at: Tensor) -> ShortVarint:
        """Reads those that begin at each position."""
        head = tf.cast(SHR(word_at(words, at), u64(32)), tf.uint32)

        def bits(mask: int, right: int) -> Tensor:
            return SHR(AND(head, tf.constant(mask, tf.uint32)), tf.constant(right, tf.uint32))

        # The value of one, two, three and four bytes, each with its length.
        values = [bits(0x7F << 24, 24)]
        for i in range(1, 4):
            values.append(OR(SHL(values[-1], tf.constant(7, tf.uint32)), bits(0x7F << (24 - 8 * i), 24 - 8 * i)))
        result = OR(values[3], SHL(bits(0x80, 7), tf.constant(30, tf.uint32)))
        result = OR(result, tf.constant(3 << 28, tf.uint32))
        for i in (2, 1, 0):
            ends = tf.equal(bits(0x80 << (24 - 8 * i), 0), 0)
            result = tf.where(ends, OR(values[i], tf.constant(i << 28, tf.uint32)), result)
        return cls(tf.bitcast(result, tf.int32))

    @property
    def value(self) -> Tensor:
        """The value, int32, in range also where it is not `short`."""
        return AND(self.packed, 2**28 - 1)

    @property
    def length(self) -> Tensor:
        """The number of its bytes, int32, from 1 to 4."""
        return AND(SHR(self.packed, 28), 3) + 1

    @property
    def short(self) -> Tensor:
        """Whether it ends within four bytes."""
        return tf.equal(AND(self.packed, 2**30), 0)


def top(word: Tensor, size: int, skip: int = 0) -> Tensor:
    """The int32 that `size` bytes of a word write, at most four, behind `skip` bytes; four are taken as signed."""
    shifted = SHR(word, u64(64 - 8 * (size + skip)))
    return tf.cast(tf.cast(AND(shifted, u64(2 ** (8 * size) - 1)), tf.int64), tf.int32)


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
