"""LZ4: bytes as literals, and as matches with what stands up to 64 KiB before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from tf_loadops.bytesops.strings import to_string
from tf_loadops.compiled import PURE, call, looked_at
from tf_loadops.parquet.windows import get, item, program, put, window

Tensor = Any

_HISTORY = 1 << 16  # bytes that a match may reach back
_INPUT, _OUTPUT = 1 << 17, 1 << 18  # bytes that are read and written at once
_STEP = 32  # bytes that are copied at once: more than the literals of a token without further length bytes
_RATIO = 255  # no block says more: each further length byte stands for as many
_SHORTEST = 4  # bytes of a match
# What the next byte is, or the next step does.
_TOKEN, _LENGTH, _LITERALS, _MATCH_LENGTH, _MATCH, _END, _BAD = range(7)


def lz4_block(data: Tensor, size: Tensor) -> tuple[Tensor, Tensor]:
    r"""Decompresses a block, as the codec LZ4_RAW has one in each page.

    Args:
      data: string scalar, the block and nothing else.
      size: int32 scalar, how many bytes it has decompressed.

    Returns:
      These bytes, string scalar, and a bool scalar, whether they are right: if not, there are none.

    Example:
      >>> text, ok = lz4_block(tf.constant(b"\x12a\1\0\x10b"), tf.constant(8))  # "a", six bytes from one before, "b"
      >>> text.numpy(), bool(ok)
      (b'aaaaaaab', True)

    Source: github.com/lz4/lz4, doc/lz4_Block_format.md; Apache Parquet, Compression.md, "LZ4_RAW".
    """
    return call(_block, tf.convert_to_tensor(data), tf.convert_to_tensor(size), how=PURE)


def hadoop_lz4(data: Tensor, size: Tensor) -> tuple[Tensor, Tensor]:
    r"""Decompresses a page of the deprecated codec LZ4: blocks with both sizes in front, or one bare block.

    Args:
      data: string scalar.
      size: int32 scalar, how many bytes it has decompressed.

    Returns:
      These bytes, string scalar, and a bool scalar, whether they are right: if not, there are none.

    Example:
      >>> text, ok = hadoop_lz4(tf.constant(b"\0\0\0\2\0\0\0\3\x20hi" * 2), tf.constant(4))
      >>> text.numpy(), bool(ok)
      (b'hihi', True)

    Source: Apache Parquet, Compression.md, "LZ4"; Apache Arrow, `Lz4HadoopCodec`.
    """
    return call(_hadoop, tf.convert_to_tensor(data), tf.convert_to_tensor(size), how=PURE)


def _hadoop(data: Tensor, size: Tensor) -> tuple[Tensor, Tensor]:
    end = tf.strings.length(data)

    def goes_on(i: Tensor, at: Tensor, done: Tensor, ok: Tensor, texts: Any) -> Tensor:
        del i, done, texts
        return ok & (at < end)

    def body(i: Tensor, at: Tensor, done: Tensor, ok: Tensor, texts: Any) -> Any:
        sizes = tf.bitcast(tf.reverse(tf.reshape(window(data, at, 8), [2, 4]), [1]), tf.int32)
        whole, packed = sizes[0], sizes[1]
        ok &= (end - at >= 8) & (packed > 0) & (packed <= end - at - 8) & (whole >= 0) & (whole <= size - done)
        block = tf.strings.substr(data, tf.where(ok, at + 8, 0), tf.where(ok, packed, 0))
        text, good = lz4_block(block, tf.where(ok, whole, 0))
        ok &= good
        return i + 1, tf.where(ok, at + 8 + packed, at), done + tf.where(ok, whole, 0), ok, texts.write(i, text)

    texts = tf.TensorArray(tf.string, 0, dynamic_size=True, element_shape=[])
    state = (tf.constant(0), tf.constant(0), tf.constant(0), size >= 0, texts)
    _, _, done, ok, texts = tf.while_loop(goes_on, body, state, parallel_iterations=1)
    looked_at(texts)
    framed = ok & tf.equal(done, size) & (size > 0)
    return tf.cond(framed, lambda: (tf.strings.reduce_join(texts.stack()), framed), lambda: lz4_block(data, size))


class _State(NamedTuple):
    """Where decompression stands; all are int32 scalars.

    Attributes:
      next: what comes next, one of the constants above.
      read: how many bytes have been read.
      written: how many have been written.
      rest: how many bytes of the literals or of the match are still to copy, as far as known.
      match: what the token says about the length of the match.
      back: how far back the match is.
    """

    next: Tensor
    read: Tensor
    written: Tensor
    rest: Tensor
    match: Tensor
    back: Tensor


def _block(data: Tensor, size: Tensor) -> tuple[Tensor, Tensor]:
    end = tf.strings.length(data)
    possible = (size >= 0) & (tf.cast(size, tf.int64) <= tf.cast(end, tf.int64) * _RATIO)
    limit = tf.where(possible, size, 0)

    def goes_on(i: Tensor, state: _State, *_: Any) -> Tensor:
        del i
        # The last literals may be without a byte.
        return possible & (state.next < _END) & (state.read < end) & (state.written <= limit)

    def body(i: Tensor, state: _State, history: Tensor, texts: Any) -> Any:
        piece = window(data, state.read, _INPUT + 2 * _STEP)
        here = state._replace(read=tf.constant(0), written=tf.constant(0))
        limits = (end - state.read, limit - state.written, state.written)
        after, content, history = program(_lz4_program)(piece, history, here, *limits)
        texts = texts.write(i, content[: after.written])
        after = after._replace(read=state.read + after.read, written=state.written + after.written)
        return i + 1, after, history, texts

    texts = tf.TensorArray(tf.uint8, 1, dynamic_size=True, element_shape=[None], infer_shape=False)
    texts = texts.write(0, tf.zeros([0], tf.uint8))  # there may be no window
    start = _State(tf.constant(_TOKEN), *[tf.constant(0)] * 5)
    state = (tf.constant(1), start, tf.zeros([_HISTORY], tf.uint8), texts)
    _, after, _, texts = tf.while_loop(goes_on, body, state, parallel_iterations=1)
    looked_at(texts)
    nothing = tf.equal(end, 0) & tf.equal(size, 0)
    ok = possible & (nothing | (tf.equal(after.next, _END) & tf.equal(after.written, size)))
    text = tf.cond(ok, lambda: to_string(texts.concat()), lambda: tf.constant(""))
    return text, ok


def _lz4_program() -> Callable[..., Any]:
    def lz4(piece: Tensor, history: Tensor, state: _State, left: Tensor, room: Tensor, before: Tensor) -> Any:
        """Decompresses some of the `left` bytes of a window into the `room` there is, behind `before` bytes.

        Returns:
          The state, the bytes written, and the next history.
        """

        def goes_on(state: _State, _: Tensor) -> Tensor:
            inside = (state.read < _INPUT) & (state.read < left) & (state.written < _OUTPUT)
            return inside & (state.next < _END)

        def body(state: _State, buffer: Tensor) -> Any:
            is_token, in_literals, in_match = (tf.equal(state.next, what) for what in (_TOKEN, _LITERALS, _MATCH))
            in_length = tf.equal(state.next, _LENGTH) | tf.equal(state.next, _MATCH_LENGTH)
            first = tf.cast(item(piece, state.read), tf.int32)

            # A token with few literals, or a part of many, or of a match.
            count = first // 16
            few = is_token & (count < 15)
            rest = tf.where(is_token, count, state.rest)
            match = tf.where(is_token, first % 16, state.match)
            start = state.read + tf.cast(is_token, tf.int32)
            old = get(buffer, _HISTORY + state.written - tf.where(in_match, state.back, 0), _STEP)
            new = get(piece, start, _STEP)
            buffer = put(buffer, tf.where(in_match, old, new), _HISTORY + state.written)
            copied = tf.minimum(rest, _STEP)
            # A match nearer than a step repeats itself: what is there is copied, then both of it, and so on.
            copied = tf.where(in_match, tf.minimum(copied, state.back), copied)
            copied = tf.where(few | in_literals | in_match, copied, 0)
            near = in_match & (state.back < _STEP)
            back = state.back + tf.where(near, copied, 0)
            written = state.written + copied
            at = start + tf.where(in_match, 0, copied)

            # Behind literals: nothing more, or how far back the match is.
            literals_done = (few | in_literals) & tf.equal(rest, copied)
            ends = literals_done & tf.equal(at, left)
            to_match = literals_done & ~ends
            two = get(piece, at, 2)
            back = tf.where(to_match, tf.cast(tf.bitcast(two, tf.uint16), tf.int32), back)
            at = at + tf.where(to_match, 2, 0)

            # A further byte of a length.
            at = at + tf.cast(in_length, tf.int32)
            rest = rest - copied + tf.where(in_length, first, 0)
            rest = tf.where(to_match, match + _SHORTEST, rest)
            length_done = in_length & (first < 255)

            what = tf.where(is_token, _LENGTH, state.next)
            what = tf.where(to_match, tf.where(tf.equal(match, 15), _MATCH_LENGTH, _MATCH), what)
            what = tf.where(length_done, state.next + 1, what)  # literals, or a match
            what = tf.where(in_match & tf.equal(rest, 0), _TOKEN, what)
            what = tf.where(ends, _END, what)
            # Lengths are compared on each step, so that none can overflow.
            far = to_match & ((back < 1) | (back > before + written))
            literal = tf.equal(what, _LITERALS) | tf.equal(what, _LENGTH)
            outside = (at > left) | (rest > room - written) | (literal & (rest > left - at))
            after = _State(tf.where(far | outside, _BAD, what), at, written, rest, match, back)
            return after, buffer

        buffer = tf.concat([history, tf.zeros([_OUTPUT + 2 * _STEP], tf.uint8)], 0)
        after, buffer = tf.while_loop(goes_on, body, (state, buffer), parallel_iterations=1)
        content = get(buffer, _HISTORY, _OUTPUT + _STEP)
        return after, content, get(buffer, after.written, _HISTORY)

    return lz4
