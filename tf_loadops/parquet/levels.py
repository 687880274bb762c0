"""Definition levels: which rows of a page have a value."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from tf_loadops.bytesops.swar import AND, SHR
from tf_loadops.compiled import PURE, call
from tf_loadops.parquet.hybrid import read_hybrid, repeats
from tf_loadops.parquet.pages import DATA_V2, Page
from tf_loadops.parquet.values import MISSING, PRESENT, states_of

Tensor = Any

_RLE, _BIT_PACKED = 3, 4  # Encodings


class Levels(NamedTuple):
    """Which rows have a value.

    Attributes:
      complete: bool scalar, whether all do.
      valid: bool [rows] if not complete, else empty.
      present: int32 scalar, how many do.
      behind: int32 scalar, where in the page's body the values begin.
      ok: bool scalar.
    """

    complete: Tensor
    valid: Tensor
    present: Tensor
    behind: Tensor
    ok: Tensor


def read_levels(file: Tensor, page: Page, body: Tensor, definition: Tensor) -> Levels:
    """Reads the definition levels of a data page of a column that is in no list.

    Args:
      file: string scalar, the file: DATA_V2 pages have their levels there, uncompressed.
      page: the page.
      body: string scalar, what is compressed of the page.
      definition: int32 scalar, the level of a value that is there.

    Returns:
      The levels.

    Source: Data.md and Encodings.md of the Parquet format.
    """
    size = tf.strings.length(body)
    is_v2 = tf.equal(page.type, DATA_V2)
    is_packed = ~is_v2 & tf.equal(page.levels, _BIT_PACKED)

    def required() -> Levels:
        return Levels(tf.constant(True), tf.zeros([0], tf.bool), page.values, tf.constant(0), tf.constant(True))

    def runs() -> Levels:
        length = tf.io.decode_raw(tf.strings.substr(body, 0, 4), tf.int32, fixed_length=4)[0]
        fits = is_v2 | ((size >= 4) & (length >= 0) & (length <= size - 4))
        behind = tf.where(fits & ~is_v2, 4 + length, 0)
        apart = tf.strings.substr(file, page.at + page.repetition, page.definition)
        levels = tf.where(is_v2, apart, tf.strings.substr(body, tf.minimum(4, behind), tf.maximum(behind - 4, 0)))
        found = read_runs(levels, page.values, definition)
        return found._replace(behind=behind, ok=found.ok & fits)

    def packed() -> Levels:
        # The deprecated order of bits: the highest of a byte first.
        width = _width(definition)
        length = SHR(page.values * width + 7, 3)
        bytes_ = tf.io.decode_raw(tf.strings.substr(body, 0, length), tf.uint8)
        fits = tf.equal(tf.size(bytes_), length)
        bits = AND(SHR(tf.cast(bytes_, tf.int32)[:, None], tf.range(7, -1, -1)), 1)
        count = tf.where(fits, page.values, 0)
        each = tf.reshape(tf.reshape(bits, [-1])[: count * width], [count, width])
        levels = tf.reduce_sum(each * tf.bitwise.left_shift(1, tf.range(width - 1, -1, -1)), axis=1)
        valid = tf.equal(levels, definition)
        ok = fits & (page.values < 2**27) & tf.reduce_all(levels <= definition)
        return Levels(tf.constant(False), valid, tf.reduce_sum(tf.cast(valid, tf.int32)), length, ok)

    unknown = ~is_v2 & ~tf.equal(page.levels, _RLE) & ~is_packed
    way = tf.where(tf.equal(definition, 0), 0, tf.where(is_packed, 2, 1))
    levels = tf.switch_case(way, [required, runs, packed])
    return levels._replace(ok=levels.ok & ((definition <= 0) | ~unknown))


def read_runs(data: Tensor, count: Tensor, definition: Tensor) -> Levels:
    """Reads levels that are nothing but runs.

    Args:
      data: string scalar, the runs.
      count: int32 scalar, how many levels there are.
      definition: int32 scalar, the level of a value that is there.

    Returns:
      The levels; `behind` is 0.
    """
    return Levels(*call(_runs, data, count, definition, how=PURE))


def _runs(data: Tensor, count: Tensor, definition: Tensor) -> tuple[Tensor, ...]:
    head = tf.io.decode_raw(tf.strings.substr(data, 0, 6), tf.uint8, fixed_length=8)
    size = tf.strings.length(data)
    same, level, taken = (part[0] for part in repeats(head[None], count[None]))
    zero = tf.constant(0)

    def mixed() -> Levels:
        levels, ok = read_hybrid(data, zero, size, _width(definition), count)
        valid = tf.equal(levels, definition)
        ok &= tf.reduce_max(levels) <= definition  # they have few bits, so none is negative
        return Levels(tf.constant(False), valid, tf.reduce_sum(tf.cast(valid, tf.int32)), zero, ok)

    full = Levels(tf.constant(True), tf.zeros([0], tf.bool), count, zero, tf.constant(True))
    return tf.cond(same & (taken <= size) & tf.equal(level, definition), lambda: full, mixed)


def _width(definition: Tensor) -> Tensor:
    """The bits of a level."""
    return tf.reduce_sum(tf.cast(SHR(definition, tf.range(31)) > 0, tf.int32))


def spread(values: Tensor, bad: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Puts values into the rows that have one.

    Args:
      values: [n], one for each True of `valid`.
      bad: bool [n], which of them are out of their dtype's range.
      valid: bool [rows].

    Returns:
      [rows], with zeros, or empty strings, where there is no value; and uint8 [rows]: PRESENT, MISSING or OUT_OF_RANGE.
    """
    at = tf.where(valid, tf.cumsum(tf.cast(valid, tf.int32)) - 1, tf.size(values))
    empty = tf.constant([""]) if values.dtype == tf.string else tf.zeros([1], values.dtype)
    missing = tf.constant(MISSING, tf.uint8)

    def some_bad() -> Tensor:
        return tf.gather(tf.concat([states_of(bad), missing[None]], 0), at)

    def none_bad() -> Tensor:
        return tf.where(valid, tf.constant(PRESENT, tf.uint8), missing)

    states = tf.cond(tf.reduce_any(bad), some_bad, none_bad)
    return tf.gather(tf.concat([values, empty], 0), at), tf.ensure_shape(states, [None])
