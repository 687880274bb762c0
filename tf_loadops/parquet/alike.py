"""Pages that follow one another and are alike, many at once: what is done for a page takes longer than its values.

They are as plain as can be: DATA, PLAIN, of one width, no value missing. Where pages are small, one program walks over
the headers in a window, and the values behind them are gathered. Where they are not, a loop takes page after page out
of the file, and what then remains to be done is done for all of them. Both stop before the first page that is
different, which is left to `chunk`: so nothing here can be wrong with a page.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from tf_loadops.bytesops.swar import AND, SHR
from tf_loadops.compiled import ON_HOST, call
from tf_loadops.parquet import leaves as k
from tf_loadops.parquet.codecs import decompress_all
from tf_loadops.parquet.hybrid import repeats
from tf_loadops.parquet.numbers import to_numbers
from tf_loadops.parquet.thrift import SPARE, read_headers
from tf_loadops.parquet.values import Column
from tf_loadops.sql.scan_pages import ranges

Tensor = Any

SMALL = 1 << 10
"""Bytes of a page that is small."""

_RUN = 16 << 20  # bytes, decompressed, that are taken out of the file at once
MOST = 1000
"""Pages that are at most; small ones may follow, which are better read in windows."""
_RLE = 3  # an Encoding


class Pages(NamedTuple):
    """Pages that were read together.

    Attributes:
      count: int32 scalar, how many.
      end: int32 scalar, where the last one ends in the file.
      values: of all of them, of the dtype.
      bad: bool of the same shape, which of them the dtype does not have.
      paid: bool scalar, whether it was worth looking at them together.
    """

    count: Tensor
    end: Tensor
    values: Tensor
    bad: Tensor
    paid: Tensor


def no_pages(dtype: str) -> Pages:
    """None."""
    nothing = tf.zeros([0], dtype)
    return Pages(tf.constant(0), tf.constant(0), nothing, tf.zeros([0], tf.bool), tf.constant(False))


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
    return Pages(*call(_small, file, at, end, rows, *column, static=(dtype,), how=ON_HOST))


def read_run(
    file: Tensor, at: Tensor, end: Tensor, rows: Tensor, codec: Tensor, most: Tensor, column: Column, dtype: str
) -> Pages:
    """Reads pages of any size, up to 16 MiB of them.

    Args:
      file: as in `read_small`.
      at: as in `read_small`.
      end: as in `read_small`.
      rows: as in `read_small`.
      codec: int32 scalar, one of `codecs.TOGETHER`.
      most: int32 scalar, how many pages at most.
      column: as in `read_small`, but no bool, whose pages end within a byte.
      dtype: as in `read_small`.

    Returns:
      The pages; none where the first is no such page.

    Source: as of `read_small`.
    """
    return Pages(*call(_run, file, at, end, rows, codec, most, *column, static=(dtype,), how=ON_HOST))


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
    before, full = _levels(head, size, count, levels, definition)
    needed = tf.where(is_bool, SHR(count + 7, 3), count * width)
    plain &= full & (needed > 0) & (needed <= size - before)
    taken = _first(plain)
    start, count, needed = (part[:taken] for part in (headers.start + before, count, needed))

    def bits() -> Tensor:
        _, places = ranges(8 * start, 8 * start + count)
        byte = tf.cast(tf.gather(bytes_, SHR(places, 3)), tf.int32)
        return tf.cast(AND(SHR(byte, AND(places, 7)), 1), tf.uint8)

    def whole() -> Tensor:
        return tf.gather(bytes_, ranges(start, start + needed)[1])

    values, bad = to_numbers(tf.cond(is_bool, bits, whole), kind, width, scale, dtype)
    ends = tf.concat([[at], at + headers.start + size], 0)
    return Pages(taken, ends[taken], values, bad, (taken > 1) & (8 * taken >= tf.size(headers.start)))


def _run(
    file: Tensor, at: Tensor, end: Tensor, rows: Tensor, codec: Tensor, most: Tensor, kind: Tensor, width: Tensor,
    scale: Tensor, definition: Tensor, dtype: str,
) -> Pages:
    def goes_on(at: Tensor, left: Tensor, room: Tensor, alike: Tensor, found: Tensor, *_: Any) -> Tensor:
        return alike & (left > 0) & (room > 0) & (at < end) & (found < most)

    def step(at: Tensor, left: Tensor, room: Tensor, alike: Tensor, found: Tensor, texts: Any, pages: Any) -> Any:
        headers = read_headers(file, at, end, 1)
        # Zeros where there is no header.
        first = tf.concat([tf.pad(headers.start, [[0, 1]])[:1], tf.pad(headers.fields, [[0, 1], [0, 0]])[0]], 0)
        start, page_type, decompressed, size, count, encoding, levels = tf.unstack(first, num=7)
        alike = tf.equal(page_type, 0) & tf.equal(encoding, 0) & (count > 0) & (count <= left)
        alike &= (decompressed > 0) & (decompressed <= room) & (size > 0)
        after = at + start + size
        text = tf.strings.substr(file, at + start, tf.where(alike, size, 0))
        number = tf.where(alike, 1, 0)
        return (
            tf.where(alike, after, at), left - number * count, room - number * decompressed, alike, found + number,
            texts.write(found, text), pages.write(found, tf.stack([after, decompressed, count, levels])),
        )

    zero, yes = tf.constant(0), tf.constant(True)
    texts = tf.TensorArray(tf.string, 0, dynamic_size=True, element_shape=[])
    pages = tf.TensorArray(tf.int32, 0, dynamic_size=True, element_shape=[4])
    state = (at, rows, tf.constant(_RUN), yes, zero, texts, pages)
    *_, found, texts, pages = tf.while_loop(goes_on, step, state, parallel_iterations=1)
    after, size, count, levels = tf.unstack(pages.stack()[:found], axis=1)
    texts, ok = decompress_all(texts.stack()[:found], codec, size)
    held = tf.where(ok, found, 0)
    after, size, count, levels = (part[:held] for part in (after, size, count, levels))
    beginning = tf.strings.substr(texts, tf.zeros_like(size), tf.minimum(size, 12))
    head = tf.io.decode_raw(beginning, tf.uint8, fixed_length=12)
    before, full = _levels(head, size, count, levels, definition)
    taken = _first(full & (width > 0) & (count <= (size - before) // tf.maximum(width, 1)))
    texts, before, count = (part[:taken] for part in (texts, before, count))
    values = tf.strings.reduce_join(tf.strings.substr(texts, before, count * width))
    numbers, bad = to_numbers(tf.io.decode_raw(values, tf.uint8), kind, width, scale, dtype)
    ends = tf.concat([[at], after], 0)
    return Pages(taken, ends[taken], numbers, bad, (taken > 0) & (2 * taken >= found))


def _levels(head: Tensor, size: Tensor, count: Tensor, levels: Tensor, definition: Tensor) -> tuple[Tensor, Tensor]:
    """How many bytes of definition levels pages begin with, int32 [n], and whether these say that no value is missing.

    Args:
      head: uint8 [n, 12], the first bytes of each page, and zeros behind its last.
      size: int32 [n], how many it has.
      count: int32 [n], its values.
      levels: int32 [n], the Encoding of its levels.
      definition: int32 scalar, the level of a value that is there.
    """
    # Their length, and one run of the level of a value that is there.
    length = tf.bitcast(head[:, :4], tf.int32)
    same, level, run = repeats(head[:, 4:], count)
    full = (same & tf.equal(level, definition) & (run <= length)) | _ones(head[:, 4:], count, length, definition)
    full &= tf.equal(levels, _RLE) & (length <= size - 4)
    required = tf.equal(definition, 0)
    return tf.where(required | ~full, 0, 4 + length), required | full


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


def _first(good: Tensor) -> Tensor:
    """How many of the first are good, up to one that is not: int32 scalar."""
    return tf.reduce_sum(tf.math.cumprod(tf.cast(good, tf.int32)))
