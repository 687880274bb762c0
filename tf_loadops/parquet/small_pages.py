"""Small pages, many at once: to read one takes as long as to read thousands of values.

One program walks over the headers in a window. The pages behind them that are as plain as can be (DATA, uncompressed,
PLAIN, of one width, no value missing) are taken together, up to the first that is not, which is left to `chunk`: so
nothing here can be wrong with a page.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from tf_loadops.bytesops.swar import AND, SHR
from tf_loadops.compiled import ON_HOST, call
from tf_loadops.parquet import leaves as k
from tf_loadops.parquet.hybrid import repeats
from tf_loadops.parquet.numbers import to_numbers
from tf_loadops.parquet.thrift import read_headers
from tf_loadops.parquet.values import Column
from tf_loadops.sql.scan_pages import ranges

Tensor = Any

SMALL = 1 << 10
"""Bytes of a page that is small."""

_RLE = 3  # an Encoding


class SmallPages(NamedTuple):
    """Pages that were read together.

    Attributes:
      pages: int32 scalar, how many.
      end: int32 scalar, where the last one ends in the file.
      values: of all of them, of the dtype.
      bad: bool of the same shape, which of them the dtype does not have.
    """

    pages: Tensor
    end: Tensor
    values: Tensor
    bad: Tensor


def read_small_pages(
    file: Tensor, at: Tensor, end: Tensor, rows: Tensor, column: Column, dtype: str
) -> SmallPages:
    """Reads as many pages as go together.

    Args:
      file: string scalar, the whole file.
      at: int32 scalar, where the header of the first begins.
      end: int32 scalar, where the last page of its column chunk ends.
      rows: int32 scalar, how many rows are left of the column chunk.
      column: what they are of, a number or bool that is `values.readable` as the dtype.
      dtype: a dtype of numbers, or bool.

    Returns:
      The pages; none where the first is no such page.

    Source: parquet.thrift, PageHeader; Data.md of the Parquet format.
    """
    return SmallPages(*call(_read, file, at, end, rows, *column, static=(dtype,), how=ON_HOST))


def _read(
    file: Tensor, at: Tensor, end: Tensor, rows: Tensor, kind: Tensor, width: Tensor, scale: Tensor,
    definition: Tensor, dtype: str,
) -> SmallPages:
    headers = read_headers(file, at, end)
    bytes_ = headers.bytes
    page_type, decompressed, size, count, encoding, levels = tf.unstack(headers.fields, axis=1)
    is_bool = tf.equal(kind, k.BOOL)
    plain = tf.equal(page_type, 0) & tf.equal(encoding, 0) & tf.equal(size, decompressed) & (count > 0)
    # The definition levels: their length, and one run of the level of a value that is there.
    head = tf.gather(bytes_, headers.start[:, None] + tf.range(12))
    length = tf.bitcast(head[:, :4], tf.int32)
    same, level, run = repeats(head[:, 4:], count)
    full = (same & tf.equal(level, definition) & (run <= length)) | _ones(head[:, 4:], count, length, definition)
    full &= tf.equal(levels, _RLE) & (length <= size - 4)
    required = tf.equal(definition, 0)
    before = tf.where(required, 0, 4 + tf.where(full, length, 0))
    # Of a page with more values than a window has bits nothing is read.
    count = tf.minimum(count, 8 * tf.size(bytes_))
    needed = tf.where(is_bool, SHR(count + 7, 3), count * width)
    plain &= (required | full) & (needed > 0) & (needed <= size - before)
    plain &= tf.cumsum(tf.cast(count, tf.int64)) <= tf.cast(rows, tf.int64)
    taken = tf.reduce_sum(tf.math.cumprod(tf.cast(plain, tf.int32)))
    start, count, needed = (part[:taken] for part in (headers.start + before, count, needed))

    def bits() -> Tensor:
        _, places = ranges(8 * start, 8 * start + count)
        byte = tf.cast(tf.gather(bytes_, SHR(places, 3)), tf.int32)
        return tf.cast(AND(SHR(byte, AND(places, 7)), 1), tf.uint8)

    def whole() -> Tensor:
        return tf.gather(bytes_, ranges(start, start + needed)[1])

    values, bad = to_numbers(tf.cond(is_bool, bits, whole), kind, width, scale, dtype)
    ends = tf.concat([[at], at + headers.start + size], 0)
    return SmallPages(taken, ends[taken], values, bad)


def _ones(head: Tensor, count: Tensor, length: Tensor, definition: Tensor) -> Tensor:
    """Whether a run of bits, uint8 [n, 8] with its header, holds `count` ones, as some write few of them: bool [n]."""
    head = tf.cast(head, tf.int32)
    places = tf.range(56)
    bits = AND(SHR(tf.gather(head, 1 + places // 8, axis=1), places % 8), 1)
    ones = tf.reduce_all(tf.equal(bits, 1) | (places >= count[:, None]), axis=1)
    first = head[:, 0]
    groups = SHR(first, 1)
    fits = (first < 128) & tf.equal(AND(first, 1), 1) & (count <= 8 * groups) & (groups < length) & (count <= 56)
    return tf.equal(definition, 1) & ones & fits
