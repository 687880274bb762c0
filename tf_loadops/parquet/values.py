"""The values of a page, whatever their encoding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from tf_loadops.bytesops.strings import to_strings
from tf_loadops.bytesops.swar import AND, SHR
from tf_loadops.compiled import PURE, call
from tf_loadops.parquet import leaves as k
from tf_loadops.parquet.byte_arrays import plain_byte_arrays
from tf_loadops.parquet.delta import delta_binary_packed
from tf_loadops.parquet.delta_strings import delta_byte_array, delta_length_byte_array
from tf_loadops.parquet.hybrid import read_hybrid, read_indices
from tf_loadops.parquet.numbers import to_numbers
from tf_loadops.parquet.room import lengths, there_is_for_texts

Tensor = Any

# What a row has.
PRESENT, MISSING, OUT_OF_RANGE = range(3)
PLAIN, DICTIONARY, RLE, DELTA, DELTA_LENGTHS, DELTA_TEXTS, SPLIT = range(7)
UNKNOWN = 7
ENCODINGS = {0: PLAIN, 2: DICTIONARY, 3: RLE, 5: DELTA, 6: DELTA_LENGTHS, 7: DELTA_TEXTS, 8: DICTIONARY, 9: SPLIT}
"""From the format's Encoding to one of the above."""
DICTIONARIES = tuple(code for code, encoding in ENCODINGS.items() if encoding == DICTIONARY)
"""The format's Encodings of indices."""

_INTEGERS = (k.INT32, k.UINT32, k.INT64, k.UINT64, k.DECIMAL32, k.DECIMAL64)
WIDEST_DECIMAL = 16
"""Bytes of a decimal of 38 digits."""


class Column(NamedTuple):
    """What all pages of a column chunk have in common; int32 scalars.

    Attributes:
      kind: one of `leaves.KINDS`.
      width: bytes of a value, 0 where each has its own.
      scale: a decimal's digits behind the point.
      definition: the definition level of a value that is there.
    """

    kind: Tensor
    width: Tensor
    scale: Tensor
    definition: Tensor


class Values(NamedTuple):
    """Values one after another, without the missing ones.

    Attributes:
      values: [n] of a dtype.
      bad: bool [n], which of them the dtype does not have.
      ok: bool scalar, whether they could be read at all; if not there are none, and what follows has to bear that.
    """

    values: Tensor
    bad: Tensor
    ok: Tensor


def readable(column: Column, dtypes: Sequence[str]) -> Tensor:
    """Which columns can be read as the dtypes, one for each: bool [columns]."""
    is_text, is_bool = column.kind >= k.TEXT, tf.equal(column.kind, k.BOOL)
    is_number = ~is_text & (column.kind >= 0) & (column.width <= WIDEST_DECIMAL)
    to_text, to_bool = (tf.constant([dtype == wanted for dtype in dtypes]) for wanted in ("string", "bool"))
    return tf.where(to_text, is_text, tf.where(to_bool, is_bool, is_number))


def states_of(bad: Tensor) -> Tensor:
    """What rows have that all have a value: uint8, PRESENT or, where that is bad, OUT_OF_RANGE."""
    return tf.cast(bad, tf.uint8) * OUT_OF_RANGE  # PRESENT is 0; choosing between the two takes four times as long


def no_values(dtype: str) -> Values:
    """An empty dictionary."""
    return Values(tf.zeros([0], dtype), tf.zeros([0], tf.bool), tf.constant(False))


def read_values(
    body: Tensor, at: Tensor, count: Tensor, encoding: Tensor, column: Column, dictionary: Values, dtype: str
) -> tuple[Values, Tensor]:
    """Reads the values of a page.

    Args:
      body: string scalar, the page decompressed.
      at: int32 scalar, where in it the values begin.
      count: int32 scalar, how many there are.
      encoding: int32 scalar, one of this module's.
      column: what the page is of, `readable` as the dtype.
      dictionary: the column chunk's.
      dtype: the dtype.

    Returns:
      The values, and a bool scalar, whether there is memory for them: if not there are none, which are ok.

    Source: Encodings.md of the Parquet format.
    """
    tensors = (body, at, count, encoding, *column, *dictionary)
    return call(_read, *tensors, static=(dtype,), how=PURE)


def _read(
    body: Tensor, at: Tensor, count: Tensor, encoding: Tensor, kind: Tensor, width: Tensor, scale: Tensor,
    definition: Tensor, entries: Tensor, bad: Tensor, has_entries: Tensor, dtype: str,
) -> tuple[Values, Tensor]:
    column, dictionary = Column(kind, width, scale, definition), Values(entries, bad, has_entries)

    def indexed() -> tuple[Values, Tensor]:
        index, ok = read_indices(body, at, count, tf.size(dictionary.values))
        ok &= dictionary.ok | tf.equal(count, 0)
        index = index[: tf.where(ok, count, 0)]
        room = tf.constant(True)
        if dtype == "string":  # of which one may be long, and a few bytes stand for any number of indices
            room = there_is_for_texts(tf.reduce_sum(tf.gather(lengths(dictionary.values), index)))
            index = index[: tf.where(room, tf.size(index), 0)]
        return Values(tf.gather(dictionary.values, index), tf.gather(dictionary.bad, index), ok), room

    def itself() -> tuple[Values, Tensor]:
        read = _texts if dtype == "string" else _numbers
        return read(body, at, count, encoding, column, dtype), tf.constant(True)

    return tf.cond(tf.equal(encoding, DICTIONARY), indexed, itself)


def _numbers(body: Tensor, at: Tensor, count: Tensor, encoding: Tensor, column: Column, dtype: str) -> Values:
    kind, width = column.kind, column.width
    is_bool, is_integer = tf.equal(kind, k.BOOL), _is_one_of(kind, _INTEGERS)
    is_varying = tf.equal(kind, k.DECIMAL) & tf.equal(width, 0)

    def plain() -> tuple[Tensor, Tensor]:
        return _bytes(body, at, count, width)

    def bits() -> tuple[Tensor, Tensor]:
        packed, ok = _bytes(body, at, SHR(count + 7, 3), 1)
        each = AND(SHR(tf.cast(packed, tf.int32)[:, None], tf.range(8)), 1)
        return tf.cast(tf.reshape(each, [-1])[: tf.where(ok, count, 0)], tf.uint8), ok

    def runs() -> tuple[Tensor, Tensor]:
        length = tf.io.decode_raw(tf.strings.substr(body, at, 4), tf.int32, fixed_length=4)[0]
        start = at + 4
        fits = (start <= tf.strings.length(body)) & (length >= 0) & (length <= tf.strings.length(body) - start)
        start = tf.where(fits, start, 0)
        found, ok = read_hybrid(body, start, start + tf.where(fits, length, 0), tf.constant(1), count)
        return tf.cast(found, tf.uint8), ok & (fits | tf.equal(count, 0))

    def deltas() -> tuple[Tensor, Tensor]:
        found, _, ok = delta_binary_packed(_from(body, at), count)
        narrow = lambda: tf.reshape(tf.bitcast(tf.cast(found, tf.int32), tf.uint8), [-1])  # noqa: E731
        wide = lambda: tf.reshape(tf.bitcast(found, tf.uint8), [-1])  # noqa: E731
        return tf.cond(tf.equal(width, 4), narrow, wide), ok

    def split() -> tuple[Tensor, Tensor]:
        return _unsplit(body, at, count, width)

    def texts() -> tuple[Tensor, Tensor]:
        found, ok = _varying(body, at, count, encoding)
        lengths = tf.strings.length(found)
        fits = tf.where(is_varying, (lengths >= 1) & (lengths <= WIDEST_DECIMAL), tf.equal(lengths, width))
        joined = lambda: tf.io.decode_raw(tf.strings.reduce_join(found), tf.uint8)  # noqa: E731
        raw = tf.cond(is_varying, lambda: _right_aligned(found, lengths), joined)
        return tf.ensure_shape(raw, [None]), ok & tf.reduce_all(fits)

    none = lambda: (tf.zeros([0], tf.uint8), tf.constant(False))  # noqa: E731
    ways = [plain, bits, runs, deltas, split, texts, none]
    plain_way = tf.where(is_bool, 1, tf.where(is_varying, 5, 0))
    way = tf.where(tf.equal(encoding, PLAIN), plain_way, len(ways) - 1)
    way = tf.where(tf.equal(encoding, RLE) & is_bool, 2, way)
    way = tf.where(tf.equal(encoding, DELTA) & is_integer, 3, way)
    way = tf.where(tf.equal(encoding, SPLIT) & ~is_bool & ~is_varying, 4, way)
    way = tf.where(tf.equal(encoding, DELTA_LENGTHS) & is_varying, 5, way)
    way = tf.where(tf.equal(encoding, DELTA_TEXTS) & _is_one_of(kind, (k.DECIMAL, k.HALF)), 5, way)
    raw, ok = tf.switch_case(way, ways)
    # Of values that could not be read there are none, of any width.
    width = tf.where(ok, tf.where(is_varying, WIDEST_DECIMAL, width), 1)
    raw = tf.ensure_shape(raw, [None])[: tf.where(ok, tf.size(raw), 0)]
    values, bad = to_numbers(raw, tf.maximum(kind, 0), width, column.scale, dtype)
    return Values(values, bad, ok)


def _texts(body: Tensor, at: Tensor, count: Tensor, encoding: Tensor, column: Column, dtype: str) -> Values:
    del dtype
    is_fixed = tf.equal(column.kind, k.FIXED)

    def cut(read: Any) -> Any:
        def run() -> tuple[Tensor, Tensor]:
            raw, ok = read(body, at, count, column.width)
            return to_strings(raw, tf.fill([tf.where(ok, count, 0)], column.width)), ok

        return run

    def varying() -> tuple[Tensor, Tensor]:
        found, ok = _varying(body, at, count, encoding)
        fits = ~is_fixed | tf.reduce_all(tf.equal(tf.strings.length(found), column.width))
        return found, ok & fits

    none = lambda: (tf.zeros([0], tf.string), tf.constant(False))  # noqa: E731
    way = tf.where(tf.equal(encoding, PLAIN), tf.where(is_fixed, 0, 2), 3)
    way = tf.where(tf.equal(encoding, SPLIT) & is_fixed, 1, way)
    way = tf.where(tf.equal(encoding, DELTA_LENGTHS) & ~is_fixed, 2, way)
    way = tf.where(tf.equal(encoding, DELTA_TEXTS), 2, way)
    values, ok = tf.switch_case(way, [cut(_bytes), cut(_unsplit), varying, none])
    values = tf.ensure_shape(values, [None])[: tf.where(ok, count, 0)]
    return Values(values, tf.zeros_like(values, tf.bool), ok)


def _varying(body: Tensor, at: Tensor, count: Tensor, encoding: Tensor) -> tuple[Tensor, Tensor]:
    """Byte arrays, each of its own length."""
    data = _from(body, at)
    ways = [
        lambda: plain_byte_arrays(data, count),
        lambda: delta_length_byte_array(data, count),
        lambda: delta_byte_array(data, count),
    ]
    way = tf.where(tf.equal(encoding, DELTA_LENGTHS), 1, tf.where(tf.equal(encoding, DELTA_TEXTS), 2, 0))
    found, ok = tf.switch_case(way, ways)
    return tf.ensure_shape(found, [None]), ok


def _from(body: Tensor, at: Tensor) -> Tensor:
    size = tf.strings.length(body)
    return tf.strings.substr(body, tf.minimum(at, size), tf.maximum(size - at, 0))


def _bytes(body: Tensor, at: Tensor, count: Tensor, width: Any) -> tuple[Tensor, Tensor]:
    """`count` values of `width` bytes: uint8 [count * width], empty if there are fewer."""
    size = tf.cast(count, tf.int64) * tf.cast(width, tf.int64)
    ok = (width >= 0) & (size <= tf.cast(tf.strings.length(body) - at, tf.int64))
    size = tf.where(ok, tf.cast(size, tf.int32), 0)
    at = tf.where(ok, at, 0)
    return tf.io.decode_raw(tf.strings.substr(body, at, size), tf.uint8), ok


def _unsplit(body: Tensor, at: Tensor, count: Tensor, width: Tensor) -> tuple[Tensor, Tensor]:
    """Values whose first bytes come all first, then all second ones."""
    raw, ok = _bytes(body, at, count, width)
    streams = tf.reshape(raw, [tf.where(ok, width, 0), tf.where(ok, count, 0)])
    return tf.reshape(tf.transpose(streams), [-1]), ok


def _right_aligned(texts: Tensor, lengths: Tensor) -> Tensor:
    """Big-endian numbers as sixteen bytes each: uint8 [n * 16]."""
    left = tf.cast(tf.io.decode_raw(texts, tf.uint8, fixed_length=WIDEST_DECIMAL), tf.int32)
    shift = WIDEST_DECIMAL - tf.minimum(lengths, WIDEST_DECIMAL)
    index = tf.range(WIDEST_DECIMAL)[None] - shift[:, None]
    sign = tf.where(left[:, :1] >= 128, 255, 0)
    moved = tf.gather(left, tf.maximum(index, 0), axis=1, batch_dims=1)
    return tf.reshape(tf.cast(tf.where(index >= 0, moved, sign), tf.uint8), [-1])


def _is_one_of(kind: Tensor, kinds: tuple[int, ...]) -> Tensor:
    return tf.reduce_any(tf.equal(kind[..., None], tf.constant(kinds)), axis=-1)
