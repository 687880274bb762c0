"""DELTA_LENGTH_BYTE_ARRAY and DELTA_BYTE_ARRAY: strings as lengths, and as what they share with the one before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from tf_loadops.bytesops.strings import to_strings
from tf_loadops.compiled import PURE, call
from tf_loadops.parquet.byte_arrays import LIMIT
from tf_loadops.parquet.delta import delta_binary_packed
from tf_loadops.parquet.windows import get, item, program, put, window

Tensor = Any

_TOTAL = 2**28  # bytes of a page's strings with what they share: a small page could stand for any number
_VALUES = 1 << 14  # values that are put together at once
_SHORT, _LONG = (1 << 16, 1 << 18), (1 << 24, 1 << 25)  # bytes of a value, and of what is put together at once
_STEP = 32  # bytes that are copied at once


def delta_length_byte_array(data: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    r"""Reads strings whose lengths stand in front of all of them.

    Args:
      data: string scalar, the values and nothing else.
      count: int32 scalar, how many there are.

    Returns:
      The values, string [count], and a bool scalar, whether they are right: if not, there are none.

    Example:
      >>> lengths = b"\x80\x01\x04\x02\x06" + b"\x01" + bytes(4)  # 3, and then a difference of -1
      >>> values, ok = delta_length_byte_array(tf.constant(lengths + b"onetw"), tf.constant(2))
      >>> values.numpy().tolist(), bool(ok)
      ([b'one', b'tw'], True)

    Source: Apache Parquet, Encodings.md, "Delta-length byte array: (DELTA_LENGTH_BYTE_ARRAY = 6)".
    """
    return call(_delta_length, tf.convert_to_tensor(data), tf.convert_to_tensor(count), how=PURE)


def delta_byte_array(data: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    r"""Reads strings of which each begins with some bytes of the one before.

    Args:
      data: string scalar, the values and nothing else.
      count: int32 scalar, how many there are.

    Returns:
      The values, string [count], and a bool scalar, whether they are right: if not, there are none. They are also not
      if they have more than 256 MiB together, or if a value shares bytes and one is longer than 16 MiB.

    Example:
      >>> shared = b"\x80\x01\x04\x02\x00" + b"\x06" + bytes(4)  # 0, and then a difference of 3
      >>> lengths = b"\x80\x01\x04\x02\x08" + b"\x03" + bytes(4)  # 4, and then a difference of -2
      >>> values, ok = delta_byte_array(tf.constant(shared + lengths + b"axisle"), tf.constant(2))
      >>> values.numpy().tolist(), bool(ok)
      ([b'axis', b'axile'], True)

    Source: Apache Parquet, Encodings.md, "Delta Strings: (DELTA_BYTE_ARRAY = 7)".
    """
    return call(_delta_bytes, tf.convert_to_tensor(data), tf.convert_to_tensor(count), how=PURE)


def _delta_length(data: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    lengths, content, ok = _parts(data, count)
    return to_strings(tf.io.decode_raw(content, tf.uint8), lengths), ok


def _parts(data: Tensor, count: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The lengths of the strings, int32, the bytes of all of them, and whether they are right; if not, nothing."""
    lengths, used, ok = delta_binary_packed(data, count)
    rest = tf.strings.length(data) - used
    # Each is compared by itself, so that their sum can't overflow.
    ok &= tf.reduce_all((lengths >= 0) & (lengths <= tf.cast(rest, tf.int64)))
    ok &= tf.equal(tf.reduce_sum(lengths), tf.cast(rest, tf.int64)) & (rest < LIMIT)
    lengths = tf.cast(lengths[: tf.where(ok, count, 0)], tf.int32)
    return lengths, tf.strings.substr(data, used, tf.where(ok, rest, 0)), ok


def _delta_bytes(data: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    shared, used, ok = delta_binary_packed(data, count)
    end = tf.strings.length(data)
    lengths, suffixes, good = _parts(tf.strings.substr(data, used, end - used), tf.where(ok, count, 0))
    # Without values there may be nothing in the place of the lengths, but not the other way round.
    ok &= good
    shared = shared[: tf.where(ok, count, 0)]
    whole = shared + tf.cast(lengths, tf.int64)
    before = tf.concat([tf.zeros([1], tf.int64), whole], 0)[: tf.size(whole)]
    # From the first string on, which shares nothing, this also bounds them all: by the bytes of all suffixes.
    ok &= tf.reduce_all((shared >= 0) & (shared <= before))
    longest = tf.reduce_max(tf.concat([whole, [0]], 0))
    alone = tf.reduce_all(tf.equal(shared, 0))
    ok &= alone | ((longest <= _LONG[0]) & (tf.reduce_sum(tf.minimum(whole, _TOTAL)) <= _TOTAL))
    some = tf.where(ok, count, 0)
    strings = _Strings(tf.cast(shared[:some], tf.int32), lengths[:some], tf.cast(whole[:some], tf.int32))
    suffixes = tf.strings.substr(suffixes, 0, tf.where(ok, tf.strings.length(suffixes), 0))
    which = tf.where(alone | ~ok, 0, tf.where(longest <= _SHORT[0], 1, 2))
    content = tf.switch_case(
        which,
        [
            lambda: tf.io.decode_raw(suffixes, tf.uint8),
            lambda: _together(strings, suffixes, *_SHORT),
            lambda: _together(strings, suffixes, *_LONG),
        ],
    )
    return to_strings(content, strings.whole), ok


class _Strings(NamedTuple):
    """Strings of a page.

    Attributes:
      shared: int32 [n], how many bytes each has from the one before.
      own: int32 [n], how many it has besides.
      whole: int32 [n], the sum of both.
    """

    shared: Tensor
    own: Tensor
    whole: Tensor


def _together(strings: _Strings, suffixes: Tensor, longest: int, size: int) -> Tensor:
    """The bytes of all strings, of which none is longer than `longest`, `size` bytes at a time."""
    count = tf.size(strings.whole)
    ends, own_ends = tf.cumsum(strings.whole), tf.cumsum(strings.own)
    # Filled up, so that each round takes as many.
    shared, own = (tf.concat([part, tf.zeros([_VALUES], tf.int32)], 0) for part in (strings.shared, strings.own))

    def body(i: Tensor, low: Tensor, history: Tensor, array: Any) -> Any:
        last = tf.maximum(low - 1, 0)
        done, taken, before = (tf.where(low > 0, part[last], 0) for part in (ends, own_ends, strings.whole))
        high = tf.searchsorted(ends, tf.reshape(done + size, [1]), side="right")[0]
        high = tf.minimum(high, low + _VALUES)
        piece = window(suffixes, taken, size + _STEP)
        some = (tf.ensure_shape(part[low : low + _VALUES], [_VALUES]) for part in (shared, own))
        content, history = program(_together_program, longest, size)(piece, history, *some, high - low, before)
        return i + 1, high, history, array.write(i, content[: tf.gather(ends, high - 1) - done])

    array = tf.TensorArray(tf.uint8, 0, dynamic_size=True, element_shape=[None], infer_shape=False)
    state = (tf.constant(0), tf.constant(0), tf.zeros([longest], tf.uint8), array)
    *_, array = tf.while_loop(lambda i, low, *_: low < count, body, state, parallel_iterations=1)
    return array.concat()


class _State(NamedTuple):
    """Where putting together stands; all are int32 scalars.

    Attributes:
      value: the string in work.
      copied: how many of its bytes are there.
      start: where in the buffer it begins.
      before: where the one before it begins.
      suffix: where its own bytes begin.
    """

    value: Tensor
    copied: Tensor
    start: Tensor
    before: Tensor
    suffix: Tensor


def _together_program(longest: int, size: int) -> Callable[..., Any]:
    def delta_strings(
        piece: Tensor, history: Tensor, shared: Tensor, own: Tensor, used: Tensor, before: Tensor
    ) -> Any:
        """Puts strings together, behind a history that ends with the `before` bytes of the one before the first."""

        def body(state: _State, buffer: Tensor) -> Any:
            head, tail = item(shared, state.value), item(own, state.value)
            from_before = state.copied < head
            left = tf.where(from_before, head, head + tail) - state.copied
            old = get(buffer, state.before + tf.where(from_before, state.copied, 0), _STEP)
            new = get(piece, state.suffix + tf.where(from_before, 0, state.copied - head), _STEP)
            # What is written too much is overwritten by what comes next.
            buffer = put(buffer, tf.where(from_before, old, new), state.start + state.copied)
            copied = state.copied + tf.minimum(left, _STEP)
            done = tf.equal(copied, head + tail)
            after = _State(
                value=state.value + tf.cast(done, tf.int32),
                copied=tf.where(done, 0, copied),
                start=tf.where(done, state.start + copied, state.start),
                before=tf.where(done, state.start, state.before),
                suffix=tf.where(done, state.suffix + tail, state.suffix),
            )
            return after, buffer

        zero = tf.constant(0)
        state = _State(zero, zero, tf.constant(longest), longest - before, zero)
        buffer = tf.concat([history, tf.zeros([size + 2 * _STEP], tf.uint8)], 0)
        after, buffer = tf.while_loop(lambda s, _: s.value < used, body, (state, buffer), parallel_iterations=1)
        return get(buffer, longest, size), get(buffer, after.start - longest, longest)

    return delta_strings
