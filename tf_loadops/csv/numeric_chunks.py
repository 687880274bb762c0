"""Chunks of a text: where to cut it, and their words."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from tf_loadops.csv.numeric_scan import CR, HEAD, LF, NUL, QUOTE

Tensor = Any

CHUNK = 2 << 20  # bytes: small enough for the second-level caches, large enough for few calls
_NEAR = 4096  # where the last row end of a chunk is looked for first
_TAIL = 8  # room for the line end that the last row may lack
LIMIT = 2**31 - 1 - 2 * CHUNK  # string lengths are int32


class Window(NamedTuple):
    """A chunk as words of a static shape: HEAD words of what stands before it, the chunk, and zeros.

    Attributes:
      words: uint64 [HEAD + CHUNK / 8].
      length: int32 scalar, the chunk's bytes.
    """

    words: Tensor
    length: Tensor


def window(text: Tensor, low: Tensor, high: Tensor, size: Tensor, tail: Tensor) -> Window:
    """The words of the bytes from `low` to `high`, and behind the last of the text the `tail` that it lacks."""
    head = 8 * HEAD

    def inside() -> Tensor:
        return tf.strings.substr(text, low - head, high - low + head)

    def at_an_end() -> Tensor:
        # The first chunk has nothing before it and the last may lack its line end.
        begin = tf.constant(b"\n" * head)
        return tf.strings.join([begin, tf.strings.substr(text, low, high - low), tf.where(high < size, "", tail)])

    piece = tf.cond((low < head) | (high >= size), at_an_end, inside)
    words = tf.bitcast(tf.io.decode_raw(piece, tf.int64, fixed_length=head + CHUNK), tf.uint64)
    return Window(tf.ensure_shape(words, [HEAD + CHUNK // 8]), tf.strings.length(piece) - head)


def look(text: Tensor, offset: Tensor, size: Tensor) -> tuple[Tensor, Tensor]:
    """Whether lines end in CR LF, by the first one, and whether the beginning promises a clean text."""
    start = tf.minimum(offset, tf.maximum(size, 0))
    sample = tf.io.decode_raw(tf.strings.substr(text, start, 65536), tf.uint8)
    feed = tf.equal(sample, LF)
    first = tf.argmax(tf.concat([feed, [True]], 0))  # one more, since there may be none
    before = tf.concat([tf.constant([0], tf.uint8), sample], 0)[first]
    crlf = tf.equal(before, CR) & tf.reduce_any(feed)
    return crlf, ~tf.reduce_any(tf.equal(sample, QUOTE) | tf.equal(sample, NUL))


def cut(text: Tensor, low: Tensor, end: Tensor) -> tuple[Tensor, Tensor]:
    """Where the chunk that begins at `low` ends: behind the last row end within reach, or at the end of the text."""
    limit = low + CHUNK - _TAIL

    def behind_last(reach: int) -> Tensor:
        window = tf.io.decode_raw(tf.strings.substr(text, limit - reach, reach), tf.uint8)
        back = tf.cast(tf.argmax(tf.equal(window, LF)[::-1]), tf.int32)
        return tf.where(tf.equal(window[-1 - back], LF), limit - back, low)

    def search() -> Tensor:
        near = behind_last(_NEAR)
        return tf.cond(near > low, lambda: near, lambda: behind_last(CHUNK - _TAIL))

    high = tf.cond(end <= limit, lambda: end, search)
    return high, high > low
