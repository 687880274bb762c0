"""What one page holds: the rows of a data page, or the entries of a dictionary page."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tf_loadops.parquet import codecs
from tf_loadops.parquet.levels import read_levels, spread
from tf_loadops.parquet.pages import Page
from tf_loadops.parquet.room import of_entries, of_spread, there_is
from tf_loadops.parquet.troubles import BAD_COMPRESSION, BAD_ENCODING, BAD_LEVELS, BAD_VALUES, NO_ROOM, OK, first
from tf_loadops.parquet.values import (
    ENCODINGS,
    PLAIN,
    UNKNOWN,
    Column,
    Values,
    no_values,
    read_values,
    states_of,
)

Tensor = Any

# So often a page that was decompressed is held at least, until it is rows, or entries.
_OF_ROWS, _OF_ENTRIES = 4, 2


def read_data(
    file: Tensor, page: Page, codec: Tensor, column: Column, dictionary: Values, dtype: str
) -> tuple[Tensor, Tensor, Tensor]:
    """Reads a data page.

    Args:
      file: string scalar, the whole file.
      page: the page.
      codec: int32 scalar, a CompressionCodec that is `codecs.readable`.
      column: what it is of, `values.readable` as the dtype.
      dictionary: the column chunk's.
      dtype: the dtype.

    Returns:
      [rows] of the dtype, anything where there is none; uint8 [rows], PRESENT, MISSING or OUT_OF_RANGE; and an int32
      scalar, the trouble. If it is not OK there are no rows.
    """
    body, wrong = _body(file, page, codec, _OF_ROWS)
    fine = tf.equal(wrong, OK)
    levels = read_levels(file, page, body, column.definition)
    known = max(ENCODINGS) + 1
    codes = tf.constant([ENCODINGS.get(i, UNKNOWN) for i in range(known)] + [UNKNOWN])
    encoding = tf.gather(codes, tf.where((page.encoding < 0) | (page.encoding > known), known, page.encoding))
    present = tf.where(fine & levels.ok, levels.present, 0)
    read, room = read_values(body, levels.behind, present, encoding, column, dictionary, dtype)
    # Without a value there is nothing to be wrong with.
    unread = ~read.ok & (present > 0)
    unknown = tf.equal(encoding, UNKNOWN) & (present > 0)
    trouble = first((~fine, wrong), (~levels.ok, BAD_LEVELS), (unknown, BAD_ENCODING), (unread, BAD_VALUES))
    room &= there_is(tf.where(levels.complete, tf.constant(0, tf.int64), of_spread(page.values, dtype)))
    trouble = tf.where(tf.equal(trouble, OK) & ~room, NO_ROOM, trouble)

    def full() -> tuple[Tensor, Tensor]:
        return read.values, states_of(read.bad)

    def gaps() -> tuple[Tensor, Tensor]:
        return spread(read.values, read.bad, levels.valid)

    def none() -> tuple[Tensor, Tensor]:
        return tf.zeros([0], dtype), tf.zeros([0], tf.uint8)

    way = tf.where(~tf.equal(trouble, OK), 0, tf.where(levels.complete, 1, 2))
    values, states = tf.switch_case(way, [none, full, gaps])
    return values, states, trouble


def read_entries(file: Tensor, page: Page, codec: Tensor, column: Column, dtype: str) -> tuple[Values, Tensor]:
    """Reads a dictionary page.

    Args:
      file: as in `read_data`.
      page: as in `read_data`.
      codec: as in `read_data`.
      column: as in `read_data`.
      dtype: as in `read_data`.

    Returns:
      The dictionary, and an int32 scalar, the trouble.
    """
    body, wrong = _body(file, page, codec, _OF_ENTRIES)
    entries = tf.minimum(page.values, tf.strings.length(body))  # more there cannot be: the page is damaged then
    wrong = tf.where(tf.equal(wrong, OK) & ~there_is(of_entries(entries, dtype)), NO_ROOM, wrong)
    fine = tf.equal(wrong, OK)
    plain = tf.equal(page.encoding, 0) | tf.equal(page.encoding, 2)  # PLAIN_DICTIONARY means the same here
    count = tf.where(fine, page.values, 0)
    read, _ = read_values(body, tf.constant(0), count, tf.constant(PLAIN), column, no_values(dtype), dtype)
    return read, first((~fine, wrong), (~plain, BAD_ENCODING), (~read.ok, BAD_VALUES))


def _body(file: Tensor, page: Page, codec: Tensor, copies: int) -> tuple[Tensor, Tensor]:
    """What is compressed of a page, decompressed, and the trouble; there must be memory for so many copies."""
    levels = page.repetition + page.definition
    body = tf.strings.substr(file, page.at + levels, page.size - levels)
    size = page.decompressed - levels
    codec = tf.where(tf.equal(page.compressed, 0), codecs.NONE, codec)
    room = there_is(tf.where(tf.equal(codec, codecs.NONE), tf.constant(0, tf.int64), copies * tf.cast(size, tf.int64)))
    found, fine = codecs.decompress(body, codec, tf.where(room, size, 0))
    return found, first((~room, NO_ROOM), (~fine, BAD_COMPRESSION))
