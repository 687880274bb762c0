"""The header of a page: what it holds, how it is coded, and how many bytes it has."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from tf_loadops.compiled import call
from tf_loadops.parquet.thrift import BUCKETS, read_struct, table

Tensor = Any

DATA, INDEX, DICTIONARY, DATA_V2 = range(4)  # PageType
# PageHeader's own fields, and those of its three kinds, in the order of `Page`.
_FIELDS = (
    (1,), (2,), (3,), (5, 1), (5, 2), (5, 3), (7, 1), (7, 2), (8, 1), (8, 2), (8, 4), (8, 5), (8, 6), (8, 7),
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
      compressed: 1 if the values are compressed, as the column chunk says.
      ok: bool scalar; False if the header is malformed, or the page not within the pages of the file.
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
      end: int32 scalar, where the pages of the file end.

    Returns:
      The page.

    Source: parquet.thrift, PageHeader.
    """
    return Page(*call(_read, file, at, end, now=True))


def _read(file: Tensor, at: Tensor, end: Tensor) -> tuple[Tensor, ...]:
    inside = (at >= 4) & (at < end)
    at = tf.where(inside, at, 4)
    left = tf.where(inside, end - at, 0)
    tokens = read_struct(tf.strings.substr(file, at, tf.minimum(left, BUCKETS[0])))
    # Statistics may make a header very long.
    tokens = tf.cond(
        tokens.ok | (left <= BUCKETS[0]),
        lambda: tf.nest.map_structure(tf.identity, tokens),
        lambda: read_struct(tf.strings.substr(file, at, tf.minimum(left, BUCKETS[1]))),
    )
    fields = table(tokens, tf.zeros_like(tokens.at), tf.constant(1), _FIELDS)[0]
    in_range = tf.reduce_all(fields < 2**31)
    values = tf.unstack(tf.cast(tf.where(in_range, fields, -1), tf.int32))
    kind, decompressed, size, count, encoding, levels, entries, entry_encoding, *second = values
    count2, _, encoding2, definition, repetition, compressed = second
    is_v2, is_dictionary = tf.equal(kind, DATA_V2), tf.equal(kind, DICTIONARY)

    def of(first: Tensor, dictionary: Tensor, later: Tensor) -> Tensor:
        return tf.where(is_v2, later, tf.where(is_dictionary, dictionary, first))

    start = at + tokens.end
    ok = inside & tokens.ok & in_range & (size >= 0) & (decompressed >= 0) & (size <= end - start)
    none = tf.zeros_like(size)
    definition, repetition = (tf.where(is_v2, part, none) for part in (definition, repetition))
    count = of(count, entries, count2)
    ok &= (count >= 0) | tf.equal(kind, INDEX)
    ok &= (definition >= 0) & (repetition >= 0) & (repetition <= size) & (definition <= size - repetition)
    ok &= definition + repetition <= decompressed
    compressed = tf.where(is_v2 & tf.equal(compressed, 0), none, none + 1)
    return (
        kind, start, tf.where(ok, size, 0), tf.where(ok, decompressed, 0), tf.maximum(count, 0),
        of(encoding, entry_encoding, encoding2), levels, tf.where(ok, definition, 0), tf.where(ok, repetition, 0),
        compressed, ok,
    )
