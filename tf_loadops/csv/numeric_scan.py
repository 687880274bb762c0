"""Where the separators of a chunk are, and whether its shape is one that the numeric engine reads."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from tf_loadops.bytesops.swar import AND, NOT, OR, SHL, SHR, XOR, count_bits, equal_bytes, repeat, u64

Tensor = Any

LF, CR, QUOTE, NUL = 10, 13, 34, 0
HEAD = 8  # words in front of where a chunk may begin, so that a window never reaches out of the buffer


class Scan(NamedTuple):
    """What one pass over a chunk's words tells.

    Attributes:
      markers: uint64 [words - HEAD], markers at the separators: delimiters and row ends.
      totals: uint64 scalar, three counts packed in one: see `unpack`.
    """

    markers: Tensor
    totals: Tensor

    def unpack(self) -> tuple[Tensor, Tensor, Tensor]:
        """Int64 scalars: row ends, separators, and words with a byte that the numeric engine does not read."""
        part = [AND(SHR(self.totals, u64(at)), u64(2**bits - 1)) for at, bits in ((0, 22), (22, 22), (44, 20))]
        return tuple(tf.cast(p, tf.int64) for p in part)


def scan(words: Tensor, length: Tensor, crlf: Tensor, delimiter: int) -> Scan:
    """The pass itself; compiles under XLA.

    CR LF rows are taken to end in the CR: the LF is then the byte before the next row, which no field can hold.

    Args:
      words: uint64 [words]: HEAD words, the chunk of at most 2 ** 21 bytes, and zeros.
      length: int32 scalar, the chunk's bytes.
      crlf: bool scalar, whether lines end in CR LF.
      delimiter: the delimiter's byte.

    Returns:
      The findings, about the chunk alone.
    """
    words = words[HEAD:]
    line_feeds, returns = equal_bytes(words, LF), equal_bytes(words, CR)
    rows = tf.where(crlf, returns, line_feeds)
    markers = OR(equal_bytes(words, delimiter), rows)
    before = tf.concat([tf.zeros([1], tf.uint64), returns[:-1]], 0)
    behind_return = OR(SHL(returns, u64(8)), SHR(before, u64(56)))
    # Every LF stands behind a CR and before every LF stands one, or there is no CR at all.
    strange = tf.where(crlf, XOR(behind_return, line_feeds), returns)
    strange = OR(OR(strange, equal_bytes(words, NUL)), equal_bytes(words, QUOTE))
    bad = tf.cast(tf.not_equal(strange, u64(0)), tf.uint64)
    # One sum instead of three: each reduction is a pass of its own.
    packed = OR(count_bits(rows), OR(SHL(count_bits(markers), u64(22)), SHL(bad, u64(44))))
    return Scan(markers, tf.reduce_sum(packed) - SHL(_padding(strange, length), u64(44)))


def _padding(strange: Tensor, length: Tensor) -> Tensor:
    """How many words look strange for nothing but the zeros behind the chunk.

    To take those zeros out of every word would cost more than all the rest of the pass.
    """
    full = length // 8
    inside = SHL(u64(1), tf.cast(8 * (length % 8), tf.uint64)) - u64(1)  # bytes of the chunk in its last word
    # Gathered, not sliced: XLA would compile a slice anew for each place.
    shared = tf.gather(strange, tf.minimum(full, strange.shape[0] - 1))
    really = (full < strange.shape[0]) & tf.not_equal(AND(shared, inside), u64(0))
    return tf.cast(strange.shape[0] - full, tf.uint64) - tf.cast(really, tf.uint64)


class Separators(NamedTuple):
    """The separators of a chunk, in order.

    Attributes:
      group: int64 [separators], the group of 1, 2 or 8 bytes that holds the separator, and no other.
      shift: int64 scalar, log2 of the group's bytes.
    """

    group: Tensor
    shift: Tensor


def locate(markers: Tensor, count: Tensor) -> Separators:
    """Turns markers into positions; outside XLA, since their number is not known before.

    `tf.where` takes its time by the elements it looks at, so it gets groups of bytes, as large as they may be with one
    separator in each.

    Args:
      markers: uint64, as `scan` gives them.
      count: int64 scalar, how many separators there are.

    Returns:
      The separators.
    """

    def groups(shift: int) -> tuple[Tensor, Tensor]:
        kind = (tf.uint8, tf.uint16, tf.uint32, tf.uint64)[shift]
        view = markers if shift == 3 else tf.reshape(tf.bitcast(markers, kind), [-1])
        found = tf.where(view)[:, 0]
        if shift == 0:
            return found, tf.constant(0, tf.int64)
        alone = tf.equal(tf.size(found, tf.int64), count)
        smaller = 1 if shift == 3 else 0
        return tf.cond(alone, lambda: (found, tf.constant(shift, tf.int64)), lambda: groups(smaller))

    return Separators(*groups(3))


def ends_rows(words: Tensor, group: Tensor, shift: Tensor, eol: Tensor, delimiter: int) -> Tensor:
    """Whether each separator is a row end; compiles under XLA.

    Args:
      words: uint64 [words], the chunk, as for `scan`.
      group: int64 [n], some of `Separators.group`.
      shift: int64 scalar, as in `Separators`.
      eol: uint64 scalar, `row_end`.
      delimiter: the delimiter's byte.

    Returns:
      bool [n].
    """
    at = SHL(group, shift)
    word = tf.gather(words, SHR(at, tf.constant(3, tf.int64)) + HEAD)
    skip = SHL(tf.cast(AND(at, tf.constant(7, tf.int64)), tf.uint64), u64(3))
    ends = equal_bytes(word, eol)
    either = AND(OR(ends, equal_bytes(word, delimiter)), SHL(u64(2**64 - 1), skip))
    first = AND(either, NOT(either) + u64(1))
    return tf.not_equal(AND(first, ends), u64(0))


def row_end(crlf: Tensor) -> Tensor:
    """The byte that ends a row, eight times, as a uint64 scalar."""
    return tf.where(crlf, u64(repeat(CR)), u64(repeat(LF)))
