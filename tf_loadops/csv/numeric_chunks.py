"""Chunks of a text: where to cut it, and their words without copying them again."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from tf_loadops.csv.numeric_scan import CR, HEAD, LF, NUL, QUOTE

Tensor = Any

CHUNK = 2 << 20  # bytes: small enough for the second-level caches, large enough for few calls
_NEAR = 4096  # where the last row end of a chunk is looked for first
LIMIT = 2**31 - 1 - 2 * CHUNK  # string lengths are int32


class Window(NamedTuple):
    """A chunk's surroundings as words of a static shape; `bounds` is the chunk in them, as for `scan`."""

    words: Tensor
    bounds: Tensor


_WINDOW = 8 * HEAD + 64 + CHUNK + 64


def whole(text: Tensor, end: Tensor, offset: Tensor) -> Tensor:
    """The text up to `end` as int64 words, with room for a window behind any byte; nothing for less than a chunk."""
    long = end - offset > CHUNK
    length = tf.where(long, (end // 64 + 1) * 64 + _WINDOW, 8)
    return tf.io.decode_raw(tf.cond(long, lambda: text, lambda: tf.constant("")), tf.int64, fixed_length=length)


def window(text: Tensor, buffer: Tensor, low: Tensor, high: Tensor, size: Tensor, tail: Tensor) -> Window:
    """The words around the bytes from `low` to `high`, and behind the last of the text the `tail` that it lacks."""
    def copied() -> tuple[Tensor, Tensor]:
        # The first chunk has nothing before it and the last may lack its line end.
        begin = tf.constant(b"\n" * (8 * HEAD))
        raw = tf.strings.join([begin, tf.strings.substr(text, low, high - low), tf.where(high < size, "", tail)])
        words = tf.io.decode_raw(raw, tf.int64, fixed_length=_WINDOW)
        return words, tf.stack([0, tf.strings.length(raw) - 8 * HEAD])

    def shared() -> tuple[Tensor, Tensor]:
        # A slice that begins at a multiple of 64 bytes shares the buffer's memory.
        begin = (low // 64) * 64 - 8 * HEAD
        words = buffer[begin // 8 : begin // 8 + _WINDOW // 8]
        return words, tf.stack([low, high]) - begin - 8 * HEAD

    words, bounds = tf.cond((low < 128) | (high >= size), copied, shared)
    words = tf.ensure_shape(tf.bitcast(words, tf.uint64), [_WINDOW // 8])
    return Window(words, tf.ensure_shape(bounds, [2]))


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
    limit = low + CHUNK

    def behind_last(reach: int) -> Tensor:
        window = tf.io.decode_raw(tf.strings.substr(text, limit - reach, reach), tf.uint8)
        back = tf.cast(tf.argmax(tf.equal(window, LF)[::-1]), tf.int32)
        return tf.where(tf.equal(window[-1 - back], LF), limit - back, low)

    def search() -> Tensor:
        near = behind_last(_NEAR)
        return tf.cond(near > low, lambda: near, lambda: behind_last(CHUNK))

    high = tf.cond(end <= limit, lambda: end, search)
    return high, high > low
