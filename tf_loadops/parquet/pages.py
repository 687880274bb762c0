"""The header of a page: what it holds, how it is coded, and how many bytes it has."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from tf_loadops.compiled import PURE, call
from tf_loadops.parquet.thrift import WATCHED, WINDOW, read_struct

Tensor = Any

DATA, INDEX, DICTIONARY, DATA_V2 = range(4)  # PageType
_LONGEST = 256 << 10  # bytes of a header
# For each PageType, which of `WATCHED` is the number of values, the encoding, and so on in the order of `Page`. Behind
# the watched ones stand -1, 0 and 1.
_NONE, _ZERO, _ONE = range(len(WATCHED), len(WATCHED) + 3)
_ROWS = (
    (3, 4, 5, _ZERO, _ZERO, _ONE),
    (_ZERO, _NONE, _NONE, _ZERO, _ZERO, _ONE),
    (6, 7, _NONE, _ZERO, _ZERO, _ONE),
    (8, 9, _NONE, 10, 11, 12),
)


class Page(NamedTuple):
    """A page; all int32 scalars but `ok`.

    Attributes:
      type: a PageType.
      at: where its bytes begin in the file, behind the header.
      size: how many there are.
      decompressed: how many there will be.
      values: how many values, nulls included.
      encoding: of the values, an Encoding.
      levels: Encoding of the definition levels.
      definition: DATA_V2: bytes of definition levels.
      repetition: DATA_V2: bytes of repetition levels.
      compressed: 0 if the values are not compressed, whatever the column chunk says.
      ok: bool scalar; False if the header is malformed, or the page not within its column chunk.
    """

    type: Tensor
    at: Tensor
    size: Tensor
    decompressed: Tensor
    values: Tensor
    encoding: Tensor
    levels: Tensor
    definition: Tensor
    repetition: Tensor
    compressed: Tensor
    ok: Tensor


def read_page(file: Tensor, at: Tensor, end: Tensor) -> Page:
    """Reads the header of a page.

    Args:
      file: string scalar, the whole file.
      at: int32 scalar, where the header begins.
      end: int32 scalar, where the last page of its column chunk ends.

    Returns:
      The page.

    Source: parquet.thrift, PageHeader.
    """
    return Page(*call(_read, file, at, end, how=PURE))


def _read(file: Tensor, at: Tensor, end: Tensor) -> tuple[Tensor, ...]:
    inside = (at >= 4) & (at < end)
    at = tf.where(inside, at, 0)
    left = tf.where(inside, end - at, 0)
    tokens = read_struct(tf.strings.substr(file, at, tf.minimum(left, WINDOW)))
    # Statistics may make a header very long.
    watched, length, ok = tf.cond(
        tokens.ok | (left <= WINDOW),
        lambda: (tokens.watched, tokens.end, tokens.ok),
        lambda: _long(tf.strings.substr(file, at, tf.minimum(left, _LONGEST))),
    )
    in_range = tf.reduce_all(watched < 2**31)
    known = tf.concat([tf.cast(tf.where(in_range, watched, -1), tf.int32), [-1, 0, 1]], 0)
    kind, decompressed, size = tf.unstack(known[:3])
    row = tf.gather(tf.constant(_ROWS), tf.where((kind >= 0) & (kind < len(_ROWS)), kind, INDEX))
    count, encoding, levels, definition, repetition, compressed = tf.unstack(tf.gather(known, row))
    start = at + length
    ok &= inside & in_range & (kind >= 0) & (decompressed >= 0) & (size >= 0) & (size <= end - start) & (count >= 0)
    ok &= (definition >= 0) & (repetition >= 0)
    ok &= (repetition <= size) & (definition <= tf.minimum(size, decompressed) - repetition)
    size, decompressed, definition, repetition = tf.unstack(
        tf.where(ok, tf.stack([size, decompressed, definition, repetition]), 0)
    )
    # A DATA_V2 page that does not say so is compressed.
    return kind, start, size, decompressed, count, encoding, levels, definition, repetition, compressed, ok


def _long(data: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    tokens = read_struct(data)
    return tokens.watched, tokens.end, tokens.ok
