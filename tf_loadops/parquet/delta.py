"""DELTA_BINARY_PACKED: integers as differences, in blocks of miniblocks that are bit-packed each in a width of its own.

A loop walks over the blocks' headers and finds where each miniblock begins. A miniblock is a multiple of 32 values, and
32 values of any width are whole bytes, so from there on all goes in groups of 32, whatever the miniblocks' size.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from tf_loadops.bytesops.swar import AND, OR, SHL, SHR, u64
from tf_loadops.compiled import PURE, call, xla
from tf_loadops.parquet.varints import leb128, zigzag
from tf_loadops.parquet.windows import get, item, program, window

Tensor = Any

_SIZE = 1 << 17  # bytes of a window
_MOST = 1 << 16  # miniblocks that are found at once; no block may have more than half of them
_HEIGHT = _SIZE // 128  # groups that are unpacked at once
_GROUP = 32  # values that are whole bytes in any width
_WORDS = 16  # bytes of the two words that hold any value
_ALL = 2**64 - 1


def delta_binary_packed(data: Tensor, count: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    r"""Reads integers.

    Args:
      data: string scalar that begins with them.
      count: int32 scalar, how many there are.

    Returns:
      The values, int64 [count]: differences wrap around, so a caller who wants int32 casts. How many bytes they take,
      int32 scalar. And a bool scalar, whether they are right: they are not, and there are none, if the data hold
      another number of values or fewer bytes than they say, or are malformed.

    Example:
      >>> data = tf.constant(b"\x80\x01\x04\x03\x0e" + b"\x02" + b"\x02\x00\x00\x00" + b"\x01" + bytes(7))
      >>> values, used, ok = delta_binary_packed(data, tf.constant(3))
      >>> values.numpy().tolist(), int(used), bool(ok)  # 7, and then differences of 1 + 1 and 1 + 0
      ([7, 9, 10], 18, True)

    Source: Apache Parquet, Encodings.md, "Delta Encoding (DELTA_BINARY_PACKED = 5)".
    """
    return call(_read, tf.convert_to_tensor(data), tf.convert_to_tensor(count), how=PURE)


def _read(data: Tensor, count: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    head = _header(data, count)

    def values() -> tuple[Tensor, Tensor, Tensor]:
        found, end, ok = _miniblocks(data, head)
        return _expand(data, head, found, tf.where(ok, count, 0)), tf.where(ok, end, 0), ok

    def none() -> tuple[Tensor, Tensor, Tensor]:
        # A page without values may also be without a header.
        empty = tf.equal(count, 0) & tf.equal(tf.strings.length(data), 0)
        return tf.zeros([0], tf.int64), tf.constant(0), empty

    return tf.cond(head.ok, values, none)


class _Header(NamedTuple):
    """What stands in front of the blocks.

    Attributes:
      miniblocks: int32 scalar, how many a block has.
      height: int32 scalar, how many values a miniblock has.
      wanted: int32 scalar, how many miniblocks hold values.
      first: int64 scalar, the first value.
      end: int32 scalar, where the first block begins.
      ok: bool scalar.
    """

    miniblocks: Tensor
    height: Tensor
    wanted: Tensor
    first: Tensor
    end: Tensor
    ok: Tensor


def _header(data: Tensor, count: Tensor) -> _Header:
    size = tf.strings.length(data)
    four = tf.concat([window(data, tf.constant(0), 40), tf.zeros([4 + _WORDS], tf.uint8)], 0)
    ends = tf.cast(tf.where(four[:44] < 128)[:4, 0], tf.int32)  # four varints end somewhere, maybe behind the data
    starts = tf.concat([[0], ends[:3] + 1], 0)
    words = tf.bitcast(tf.reshape(tf.gather(four, starts[:, None] + tf.range(_WORDS)), [4, 2, 8]), tf.uint64)
    found = leb128(words[:, 0], words[:, 1])
    block, miniblocks, total = tf.unstack(tf.cast(tf.minimum(found.value[:3], u64(2**31 - 1)), tf.int32))
    by = tf.maximum(miniblocks, 1)
    height = block // by
    ok = tf.reduce_all(found.ok) & (ends[3] < size) & (count >= 0) & tf.equal(total, count)
    ok &= (block > 0) & (miniblocks > 0) & tf.equal(block % 128, 0)
    ok &= tf.equal(block % by, 0) & tf.equal(height % _GROUP, 0)
    ok &= miniblocks <= _MOST // 2
    height = tf.maximum(height, _GROUP)
    rest = tf.maximum(count, 1) - 1
    wanted = rest // height + tf.cast(rest % height > 0, tf.int32)
    return _Header(miniblocks, height, wanted, zigzag(found.value[3]), ends[3] + 1, ok)


class _Miniblocks(NamedTuple):
    """Miniblocks, all vectors of one size.

    Attributes:
      start: int32, where in the data they begin.
      width: int32, how many bits a value has.
      least: int64, the difference that is added to each.
    """

    start: Tensor
    width: Tensor
    least: Tensor


class _State(NamedTuple):
    """Where a walk stands.

    Attributes:
      at: int32 scalar, where the next miniblock begins, or the next block; -1 once something was wrong.
      done: int32 scalar, how many miniblocks have been found.
      inner: int32 scalar, which miniblock of its block is next; 0 where a block begins.
      widths: int32 scalar, where the widths of this block's miniblocks stand.
      least: int64 scalar, the least difference of this block.
    """

    at: Tensor
    done: Tensor
    inner: Tensor
    widths: Tensor
    least: Tensor


def _miniblocks(data: Tensor, head: _Header) -> tuple[_Miniblocks, Tensor, Tensor]:
    """The miniblocks that hold values, where the last one ends, and whether all are there."""
    end = tf.strings.length(data)

    def goes_on(i: Tensor, at: Tensor, done: Tensor, *_: Any) -> Tensor:
        del i
        return (at >= 0) & (at < end) & (done < head.wanted)

    def body(i: Tensor, at: Tensor, done: Tensor, arrays: _Miniblocks) -> Any:
        piece = window(data, at, _SIZE + _MOST // 2 + _WORDS)  # the last block's header is inside
        wanted = head.wanted - done
        after, found = program(_walk_program)(piece, head.miniblocks, head.height, wanted, end - at)
        found = found._replace(start=found.start + at)
        arrays = _Miniblocks(*(a.write(i, part[: after.done]) for a, part in zip(arrays, found, strict=True)))
        return i + 1, tf.where(after.at < 0, -1, at + after.at), done + after.done, arrays

    arrays = _Miniblocks(*(_array(dtype) for dtype in (tf.int32, tf.int32, tf.int64)))
    state = (tf.constant(1), head.end, tf.constant(0), arrays)
    _, at, done, arrays = tf.while_loop(goes_on, body, state, parallel_iterations=1)
    ok = (at >= 0) & tf.equal(done, head.wanted)
    return _Miniblocks(*(array.concat() for array in arrays)), at, ok


def _array(dtype: Any) -> Any:
    array = tf.TensorArray(dtype, 1, dynamic_size=True, element_shape=[None], infer_shape=False)
    return array.write(0, tf.zeros([0], dtype))  # there may be nothing else


def _walk_program() -> Callable[..., Any]:
    def delta_blocks(piece: Tensor, miniblocks: Tensor, height: Tensor, wanted: Tensor, left: Tensor) -> Any:
        """Finds the miniblocks of the blocks that begin in a window, of the `left` bytes that there are."""
        stride = tf.cast(height // 8, tf.int64)

        def goes_on(state: _State, *_: Any) -> Tensor:
            inside = (state.inner > 0) | ((state.at < _SIZE) & (state.done <= _MOST - miniblocks))
            return (state.at >= 0) & inside & (state.done < wanted)

        def body(state: _State, arrays: _Miniblocks) -> Any:
            fresh = tf.equal(state.inner, 0)
            two = tf.bitcast(tf.reshape(get(piece, tf.where(fresh, state.at, 0), _WORDS), [2, 8]), tf.uint64)
            least = leb128(two[0], two[1])
            widths = tf.where(fresh, state.at + least.size, state.widths)
            start = tf.where(fresh, widths + miniblocks, state.at)
            width = tf.cast(item(piece, widths + state.inner), tf.int32)
            # Data shorter than 2 GiB end before this could overflow.
            end = tf.cast(start, tf.int64) + tf.cast(width, tf.int64) * stride
            right = (~fresh | least.ok) & (width <= 64) & (end <= tf.cast(left, tf.int64))
            found = _Miniblocks(start, width, tf.where(fresh, zigzag(least.value), state.least))
            arrays = _Miniblocks(*(a.write(state.done, part) for a, part in zip(arrays, found, strict=True)))
            inner = state.inner + 1
            after = _State(
                at=tf.where(right, tf.cast(tf.where(right, end, 0), tf.int32), -1),
                done=state.done + 1,
                inner=tf.where(tf.equal(inner, miniblocks), 0, inner),
                widths=widths,
                least=found.least,
            )
            return after, arrays

        zero = tf.constant(0)
        kinds = (tf.int32, tf.int32, tf.int64)
        arrays = _Miniblocks(*(tf.TensorArray(kind, _MOST, element_shape=[]) for kind in kinds))
        state = (_State(zero, zero, zero, zero, tf.constant(0, tf.int64)), arrays)
        after, arrays = tf.while_loop(goes_on, body, state, parallel_iterations=1)
        return after, _Miniblocks(*(array.stack() for array in arrays))

    return delta_blocks


def _expand(data: Tensor, head: _Header, found: _Miniblocks, count: Tensor) -> Tensor:
    """The values: int64 [count], where count is the header's, or 0."""
    deltas = tf.maximum(count, 1) - 1
    groups = (deltas + _GROUP - 1) // _GROUP
    number = tf.range(groups) * _GROUP
    miniblock = number // head.height
    width, least = tf.gather(found.width, miniblock), tf.gather(found.least, miniblock)
    start = tf.gather(found.start, miniblock) + (number - miniblock * head.height) // 8 * width
    # Filled up, so that each round takes as many.
    width, least, filled = (tf.concat([part, tf.zeros([_HEIGHT], part.dtype)], 0) for part in (width, least, start))

    def body(i: Tensor, low: Tensor, last: Tensor, array: Any) -> Any:
        base = start[low]
        inside = tf.searchsorted(start, tf.reshape(base + _SIZE, [1]), side="left")[0]  # begin in the window
        high = tf.minimum(low + _HEIGHT, inside)
        piece = window(data, base, _SIZE + _GROUP * 8 + _WORDS)
        at = tf.clip_by_value(filled[low : low + _HEIGHT] - base, 0, _SIZE)
        group = (at, width[low : low + _HEIGHT], least[low : low + _HEIGHT])
        group = tuple(tf.ensure_shape(part, [_HEIGHT]) for part in group)
        values, last = program(_unpack_program)(piece, *group, (high - low) * _GROUP, last)
        return i + 1, high, last, array.write(i, values[: (high - low) * _GROUP])

    array = tf.TensorArray(tf.int64, 1, dynamic_size=True, element_shape=[None], infer_shape=False)
    array = array.write(0, tf.reshape(head.first, [1]))
    state = (tf.constant(1), tf.constant(0), head.first, array)
    *_, array = tf.while_loop(lambda i, low, *_: low < groups, body, state, parallel_iterations=1)
    return array.concat()[:count]


def _unpack_program() -> Callable[..., Any]:
    def delta_unpack(piece: Tensor, start: Tensor, width: Tensor, least: Tensor, used: Tensor, last: Tensor) -> Any:
        """The first `used` values of groups, int64 [groups * 32], behind the value `last`; and the last one of them."""
        words = tf.bitcast(tf.reshape(piece, [-1, 8]), tf.uint64)
        bit = start[:, None] * 8 + tf.range(_GROUP) * width[:, None]
        word = SHR(bit, 6)
        low, high = tf.gather(words, word), tf.gather(words, word + 1)
        skip = tf.cast(AND(bit, 63), tf.uint64)
        # A shift by 64 is undefined, so what may be one goes in two steps.
        value = OR(SHR(low, skip), SHL(SHL(high, u64(63) - skip), u64(1)))
        mask = tf.where(width > 0, SHR(u64(_ALL), tf.cast(64 - tf.maximum(width, 1), tf.uint64)), u64(0))
        deltas = tf.reshape(tf.bitcast(AND(value, mask[:, None]), tf.int64) + least[:, None], [_HEIGHT * _GROUP])
        return _sums(deltas, used, last)

    return delta_unpack


def _sums(deltas: Tensor, used: Tensor, last: Tensor) -> tuple[Tensor, Tensor]:
    """The sums of `last` and the first, the first two, … of `used` differences, and the last of these sums."""
    if not xla():
        sums = tf.cumsum(deltas) + last
        return sums, sums[used - 1]

    # What XLA makes of a cumulative sum goes over all values several times; a plain loop is faster.
    def add(i: Tensor, last: Tensor, sums: Any) -> Any:
        last += item(deltas, i)
        return i + 1, last, sums.write(i, last)

    sums = tf.TensorArray(tf.int64, deltas.shape[0], element_shape=[])
    state = (tf.constant(0), last, sums)
    _, last, sums = tf.while_loop(lambda i, *_: i < used, add, state, parallel_iterations=1)
    return sums.stack(), last
