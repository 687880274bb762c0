"""A struct of Thrift's compact protocol as a flat list of its values, each with the path of field ids that leads to it.

One compiled loop reads a value a step: what a byte means depends on all that stand before it, and a loop of scalars is
what XLA makes fastest. What the values mean is looked up afterwards, for all of them at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from tf_loadops.bytesops.littleendian import byte_at, word_at, words_of
from tf_loadops.bytesops.swar import AND, NOT, OR, SHL, SHR, XOR, first_bit, repeat, u64
from tf_loadops.compiled import call, program

Tensor = Any

BUCKETS = (8 << 10, 512 << 10, 64 << 20)
"""Sizes in bytes that structs are padded to, so that few shapes are compiled."""

_A_VALUE = 4  # bytes of a struct for which there is room for one value
_DEPTH = 24  # of structs and lists in each other; Parquet's own have 9
_STEP = 6  # bits of a path that a field id takes
_OTHER = 2**_STEP - 1  # stands for all ids from here on, none of which Parquet has
_BOOL_TRUE, _BOOL_FALSE, _BYTE, _I16, _I64, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = 1, 2, 3, 4, 6, 7, 8, 9, 10, 12


class Tokens(NamedTuple):
    """The values of a struct, in the order of the text.

    Attributes:
      path: int64 [values], what `path_of` gives for the value's field ids.
      value: int64 [values]: an integer, a bool as 0 or 1, a double's bits, the length of a binary, the size of a list; 0
        where a struct begins.
      at: int32 [values], where its bytes begin, for a binary those of its content.
      end: int32 scalar, where the struct ends.
      ok: bool scalar; if False, there are no values: the struct is malformed, goes on behind `data`, or is too large.
    """

    path: Tensor
    value: Tensor
    at: Tensor
    end: Tensor
    ok: Tensor


def path_of(*ids: int) -> int:
    """The number that stands for a path of field ids; an element of a list has the id 0 below its list."""
    path = 0
    for number in ids:
        path = path << _STEP | number
    return path


def read_struct(data: Tensor) -> Tokens:
    """Reads the struct at the beginning of `data`.

    Args:
      data: string scalar; what stands behind the struct does not matter.

    Returns:
      Its tokens.

    Example:
      >>> tokens = read_struct(tf.constant(bytes([0x15, 0x06, 0x18, 2, 97, 98, 0])))
      >>> tokens.value.numpy().tolist(), tokens.at.numpy().tolist(), int(tokens.end)
      ([3, 2], [1, 4], 7)

    Source: the Thrift compact protocol, doc/specs/thrift-compact-protocol.md of Apache Thrift.
    """
    return Tokens(*call(_read, data, static=(0,), now=True))


def _read(data: Tensor, bucket: int) -> tuple[Tensor, ...]:
    """Tries one bucket after another: few structs need more than the first."""
    size = tf.strings.length(data)
    room = BUCKETS[bucket]
    words = words_of(tf.strings.substr(data, 0, room), room + 16)
    found, count, end, ok = program(_walk, words, tf.minimum(size, room))

    def result() -> tuple[Tensor, ...]:
        values = found[: tf.where(ok, count, 0)]
        parts = (values[:, 0], values[:, 1], tf.cast(values[:, 2], tf.int32), end, ok)
        return tuple(map(tf.identity, parts))

    if bucket + 1 == len(BUCKETS):
        return result()
    return tf.cond(ok | (size <= room // _A_VALUE), result, lambda: call(_read, data, static=(bucket + 1,), now=True))


def table(tokens: Tokens, row: Tensor, rows: Tensor, paths: Sequence[Sequence[int]]) -> Tensor:
    """Puts the values of some paths into a table.

    Args:
      tokens: of a struct.
      row: int32 [values], which row each value belongs to; -1 for none.
      rows: int32 scalar, how many there are.
      paths: the columns, as `path_of` takes them; none comes twice in a row.

    Returns:
      int64 [rows, paths]: the values, and -1 where there is none.
    """
    hits = tf.equal(tokens.path[:, None], tf.constant([path_of(*path) for path in paths], tf.int64)) & (row >= 0)[:, None]
    where = tf.where(hits)
    at = tf.stack([tf.cast(tf.gather(row, where[:, 0]), tf.int64), where[:, 1]], 1)
    empty = tf.fill([rows, len(paths)], tf.constant(-1, tf.int64))
    return tf.tensor_scatter_nd_update(empty, at, tf.gather(tokens.value, where[:, 0]))


def member(tokens: Tokens, row: Tensor, rows: Tensor, path: Sequence[int]) -> Tensor:
    """The id of the field that a union at this path has set: int32 [rows], -1 where there is no such union."""
    below = tf.equal(SHR(tokens.path, tf.constant(_STEP, tf.int64)), path_of(*path)) & (row >= 0)
    where = tf.where(below)
    ids = tf.cast(AND(tf.gather(tokens.path, where[:, 0]), _OTHER), tf.int32)
    return tf.tensor_scatter_nd_update(tf.fill([rows], -1), tf.cast(tf.gather(row, where), tf.int32), ids)


def ordinal(tokens: Tokens, *path: int) -> Tensor:
    """How many values of a path stand up to each value, less one: the row that it belongs to, int32 [values]."""
    return tf.cumsum(tf.cast(tf.equal(tokens.path, path_of(*path)), tf.int32)) - 1


class _State(NamedTuple):
    at: Tensor
    depth: Tensor  # -1 once the outermost struct has ended
    # For each depth: the last field id, the elements left (-1 in a struct), their type, the path.
    frames: Tensor
    count: Tensor
    found: Tensor
    ok: Tensor


def _walk(words: Tensor, size: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    most = (words.shape[0] - 2) * 8 // _A_VALUE
    rows = tf.range(_DEPTH, dtype=tf.int64)[:, None]

    def goes_on(s: _State) -> Tensor:
        return s.ok & (s.depth >= 0) & (s.count < most)

    def step(s: _State) -> _State:
        frame = tf.gather(s.frames, s.depth)
        last, left, inner, above = frame[0], frame[1], frame[2], frame[3]
        in_list = left >= 0
        head = byte_at(words, s.at)
        # A field's header holds its type, and how much its id exceeds the last one; 0 there means that the id follows.
        long = ~in_list & (head > 0) & (head < 16)
        number, long_size = _varint(words, s.at + 1)
        number = tf.where(long, _signed(number), last + SHR(head, 4))
        kind = tf.where(in_list, inner, AND(head, 15))
        stops = ~in_list & tf.equal(head, 0)
        ends = stops | tf.equal(left, 0)
        start = s.at + tf.where(in_list, 0, 1) + tf.where(long, long_size, 0)
        ok = (~long | ((number > last) & (number < 2**15))) & (start <= size)  # in the order of ids, as all write them

        is_list, is_struct = (kind >= _LIST) & (kind <= _SET), tf.equal(kind, _STRUCT)
        is_integer, is_binary = (kind >= _I16) & (kind <= _I64), tf.equal(kind, _BINARY)
        is_bool = kind <= _BOOL_FALSE
        first = byte_at(words, start)
        wide = is_list & (first >= 0xF0)
        number_at = start + tf.where(is_list, 1, 0)
        written, written_size = _varint(words, number_at)
        ok &= (kind > 0) & (kind <= _STRUCT) & ~tf.equal(kind, 11) & (written_size <= 10)  # 11 is a map
        length = tf.where(is_list & ~wide, SHR(first, 4), written)
        ok &= ~(is_list | is_binary) | ((length >= 0) & (length <= tf.cast(size, tf.int64)))
        content = number_at + tf.where(is_integer | is_binary | wide, written_size, 0)
        plain = tf.where(is_bool & ~in_list | is_struct, 0, tf.where(tf.equal(kind, _DOUBLE), 8, 1))
        skip = tf.where(is_integer | is_list, 0, tf.where(is_binary, tf.cast(length, tf.int32), plain))
        after = content + skip
        value = tf.where(is_integer, _signed(written), tf.where(is_binary | is_list, length, 0))
        truth = tf.where(in_list, first, tf.cast(kind, tf.int64))
        value = tf.where(is_bool, tf.cast(tf.equal(truth, _BOOL_TRUE), tf.int64), value)
        small = tf.where(first > 127, first - 256, first)
        value = tf.where(tf.equal(kind, _BYTE), small, value)
        value = tf.where(tf.equal(kind, _DOUBLE), tf.bitcast(word_at(words, start), tf.int64), value)
        ok = ends | (ok & (after <= size))

        path = OR(SHL(above, tf.constant(_STEP, tf.int64)), tf.where(in_list, tf.zeros_like(number), tf.minimum(number, _OTHER)))
        opens = ~ends & (is_list | is_struct)
        ok &= ~opens | (s.depth + 1 < _DEPTH)
        depth = s.depth + tf.where(ends, -1, tf.where(opens, 1, 0))
        here = tf.stack([number, tf.where(in_list, left - 1, -1), inner, above])
        frames = tf.where(tf.equal(rows, tf.cast(s.depth, tf.int64)), here, s.frames)
        inside = tf.stack([tf.zeros_like(length), tf.where(is_list, length, -1), AND(first, 15), path])
        below = opens & tf.equal(rows, tf.cast(s.depth, tf.int64) + 1)
        frames = tf.where(below, inside, frames)
        found = s.found.write(s.count, tf.stack([path, value, tf.cast(content, tf.int64)]))
        return _State(
            tf.where(ends, s.at + tf.where(stops, 1, 0), after), depth, frames,
            s.count + tf.where(ends, 0, 1), found, ok,
        )

    root = tf.constant([[0, -1, 0, 0]] * _DEPTH, tf.int64)
    found = tf.TensorArray(tf.int64, most, element_shape=[3])
    state = _State(tf.constant(0), tf.constant(0), root, tf.constant(0), found, tf.constant(True))
    end = _State(*tf.while_loop(lambda *s: goes_on(_State(*s)), lambda *s: tuple(step(_State(*s))), tuple(state)))
    return end.found.stack(), end.count, end.at, end.ok & (end.depth < 0) & (end.at <= size)


def _varint(words: Tensor, at: Tensor) -> tuple[Tensor, Tensor]:
    """A varint of up to ten bytes: int64, and the number of its bytes; more than ten where it is longer."""
    word, more = word_at(words, at), word_at(words, at + 8)
    stops = AND(NOT(word), u64(repeat(0x80)))
    long = tf.equal(stops, u64(0))
    bits = tf.where(long, u64(64), first_bit(tf.where(long, u64(0x80), stops)) + u64(8))  # of the bytes that count
    pairs = AND(word, SHR(u64(repeat(0x7F)), u64(64) - bits))
    pairs = OR(AND(pairs, u64(0x007F007F007F007F)), SHR(AND(pairs, u64(0x7F007F007F007F00)), u64(1)))
    fours = OR(AND(pairs, u64(0x00003FFF00003FFF)), SHR(AND(pairs, u64(0x3FFF00003FFF0000)), u64(2)))
    value = OR(AND(fours, u64(0x0FFFFFFF)), SHR(AND(fours, u64(0x0FFFFFFF00000000)), u64(4)))
    ninth, tenth = AND(more, u64(0x7F)), AND(SHR(more, u64(8)), u64(0xFF))
    nine = tf.equal(AND(more, u64(0x80)), u64(0))
    value = tf.where(long, OR(value, SHL(ninth, u64(56))), value)
    value = tf.where(long & ~nine, OR(value, SHL(tenth, u64(63))), value)
    too_long = ~nine & (tenth > u64(1))
    size = tf.where(long, tf.where(nine, 9, tf.where(too_long, 99, 10)), tf.cast(SHR(bits, u64(3)), tf.int32))
    return tf.bitcast(value, tf.int64), size


def _signed(value: Tensor) -> Tensor:
    """Undoes the zigzag order 0, -1, 1, -2, …"""
    word = tf.bitcast(value, tf.uint64)
    return tf.bitcast(XOR(SHR(word, u64(1)), u64(0) - AND(word, u64(1))), tf.int64)
