"""The wanted fields of a block of rows: numbers in one program, texts and what lies on overflow pages behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from tf_loadops.bytesops.bigendian import Reader, word_at
from tf_loadops.sql.scan_file import File
from tf_loadops.sql.scan_overflow import Chains, byte_view, follow, reversed_in_words, segments, words_of
from tf_loadops.sql.scan_pages import ranges
from tf_loadops.sql.scan_records import Records, Sizes, read_records, size_of
from tf_loadops.sql.scan_text import read_texts
from tf_loadops.sql.scan_values import to_numbers
from tf_loadops.sql.scan_wanted import Part, Wanted

Tensor = Any


class Parsed(NamedTuple):
    """What the program gives for a block.

    Attributes:
      numbers: the groups that are no strings.
      records: all rows, and what fills the block up.
      flags: bool [3]: whether a row is broken; whether a wanted field lies behind its page, so that `numbers` are not
        all right; whether a number is none of its dtype.
    """

    numbers: Part
    records: Records
    flags: Tensor


def parse(words: Tensor, pointers: Tensor, sizes: Sizes, rows: Tensor, wanted: Wanted) -> Parsed:
    """Reads numbers; compiles under XLA.

    Args:
      words: uint64 [n], whole pages, big-endian.
      pointers: int32 [height], where in them the pointers to rows stand.
      sizes: of the pages.
      rows: int32 scalar, how many of `pointers` count.
      wanted: what is read.

    Returns:
      The fields.
    """
    read_at = Reader(words, rows >= 0).word
    records = read_records(words, rows >= 0, pointers, sizes, len(wanted.layout.columns))
    counts = tf.range(tf.size(pointers)) < rows
    at = [tf.gather(records.at, wanted.positions(group)) for group in wanted.groups]

    read = [None if wanted.is_text(g) else read_at(part) for g, part in zip(wanted.groups, at, strict=True)]
    part, bad = _numbers(read, records, wanted, counts)
    spilled = tf.constant(False)
    for group, field in zip(wanted.groups, at, strict=True):
        types = tf.gather(records.types, wanted.positions(group))
        spilled |= tf.reduce_any(_spilled(field, types, records) & counts)
    return Parsed(part, records, tf.stack([tf.reduce_any(~records.ok & counts), spilled, bad]))


def _spilled(at: Tensor, types: Tensor, records: Records) -> Tensor:
    return at + size_of(types) > records.start + records.inside


def _numbers(read: Sequence[Tensor], records: Records, wanted: Wanted, counts: Tensor) -> tuple[Part, Tensor]:
    """The groups of numbers, and whether one is bad of those that count."""
    values, valid, bad = [], [], tf.constant(False)
    for group, words in zip(wanted.groups, read, strict=True):
        if words is not None:
            types = tf.gather(records.types, wanted.positions(group))
            numbers = to_numbers(words, types, records.rowid, wanted.declared(group), wanted.schema, group)
            values.append(numbers.values)
            valid.append(numbers.valid)
            bad |= tf.reduce_any(numbers.bad & counts)
    return Part(tuple(values), tuple(valid)), bad


def finish(
    file: File, pages: Tensor, words: Tensor, parsed: Parsed, rows: Tensor, wanted: Wanted
) -> tuple[Part, Tensor]:
    """Adds texts, and reads what lies on overflow pages.

    Args:
      file: the database.
      pages: int32 [pages], which of its pages the block has.
      words: uint64 [n], these pages.
      parsed: what the program gave for them.
      rows: int32 scalar, how many rows count.
      wanted: what is read.

    Returns:
      The block, and a bool scalar, whether all its values are right.
    """
    broken, spilled, bad = tf.unstack(parsed.flags)
    records = _first(parsed.records, tf.where(broken, 0, rows))  # of broken rows nothing is looked at any more
    numbers = tf.nest.map_structure(lambda part: part[:rows], parsed.numbers)

    def on_pages() -> tuple[Part, Tensor]:
        texts, ok = read_texts(records, lambda row, at, lengths: _bytes(words, at, lengths), file.is_utf8, wanted)
        return _joined(numbers, texts, wanted), ok & ~bad

    def behind() -> tuple[Part, Tensor]:
        start = tf.gather(pages, records.start // file.page_size) * file.page_size + records.start % file.page_size
        chains = follow(file, start, records.inside, records.size)
        read = [None if wanted.is_text(g) else _words(words, file, chains, records, wanted, g) for g in wanted.groups]
        part, wrong = _numbers(read, records, wanted, tf.ones_like(records.ok))

        def data(row: Tensor, at: Tensor, lengths: Tensor) -> Tensor:
            return _bytes(file.words, *segments(file, chains, row, at - tf.gather(records.start, row), lengths))

        texts, ok = read_texts(records, data, file.is_utf8, wanted)
        return _joined(part, texts, wanted), ok & chains.ok & ~wrong

    part, ok = tf.cond(spilled & ~broken, behind, on_pages)
    return part, ok & ~broken


def _first(records: Records, rows: Tensor) -> Records:
    return Records(*(part[..., :rows] for part in records))


def _words(
    words: Tensor, file: File, chains: Chains, records: Records, wanted: Wanted, group: Sequence[int]
) -> Tensor:
    """The first bytes of a group's fields, wherever they lie: uint64 [columns, rows]."""
    at, types = (tf.gather(part, wanted.positions(group)) for part in (records.at, records.types))
    spilled = tf.where(_spilled(at, types, records))
    row = tf.cast(spilled[:, 1], tf.int32)
    offset = tf.gather_nd(at, spilled) - tf.gather(records.start, row)
    read = words_of(file, chains, row, offset)
    # Scattered as int64: there is no kernel for uint64.
    near = tf.bitcast(word_at(words, tf.minimum(at, 8 * tf.size(words))), tf.int64)
    return tf.bitcast(tf.tensor_scatter_nd_update(near, spilled, tf.bitcast(read, tf.int64)), tf.uint64)


def _bytes(words: Tensor, begin: Tensor, lengths: Tensor) -> Tensor:
    """The bytes of pieces of a buffer, one after another."""
    return tf.gather(byte_view(words), reversed_in_words(ranges(begin, begin + lengths)[1]))


def _joined(numbers: Part, texts: Sequence[Part], wanted: Wanted) -> Part:
    """All groups in their order."""
    number, text = iter(zip(numbers.values, numbers.valid, strict=True)), iter(texts)
    values, valid = [], []
    for group in wanted.groups:
        if wanted.is_text(group):
            part = next(text)
            value, mask = part.values[0], part.valid[0]
        else:
            value, mask = next(number)
        values.append(tf.ensure_shape(value, [None, len(group)]))
        valid.append(tf.ensure_shape(mask, [None, len(group)]))
    return Part(tuple(values), tuple(valid))
