"""The hybrid of run lengths and bit packing, in which levels, dictionary indices and booleans are written.

A block of values at a time, so that whatever the sizes of pages two programs are compiled. The first walks over the
runs and notes how many values each has and where its bits begin. The second reads them, once each value has been told
its run and its number in it. A run of one repeated value is one of bits that do not move on.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from tf_loadops.bytesops.littleendian import word_at, words_of
from tf_loadops.bytesops.swar import AND, SHL, SHR, u64
from tf_loadops.compiled import PURE, call, looked_at, program
from tf_loadops.sql.scan_pages import ranges

Tensor = Any

BLOCK = 1 << 15  # values; a run has no more of them in a block, nor has a block more runs
_WINDOW = 5 * BLOCK + 64  # bytes; runs as short as can be, of values of 32 bits, take that many
_RUN = 15  # bits of a value's number in its run, in an int32 whose others are the number of the run


class _Place(NamedTuple):
    """Where a walk over runs stands.

    Attributes:
      head: int32, where the next run begins.
      left: int32, values left in the present run.
      moves: int32, 1 if it is bit-packed, 0 if it repeats a value.
      bit: int64, where the next value's bits are.
    """

    head: Tensor
    left: Tensor
    moves: Tensor
    bit: Tensor


def read_hybrid(data: Tensor, at: Tensor, end: Tensor, width: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    """Reads values.

    Args:
      data: string scalar.
      at: int32 scalar, where in it the first run begins.
      end: int32 scalar, where the runs end, at most the length of `data`.
      width: int32 scalar, the bits of a value, from 0 to 32.
      count: int32 scalar, how many values there are.

    Returns:
      int32 [count], the low 32 bits of the values, and a bool scalar: whether there are so many. If not there are none.

    Example:
      >>> values, ok = read_hybrid(tf.constant(bytes([6, 5, 3, 136, 198, 250])), *map(tf.constant, (0, 6, 3, 6)))
      >>> values.numpy().tolist(), bool(ok)
      ([5, 5, 5, 0, 1, 2], True)

    Source: Encodings.md of the Parquet format, "Run Length Encoding / Bit-Packing Hybrid".
    """
    return call(_read, data, at, end, width, count, how=PURE)


def read_indices(data: Tensor, at: Tensor, count: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Reads indices of a dictionary: a byte that says how many bits each has, and then their runs.

    Args:
      data: string scalar, a page.
      at: int32 scalar, where in it that byte stands; the runs end where `data` does.
      count: int32 scalar, how many there are.
      known: int32 scalar, how many entries the dictionary has.

    Returns:
      int32 [count], and a bool scalar: whether there are so many, each of an entry. If not there are none.

    Source: Encodings.md of the Parquet format, "Dictionary Encoding".
    """
    return call(_indices, data, at, count, known, how=PURE)


def repeats(head: Tensor, count: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Whether the first of several runs repeats one value, of a width up to 8, `count` times at least.

    Args:
      head: uint8 [n, 8], the first bytes of each.
      count: int32 [n].

    Returns:
      bool [n], int32 [n], the values, and int32 [n], how many bytes each run takes.
    """
    head = tf.cast(head, tf.int32)
    going = tf.math.cumprod(tf.cast(head >= 128, tf.int32), axis=1, exclusive=True)
    length = tf.reduce_sum(going, axis=1)
    number = tf.reduce_sum(SHL(AND(head[:, :4], 127) * going[:, :4], tf.constant([0, 7, 14, 21])), axis=1)
    ok = (length <= 4) & tf.equal(AND(number, 1), 0) & (SHR(number, 1) >= count)
    return ok, tf.gather(head, tf.minimum(length, 7), batch_dims=1), length + 1


def _indices(data: Tensor, at: Tensor, count: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    size = tf.strings.length(data)
    first = tf.io.decode_raw(tf.strings.substr(data, tf.minimum(at, size), 1), tf.uint8, fixed_length=1)[0]
    width = tf.cast(first, tf.int32)
    fits = (at < size) & (width <= 32)
    index, ok = read_hybrid(data, tf.minimum(at + 1, size), size, tf.where(fits, width, 0), count)
    # An index of 2 ** 31 or more is negative here.
    # Of no index the least is the largest int32, and the largest the least.
    ok &= (fits | tf.equal(count, 0)) & (tf.reduce_min(index) >= 0) & (tf.reduce_max(index) < known)
    return index[: tf.where(ok, count, 0)], ok


def _read(data: Tensor, at: Tensor, end: Tensor, width: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    ok = (at >= 0) & (at <= end) & (end <= tf.strings.length(data)) & (width >= 0) & (width <= 32)
    width = tf.where(ok, width, 0)

    def goes_on(done: Tensor, place: _Place, values: Any, blocks: Tensor, ok: Tensor) -> Tensor:
        return ok & (done < count)

    def step(done: Tensor, place: _Place, values: Any, blocks: Tensor, ok: Tensor) -> Any:
        want = tf.minimum(count - done, BLOCK)
        in_run = tf.cast(SHR(place.bit, tf.constant(3, tf.int64)), tf.int32)
        origin = tf.where(place.left > 0, in_run, place.head)
        words = words_of(tf.strings.substr(data, origin, tf.minimum(_WINDOW, end - origin)), _WINDOW)
        got, place, runs, begins, sizes, fine = program(_walk, words, origin, end, width, want, place)
        first = SHL(tf.range(runs), tf.constant(_RUN))
        _, numbers = ranges(first, first + sizes[:runs])
        block = program(_bits, words, numbers, begins, width)
        return done + got, place, values.write(blocks, block[:got]), blocks + 1, fine & (got > 0)

    values = tf.TensorArray(tf.int32, 0, dynamic_size=True, element_shape=[None], infer_shape=False)
    place = _Place(at, tf.constant(0), tf.constant(0), tf.constant(0, tf.int64))
    state = (tf.constant(0), place, values, tf.constant(0), ok)
    _, _, values, _, ok = tf.while_loop(goes_on, step, state, parallel_iterations=1)
    looked_at(values)
    some = ok & (count > 0)
    return tf.cond(some, lambda: tf.ensure_shape(values.concat(), [None]), lambda: tf.zeros([0], tf.int32)), ok


def _walk(words: Tensor, origin: Tensor, end: Tensor, width: Tensor, want: Tensor, place: _Place) -> Any:
    """Finds the runs of a block.

    Returns:
      How many values there are, and where the walk stands then. How many runs, one more than there are: the last one
      fills up the block. Of each int32 [BLOCK + 1] twice the place of its first bit in the window, and one more if its
      bits move on; and how many values it has. A bool scalar, whether all is well.
    """
    wide = tf.cast(width, tf.int64)
    last = tf.cast(end, tf.int64) * 8
    window = tf.cast(origin, tf.int64) * 8
    bytes_each = SHR(width + 7, 3)

    def goes_on(got: Tensor, place: _Place, runs: Tensor, begins: Any, sizes: Any, ok: Tensor) -> Tensor:
        # A run's head is read only where it lies in the window whole.
        in_window = (place.left > 0) | (place.head - origin <= _WINDOW - 16)
        return ok & (got < want) & in_window

    def step(got: Tensor, place: _Place, runs: Tensor, begins: Any, sizes: Any, ok: Tensor) -> Any:
        fresh = tf.equal(place.left, 0)
        head = word_at(words, place.head - origin)
        number, length = _header(head)
        packed = AND(number, 1)
        groups = SHR(number, 1)
        start = place.head + length
        # No more values than there are bytes for; the last groups may be cut short behind the last value.
        most = tf.where(tf.equal(packed, 1), tf.minimum(groups, 2**28) * 8, groups)
        size = tf.where(tf.equal(packed, 1), tf.cast(groups, tf.int64) * wide, tf.cast(bytes_each, tf.int64))
        head_ok = (place.head < end) & (length <= 5) & (groups > 0)
        # A repeated value takes whole bytes, in which it may be wider than it can be.
        written = AND(word_at(words, start - origin), SHL(u64(1), tf.cast(8 * bytes_each, tf.uint64)) - u64(1))
        fits = tf.equal(packed, 1) | tf.equal(SHR(written, tf.cast(width, tf.uint64)), u64(0))
        ok &= ~fresh | (head_ok & fits)
        left = tf.where(fresh, most, place.left)
        moves = tf.where(fresh, packed, place.moves)
        bit = tf.where(fresh, tf.cast(start, tf.int64) * 8, place.bit)
        after = tf.cast(tf.minimum(tf.cast(start, tf.int64) + size, tf.cast(end, tf.int64)), tf.int32)
        next_head = tf.where(fresh, after, place.head)
        take = tf.minimum(left, want - got)
        # Bits that lie behind the window are for the next block.
        room = (window + 8 * (_WINDOW - 16) - bit) // tf.maximum(wide, 1)
        beyond = tf.equal(moves, 1) & (width > 0) & (room < tf.cast(take, tf.int64))
        take = tf.where(beyond, tf.cast(tf.maximum(room, 0), tf.int32), take)
        step_bits = tf.cast(moves, tf.int64) * wide
        used = tf.where(tf.equal(moves, 1), tf.cast(take, tf.int64) * wide, tf.cast(bytes_each, tf.int64) * 8)
        ok &= (take > 0) & (bit + used <= last)
        begin = SHL(tf.cast(bit - window, tf.int32), 1) + moves
        place = _Place(next_head, left - take, moves, bit + tf.cast(take, tf.int64) * step_bits)
        return got + take, place, runs + 1, begins.write(runs, begin), sizes.write(runs, take), ok

    begins, sizes = (tf.TensorArray(tf.int32, BLOCK + 1, element_shape=[]) for _ in range(2))
    state = (tf.constant(0), place, tf.constant(0), begins, sizes, tf.constant(True))
    got, place, runs, begins, sizes, ok = tf.while_loop(goes_on, step, state)
    # Were something wrong with the last run, it might have any number of values.
    sizes = tf.where(tf.range(BLOCK + 1) < runs, tf.where(ok, sizes.stack(), 0), 0)
    rest = BLOCK - tf.where(ok, got, 0)
    sizes = tf.where(tf.equal(tf.range(BLOCK + 1), runs), rest, sizes)
    return got, place, runs + 1, begins.stack(), sizes, ok


def _header(word: Tensor) -> tuple[Tensor, Tensor]:
    """A varint of up to five bytes below 2 ** 31: int32, and how many bytes it has, more than five if not."""
    value, length, going = u64(0), tf.constant(1), tf.constant(True)
    for i in range(5):
        byte = SHR(word, u64(8 * i))
        value = tf.where(going, value + SHL(AND(byte, u64(127)), u64(7 * i)), value)
        going &= AND(byte, u64(128)) > u64(0)
        length = tf.where(going, i + 2, length)
    length = tf.where(value < u64(2**31), length, 6)
    return tf.cast(tf.cast(AND(value, u64(2**31 - 1)), tf.int64), tf.int32), length


def _bits(words: Tensor, numbers: Tensor, begins: Tensor, width: Tensor) -> Tensor:
    """The values of a block by the numbers of their runs and in these: int32 [BLOCK]; anything behind the last one."""
    numbers = tf.ensure_shape(numbers, [BLOCK])
    begin = tf.gather(begins, SHR(numbers, _RUN))
    bit = SHR(begin, 1) + AND(numbers, BLOCK - 1) * AND(begin, 1) * width
    bit = tf.clip_by_value(bit, 0, 8 * _WINDOW - 64)
    index = SHR(bit, 6)
    first, second = tf.gather(words, index), tf.gather(words, tf.minimum(index + 1, words.shape[0] - 1))
    skip = tf.cast(AND(bit, 63), tf.uint64)
    # A shift by 64 is undefined, so the second goes in two steps.
    both = SHR(first, skip) + SHL(SHL(second, u64(63) - skip), u64(1))
    mask = SHL(u64(1), tf.cast(width, tf.uint64)) - u64(1)
    return tf.bitcast(tf.cast(AND(both, mask), tf.uint32), tf.int32)
