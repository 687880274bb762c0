"""Many small pages at once: PLAIN, uncompressed, without a missing value.

One program walks over the headers in a window of the file, and the values behind them are gathered. It stops before the
first page that is different, which is left to the caller: so nothing here can be wrong with a page.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tf_loadops.bytesops.swar import AND, SHR
from tf_loadops.compiled import PURE, call
from tf_loadops.parquet import leaves as k
from tf_loadops.parquet.alike import Pages, first_good, leading_levels
from tf_loadops.parquet.numbers import to_numbers
from tf_loadops.parquet.thrift import SPARE, read_headers
from tf_loadops.parquet.values import Column, states_of
from tf_loadops.sql.scan_pages import ranges

Tensor = Any

SMALL = 1 << 10
"""Bytes of a page that is small."""


def read_small(file: Tensor, at: Tensor, end: Tensor, rows: Tensor, column: Column, dtype: str) -> Pages:
    """Reads uncompressed pages that lie in a window.

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
    return Pages(*call(_small, file, at, end, rows, *column, static=(dtype,), how=PURE))


def _small(
    file: Tensor, at: Tensor, end: Tensor, rows: Tensor, kind: Tensor, width: Tensor, scale: Tensor,
    definition: Tensor, dtype: str,
) -> Pages:
    headers = read_headers(file, at, end, 2**31 - 1)
    bytes_ = headers.bytes
    page_type, decompressed, size, count, encoding, levels = tf.unstack(headers.fields, axis=1)
    is_bool = tf.equal(kind, k.BOOL)
    plain = tf.equal(page_type, 0) & tf.equal(encoding, 0) & tf.equal(size, decompressed) & (count > 0)
    plain &= headers.start + size <= tf.size(bytes_) - SPARE
    # Of a page with more values than a window has bits nothing is read.
    count = tf.minimum(count, 8 * tf.size(bytes_))
    plain &= tf.cumsum(tf.cast(count, tf.int64)) <= tf.cast(rows, tf.int64)
    head = tf.gather(bytes_, headers.start[:, None] + tf.range(12))
    before, _, full = leading_levels(head, size, count, levels, definition)
    needed = tf.where(is_bool, SHR(count + 7, 3), count * width)
    plain &= full & (needed > 0) & (needed <= size - before)
    taken = first_good(plain)
    start, count, needed = (part[:taken] for part in (headers.start + before, count, needed))

    def bits() -> Tensor:
        _, places = ranges(8 * start, 8 * start + count)
        byte = tf.cast(tf.gather(bytes_, SHR(places, 3)), tf.int32)
        return tf.cast(AND(SHR(byte, AND(places, 7)), 1), tf.uint8)

    def whole() -> Tensor:
        return tf.gather(bytes_, ranges(start, start + needed)[1])

    values, bad = to_numbers(tf.ensure_shape(tf.cond(is_bool, bits, whole), [None]), kind, width, scale, dtype)
    ends = tf.concat([[at], at + headers.start + size], 0)
    paid = (taken > 1) & (8 * taken >= tf.size(headers.start))
    return Pages(taken, ends[taken], values, states_of(bad), paid)
