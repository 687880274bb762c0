"""A struct of Thrift's compact protocol as a flat list of its values, each with the path of field ids that leads to it.

One compiled loop reads a value a step: what a byte means depends on all that stand before it, and a loop of scalars is
what XLA makes fastest. What the values mean is looked up afterwards, for all of them at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from tf_loadops.bytesops.littleendian import word_at
from tf_loadops.bytesops.swar import AND, NOT, OR, SHL, SHR, XOR, first_bit, repeat, u64
from tf_loadops.compiled import PURE, call, program

Tensor = Any

WINDOW = 8 << 10
"""Bytes of a struct that is read without compiling another program; page headers and small footers have fewer."""

_LARGER = (512 << 10, 64 << 20)  # what longer structs are padded to, so that few shapes are compiled
_PAGES = 8 << 10  # bytes in which headers are read at once
_A_PAGE = 16  # bytes of a page and its header, as few as there are
_A_VALUE = 4  # bytes of a struct for which there is room for one value
_DEPTH = 16  # of structs and lists in each other; Parquet's own have 9
_STEP = 6  # bits of a path that a field id takes
_OTHER = 2**_STEP - 1  # stands for all ids from here on, none of which Parquet has
SPARE = 16
"""Bytes behind the last one that are read, zeros."""
_TRUE, _FALSE, _BYTE, _I16, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = 1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12
_NO_INTEGER = 2**63 - 1  # stands for those of nine bytes and more


class Tokens(NamedTuple):
    """The values of a struct, in the order of the text.

    Attributes:
      path: int64 [values], what `path_of` gives for the value's field ids.
      value: int64 [values]: an integer, a bool as 0 or 1, the length of a binary, the size of a list, else 0.
      at: int32 [values], where its content begins: a binary's bytes, what a list or struct holds; an integer's end.
      end: int32 scalar, where the struct ends.
      ok: bool scalar; if False, there are no values: the struct is malformed, goes on behind `data`, or is too large.
      watched: int64 [WATCHED], the last value of each of these paths, -1 where there is none.
    """

    path: Tensor
    value: Tensor
    at: Tensor
    end: Tensor
    ok: Tensor
    watched: Tensor


def path_of(*ids: int) -> int:
    """The number that stands for a path of field ids; an element of a list has the id 0 below its list."""
    path = 0
    for number in ids:
        path = path << _STEP | number
    return path


# The fields of a PageHeader that are read. Footers need none of them, but one program serves both.
WATCHED = (
    (1,), (2,), (3,), (5, 1), (5, 2), (5, 3), (7, 1), (7, 2), (8, 1), (8, 4), (8, 5), (8, 6), (8, 7),
)


def read_struct(data: Tensor) -> Tokens:
    """Reads the struct at the beginning of `data`.

    Args:
      data: string scalar; what stands behind the struct does not matter.

    Returns:
      Its tokens.

    Example:
      >>> tokens = read_struct(tf.constant(bytes([0x15, 0x06, 0x18, 2, 97, 98, 0])))
      >>> tokens.value.numpy().tolist(), tokens.at.numpy().tolist(), int(tokens.end)
      ([3, 2], [2, 4], 7)

    Source: the Thrift compact protocol, doc/specs/thrift-compact-protocol.md of Apache Thrift.
    """
    return Tokens(*call(_read, data, how=PURE))


class Headers(NamedTuple):
    """The headers of pages that lie whole in a window, up to the first that is malformed.

    Attributes:
      bytes: uint8, the window, and some zeros behind it; of the last page some may lie behind it.
      start: int32 [pages], where in it a page begins, behind its header.
      fields: int32 [pages, 6], of each PageHeader the type, the uncompressed and the compressed size, and of its
        DataPageHeader the number of values, the encoding and that of the definition levels.
    """

    bytes: Tensor
    start: Tensor
    fields: Tensor


def read_headers(file: Tensor, at: Tensor, end: Tensor, most: Any) -> Headers:
    """Reads the headers of pages that follow one another, each in its column chunk.

    Args:
      file: string scalar.
      at: int32 scalar, where the first header begins.
      end: int32 scalar, where the last page of the column chunk ends.
      most: int32 scalar, how many at most.

    Returns:
      The headers.
    """
    size = tf.minimum(_PAGES, end - at)
    piece = tf.strings.substr(file, at, size)
    padded = tf.ensure_shape(tf.io.decode_raw(piece, tf.uint8, fixed_length=_PAGES + SPARE), [_PAGES + SPARE])
    found, count = program(_walk_pages, _words(padded), size, end - at, tf.constant(most))
    found = found[:count]
    return Headers(padded, found[:, 0], found[:, 1:])


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
    wanted = tf.constant([path_of(*path) for path in paths], tf.int64)
    where = tf.where(tf.equal(tokens.path[:, None], wanted) & (row >= 0)[:, None])
    at = tf.stack([tf.cast(tf.gather(row, where[:, 0]), tf.int64), where[:, 1]], 1)
    empty = tf.fill([rows, len(paths)], tf.constant(-1, tf.int64))
    return tf.tensor_scatter_nd_update(empty, at, tf.gather(tokens.value, where[:, 0]))


def member(tokens: Tokens, row: Tensor, rows: Tensor, path: Sequence[int]) -> Tensor:
    """The id of the field that a union at this path has set: int32 [rows], -1 where there is no such union."""
    below = tf.equal(SHR(tokens.path, tf.constant(_STEP, tf.int64)), path_of(*path)) & (row >= 0)
    where = tf.where(below)
    ids = tf.cast(AND(tf.gather(tokens.path, where[:, 0]), 2**_STEP - 1), tf.int32)
    return tf.tensor_scatter_nd_update(tf.fill([rows], -1), tf.gather(row, where), ids)


def ordinal(tokens: Tokens, *path: int) -> Tensor:
    """How many values of a path stand up to each value, less one: the row that it belongs to, int32 [values]."""
    return tf.cumsum(tf.cast(tf.equal(tokens.path, path_of(*path)), tf.int32)) - 1


def _read(data: Tensor) -> tuple[Tensor, ...]:
    size = tf.strings.length(data)

    def attempt(room: Tensor) -> tuple[Tensor, ...]:
        padded = tf.io.decode_raw(tf.strings.substr(data, 0, room), tf.uint8, fixed_length=room + SPARE)
        found, count, end, ok, watched = program(_walk, _words(padded), tf.minimum(size, room))
        return tf.ensure_shape(found, [None, 3]), count, end, ok, watched

    def longer() -> tuple[Tensor, ...]:
        return attempt(tf.where(size <= _LARGER[0] // 2, *_LARGER))

    first = attempt(WINDOW + 0 * size)  # of a length that the graph does not know, so that one graph serves all
    # Few are longer; one that fits and is wrong would be as wrong in a larger buffer, unless it has very many values.
    found, count, end, ok, watched = tf.cond(first[3] | (size <= WINDOW // _A_VALUE), lambda: first, longer)
    values = found[: tf.where(ok, count, 0)]
    return values[:, 0], values[:, 1], tf.cast(values[:, 2], tf.int32), end, ok, watched


class _State(NamedTuple):
    at: Tensor
    depth: Tensor  # -1 once the outermost struct has ended
    # For each depth: the last field id, the elements left (-1 in a struct), their type, the path.
    frames: Tensor
    count: Tensor
    found: Tensor
    watched: Tensor
    ok: Tensor


def _words(data: Tensor) -> Tensor:
    """Bytes as words, the first one lowest."""
    return tf.bitcast(tf.reshape(data, [-1, 8]), tf.uint64)


def _walk(words: Tensor, size: Tensor) -> tuple[Tensor, ...]:
    most = (8 * tf.size(words) - SPARE) // _A_VALUE
    found = tf.TensorArray(tf.int64, most, element_shape=[3])
    end = _walk_struct(words, size, tf.constant(0), most, found)
    return end.found.stack(), end.count, end.at, end.ok, end.watched


def _walk_pages(words: Tensor, size: Tensor, left: Tensor, most: Tensor) -> tuple[Tensor, Tensor]:
    """Where pages begin and what their headers say, int32 [room, 7], and the number of pages."""
    room = 8 * tf.size(words) // _A_PAGE
    most = tf.minimum(most, room)

    def body(at: Tensor, count: Tensor, pages: Any, ok: Tensor) -> Any:
        header = _walk_struct(words, size, at, _PAGES, None)
        fields = header.watched[:6]
        in_range = tf.reduce_all((fields >= -1) & (fields < 2**31))
        fields = tf.cast(tf.where(in_range, fields, -1), tf.int32)
        length = fields[2]
        ok = header.ok & in_range & (length >= 0) & (length <= left - header.at)
        pages = pages.write(count, tf.concat([header.at[None], fields], 0))
        return header.at + tf.where(ok, length, 0), count + tf.where(ok, 1, 0), pages, ok

    pages = tf.TensorArray(tf.int32, room, element_shape=[7])
    state = (tf.constant(0), tf.constant(0), pages, tf.constant(True))
    _, count, pages, _ = tf.while_loop(
        lambda at, count, _, ok: ok & (at < size) & (count < most), body, state, parallel_iterations=1
    )
    return pages.stack(), count


def _walk_struct(words: Tensor, size: Tensor, begin: Tensor, most: Any, found: Any) -> _State:
    """Where the walk over a struct ends, after at most so many values, which are kept if there is an array for them."""
    depths = tf.range(_DEPTH)[:, None]
    paths = tf.constant([path_of(*path) for path in WATCHED], tf.int64)

    def goes_on(s: _State) -> Tensor:
        return s.ok & (s.depth >= 0) & (s.count < most)

    def step(s: _State) -> _State:
        last_id, left, inner, above = tf.unstack(tf.gather(s.frames, s.depth))
        in_list = left >= 0
        # A field's header holds its type, and how much its id exceeds the last one; if that is 0, the id follows.
        head = word_at(words, s.at)
        first = tf.bitcast(AND(head, u64(255)), tf.int64)
        long = ~in_list & (first > 0) & (first < 16)
        spelled, width = _varint(SHR(head, u64(8)), u64(0))
        number = tf.where(long, SHR(spelled, _c(1)), last_id + SHR(first, _c(4)))
        stops = ~in_list & tf.equal(first, 0)
        ends = stops | tf.equal(left, 0)
        kind = tf.where(in_list, inner, AND(first, 15))
        start = s.at + tf.where(in_list, 0, tf.where(long, 1 + width, 1))
        # Ids are 16-bit and, as written by all, rise; in the zigzag order positive ones are even.
        ok = ~long | ((width <= 3) & tf.equal(AND(spelled, 1), 0) & (number > last_id))

        is_list, is_struct = tf.equal(kind, _LIST) | tf.equal(kind, _SET), tf.equal(kind, _STRUCT)
        is_integer, is_binary = (kind >= _I16) & (kind <= _I64), tf.equal(kind, _BINARY)
        is_bool = kind <= _FALSE
        body = word_at(words, start)
        byte = tf.bitcast(AND(body, u64(255)), tf.int64)
        wide = is_list & (byte >= 0xF0)
        written, length = _varint(tf.where(is_list, SHR(body, u64(8)), body), word_at(words, start + 8))
        many = tf.where(is_list & ~wide, SHR(byte, _c(4)), written)
        counted = is_list | is_binary
        ok &= (kind > 0) & (kind <= _STRUCT) & ~tf.equal(kind, _MAP) & (~is_integer | (length <= 10))
        ok &= ~counted | ((many >= 0) & (many <= tf.cast(size, tf.int64)) & (length <= 7))
        content = start + tf.where(is_list, 1, 0) + tf.where(is_integer | is_binary | wide, length, 0)
        nothing = is_struct | is_list | is_integer | (is_bool & ~in_list)
        fixed = tf.where(nothing, 0, tf.where(tf.equal(kind, _DOUBLE), 8, 1))
        after = content + tf.where(is_binary, tf.cast(many, tf.int32), fixed)
        signed = tf.where(length > 8, _c(_NO_INTEGER), XOR(SHR(written, _c(1)), -AND(written, 1)))
        truth = tf.where(in_list, byte, kind)
        value = tf.where(is_integer, signed, tf.where(counted, many, tf.where(is_bool, truth, byte)))
        value = tf.where(is_bool, tf.cast(tf.equal(truth, _TRUE), tf.int64), tf.where(is_struct, _c(0), value))
        ok = ends | (ok & (after <= size))

        path = OR(SHL(above, _c(_STEP)), tf.where(in_list, _c(0), tf.minimum(number, _OTHER)))
        opens = ~ends & (is_list | is_struct)
        ok &= ~opens | (s.depth + 1 < _DEPTH)
        here = tf.stack([number, tf.where(in_list, left - 1, left), inner, above])
        inside = tf.stack([_c(0), tf.where(is_list, many, _c(-1)), AND(byte, 15), path])
        frames = tf.where(tf.equal(depths, s.depth), here, s.frames)
        frames = tf.where(opens & tf.equal(depths, s.depth + 1), inside, frames)
        return _State(
            tf.where(ends, s.at + tf.where(stops, 1, 0), after),
            s.depth + tf.where(ends, -1, tf.where(opens, 1, 0)),
            frames,
            s.count + tf.where(ends, 0, 1),
            () if found is None else s.found.write(s.count, tf.stack([path, value, tf.cast(content, tf.int64)])),
            tf.where(tf.equal(paths, path) & ~ends, value, s.watched),
            ok,
        )

    root = tf.constant([[0, -1, 0, 0]] * _DEPTH, tf.int64)
    watched = tf.fill([len(WATCHED)], _c(-1))
    zero = tf.constant(0)
    state = (begin, zero, root, zero, () if found is None else found, watched, tf.constant(True))
    end = _State(*tf.while_loop(lambda *s: goes_on(_State(*s)), lambda *s: tuple(step(_State(*s))), state))
    return end._replace(ok=end.ok & (end.depth < 0) & (end.at <= size))


def _c(value: int) -> Tensor:
    return tf.constant(value, tf.int64)


def _varint(word: Tensor, more: Tensor) -> tuple[Tensor, Tensor]:
    """A varint: int64, of up to eight bytes, and the number of its bytes; more than ten where it is longer."""
    stops = AND(NOT(word), u64(repeat(0x80)))
    long = tf.equal(stops, u64(0))
    bits = first_bit(OR(stops, tf.where(long, u64(2**63), u64(0)))) + u64(8)  # of the bytes that count
    pairs = AND(word, SHR(u64(repeat(0x7F)), u64(64) - bits))
    pairs = OR(AND(pairs, u64(0x007F007F007F007F)), SHR(AND(pairs, u64(0x7F007F007F007F00)), u64(1)))
    fours = OR(AND(pairs, u64(0x00003FFF00003FFF)), SHR(AND(pairs, u64(0x3FFF00003FFF0000)), u64(2)))
    value = OR(AND(fours, u64(0x0FFFFFFF)), SHR(AND(fours, u64(0x0FFFFFFF00000000)), u64(4)))
    goes_on = [tf.not_equal(AND(more, u64(bit)), u64(0)) for bit in (0x80, 0x8000)]
    behind = 9 + tf.cast(goes_on[0], tf.int32) + tf.cast(goes_on[0] & goes_on[1], tf.int32)
    return tf.bitcast(value, tf.int64), tf.where(long, behind, tf.cast(SHR(bits, u64(3)), tf.int32))
