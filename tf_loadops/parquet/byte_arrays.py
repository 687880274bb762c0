"""PLAIN values of type BYTE_ARRAY: four bytes of length, and then the bytes themselves, one value after another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from tf_loadops.bytesops.strings import to_strings
from tf_loadops.compiled import PURE, call
from tf_loadops.parquet.windows import get, program, put, window

Tensor = Any

LIMIT = 2**30  # bytes of strings that can be made at once
_SIZE = 1 << 17  # bytes of a window
_STEP = 32  # bytes that are copied at once


def plain_byte_arrays(data: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    r"""Reads the values of a page or dictionary.

    Args:
      data: string scalar, the values and nothing else.
      count: int32 scalar, how many there are.

    Returns:
      The values, string [count], and a bool scalar, whether they are right: they are not, and there are none, if the
      data hold more or less than `count` values, or a GiB of them.

    Example:
      >>> values, ok = plain_byte_arrays(tf.constant(b"\2\0\0\0hi\0\0\0\0"), tf.constant(2))
      >>> values.numpy().tolist(), bool(ok)
      ([b'hi', b''], True)

    Source: Apache Parquet, Encodings.md, "Plain".
    """
    return call(_plain, tf.convert_to_tensor(data), tf.convert_to_tensor(count), how=PURE)


def _plain(data: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    size = tf.strings.length(data)
    possible = (count >= 0) & (count <= size // 4) & (size < LIMIT)
    wanted = tf.where(possible, count, 0)
    lengths, content, end = _walk(data, wanted)
    ok = possible & tf.equal(tf.size(lengths), wanted) & tf.equal(end, size)
    return to_strings(content[: tf.where(ok, tf.size(content), 0)], lengths[: tf.where(ok, wanted, 0)]), ok


class _State(NamedTuple):
    """Where a walk stands; all are int32 scalars.

    Attributes:
      at: the next byte to read; -1 once a length has turned out to be wrong.
      rest: how many bytes of the last value are still to copy.
      values: how many lengths have been read.
      copied: how many bytes have been copied.
    """

    at: Tensor
    rest: Tensor
    values: Tensor
    copied: Tensor


def _walk(data: Tensor, count: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The lengths, the bytes of all values, and where the last one ends, or -1."""
    end = tf.strings.length(data)

    def goes_on(i: Tensor, at: Tensor, rest: Tensor, values: Tensor, *_: Any) -> Tensor:
        del i
        return (at >= 0) & (at < end) & ((rest > 0) | (values < count))

    def body(i: Tensor, at: Tensor, rest: Tensor, values: Tensor, lengths: Any, content: Any) -> Any:
        piece = window(data, at, _SIZE + 2 * _STEP)  # what begins at its last byte is inside
        state, found, copied = program(_window_program)(piece, rest, count - values, end - at)
        lengths = lengths.write(i, found[: state.values])
        content = content.write(i, copied[: state.copied])
        after = tf.where(state.at < 0, -1, at + state.at)
        return i + 1, after, state.rest, values + state.values, lengths, content

    zero = tf.constant(0)
    arrays = [
        tf.TensorArray(dtype, 1, dynamic_size=True, element_shape=[None], infer_shape=False)
        for dtype in (tf.int32, tf.uint8)
    ]
    arrays = [array.write(0, tf.zeros([0], array.dtype)) for array in arrays]  # there may be no window
    state = (tf.constant(1), zero, zero, zero, *arrays)
    _, at, _, _, lengths, content = tf.while_loop(goes_on, body, state, parallel_iterations=1)
    return lengths.concat(), content.concat(), at


def _window_program() -> Callable[..., Any]:
    def byte_arrays(piece: Tensor, rest: Tensor, wanted: Tensor, left: Tensor) -> Any:
        """Reads what begins in a window, of the `left` bytes that there are."""

        def goes_on(state: _State, *_: Any) -> Tensor:
            return (state.at >= 0) & (state.at < _SIZE) & ((state.rest > 0) | (state.values < wanted))

        def body(state: _State, lengths: Any, copied: Tensor) -> Any:
            fresh = tf.equal(state.rest, 0)
            length = tf.bitcast(get(piece, state.at, 4), tf.int32)
            room = left - state.at - 4
            right = ~fresh | ((length >= 0) & (length <= room))
            length = tf.clip_by_value(length, 0, tf.maximum(room, 0))
            start = tf.where(fresh, state.at + 4, state.at)
            rest = tf.where(fresh, length, state.rest)
            now = tf.minimum(rest, _STEP)
            # What is written too much is overwritten by the next value: bytes, and lengths while a value goes on.
            copied = put(copied, get(piece, start, _STEP), state.copied)
            after = _State(
                at=tf.where(right, start + now, -1),
                rest=rest - now,
                values=state.values + tf.cast(fresh & right, tf.int32),
                copied=state.copied + now,
            )
            return after, lengths.write(state.values, length), copied

        zero = tf.constant(0)
        # A value takes four bytes at least; one slot more takes what is written too much.
        lengths = tf.TensorArray(tf.int32, _SIZE // 4 + 1, element_shape=[])
        state = (_State(zero, rest, zero, zero), lengths, tf.zeros([_SIZE + 2 * _STEP], tf.uint8))
        after, lengths, copied = tf.while_loop(goes_on, body, state, parallel_iterations=1)
        return after, lengths.stack(), copied

    return byte_arrays
