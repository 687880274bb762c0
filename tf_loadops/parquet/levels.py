"""Definition levels: which rows of a page have a value."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from tf_loadops.bytesops.swar import AND, SHR
from tf_loadops.parquet.hybrid import read_hybrid, repeats
from tf_loadops.parquet.pages import DATA_V2, Page

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
    width = tf.reduce_sum(tf.cast(SHR(definition, tf.range(31)) > 0, tf.int32))

    def required() -> Levels:
        return Levels(tf.constant(True), tf.zeros([0], tf.bool), page.values, tf.constant(0), tf.constant(True))

    def second() -> Levels:
        levels = tf.strings.substr(file, page.at + page.repetition, page.definition)
        return _hybrid(levels, tf.constant(0), page.definition, tf.constant(0))

    def first() -> Levels:
        length = tf.io.decode_raw(tf.strings.substr(body, 0, 4), tf.int32, fixed_length=4)[0]
        fits = (size >= 4) & (length >= 0) & (length <= size - 4)
        end = tf.where(fits, 4 + length, 0)
        found = _hybrid(body, tf.minimum(4, end), end, end)
        return found._replace(ok=found.ok & fits)

    def _hybrid(data: Tensor, at: Tensor, end: Tensor, behind: Tensor) -> Levels:
        head = tf.io.decode_raw(tf.strings.substr(data, at, 6), tf.uint8, fixed_length=8)
        same, level, taken = (part[0] for part in repeats(head[None], page.values[None]))
        same &= at + taken <= end

        def mixed() -> Levels:
            levels, ok = read_hybrid(data, at, end, width, page.values)
            valid = tf.equal(levels, definition)
            ok &= tf.reduce_all((levels >= 0) & (levels <= definition))
            return Levels(tf.constant(False), valid, tf.reduce_sum(tf.cast(valid, tf.int32)), behind, ok)

        full = Levels(tf.constant(True), tf.zeros([0], tf.bool), page.values, behind, tf.constant(True))
        return tf.cond(same & tf.equal(level, definition), lambda: full, mixed)

    def packed() -> Levels:
        # The deprecated order of bits: the highest of a byte first.
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

    unknown = ~is_v2 & ~tf.equal(page.levels, _RLE) & ~tf.equal(page.levels, _BIT_PACKED)
    way = tf.where(tf.equal(definition, 0), 0, tf.where(is_v2, 1, tf.where(tf.equal(page.levels, _BIT_PACKED), 3, 2)))
    ways = [required, second, first, packed]
    levels = tf.switch_case(way, ways)
    return levels._replace(ok=levels.ok & ((definition <= 0) | ~unknown))


def spread(values: Tensor, valid: Tensor, empty: Tensor) -> Tensor:
    """Puts the values of the rows that have one where these are, and `empty`, a scalar, everywhere else."""
    at = tf.cumsum(tf.cast(valid, tf.int32)) - 1
    full = tf.concat([values, empty[None]], 0)
    return tf.gather(full, tf.where(valid, at, tf.size(values)))
