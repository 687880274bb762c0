"""The wanted fields of a block of rows: numbers in one program, texts and what lies on overflow pages behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tf_loadops.blocks import fill, groups_of
from tf_loadops.bytesops.bigendian import Reader, word_at
from tf_loadops.schema import Schema
from tf_loadops.sql.scan_file import File
from tf_loadops.sql.scan_layout import TableColumn, TableLayout
from tf_loadops.sql.scan_overflow import Chains, byte_view, follow, reversed_in_words, segments, words_of
from tf_loadops.sql.scan_pages import ranges
from tf_loadops.sql.scan_records import ABSENT, FIRST_BLOB, Records, Sizes, read_records, size_of
from tf_loadops.sql.scan_text import to_strings
from tf_loadops.sql.scan_values import to_numbers

Tensor = Any

_TEXT_LIMIT = 1 << 27  # bytes of a block: what is above would take too much memory at once


class Part(NamedTuple):
    """The columns of a block or of the table, by group: [rows, columns of the group]."""

    values: tuple[Tensor, ...]
    valid: tuple[Tensor, ...]


class Wanted(NamedTuple):
    """What is read of which table: static, and the key of a program."""

    layout: TableLayout
    schema: Schema

    @property
    def groups(self) -> list[list[int]]:
        """The groups of columns that the result has."""
        return groups_of(self.schema)

    def positions(self, group: Sequence[int]) -> list[int]:
        """Where the columns of a group stand in the table."""
        return [self.layout.position(self.schema.columns[i].name) for i in group]

    def declared(self, group: Sequence[int]) -> list[TableColumn]:
        """The columns of a group as the table has them."""
        return [self.layout.columns[i] for i in self.positions(group)]

    def is_text(self, group: Sequence[int]) -> bool:
        """Whether it is a group of strings."""
        return self.schema.columns[group[0]].dtype == "string"


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
        def data(group: Sequence[int], row: Tensor, at: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
            del group, row
            return _cut(words, at, lengths, lengths)

        texts, ok = _texts(records, data, file, wanted)
        return _joined(numbers, texts, wanted), ok & ~bad

    def behind() -> tuple[Part, Tensor]:
        start = tf.gather(pages, records.start // file.page_size) * file.page_size + records.start % file.page_size
        chains = follow(file, start, records.inside, records.size)
        read = [None if wanted.is_text(g) else _words(words, file, chains, records, wanted, g) for g in wanted.groups]
        part, wrong = _numbers(read, records, wanted, tf.ones_like(records.ok))

        def data(group: Sequence[int], row: Tensor, at: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
            begin, pieces = segments(file, chains, row, at - tf.gather(records.start, row), lengths)
            return _cut(file.words, begin, pieces, lengths)

        texts, ok = _texts(records, data, file, wanted)
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


def _texts(records: Records, data: Any, file: File, wanted: Wanted) -> tuple[list[Part], Tensor]:
    """The groups of strings, each a `Part` of one, and whether all of them are right.

    `data` gives for a group, for rows, places and lengths the bytes of all, one after another, and their lengths.
    """
    parts, ok = [], tf.constant(True)
    for group in (group for group in wanted.groups if wanted.is_text(group)):
        declared = wanted.declared(group)
        at, types = (tf.transpose(tf.gather(part, wanted.positions(group))) for part in (records.at, records.types))
        is_text = (types >= FIRST_BLOB) & tf.equal(types % 2, 1)
        right = (types >= FIRST_BLOB) | tf.equal(types, 0) | tf.equal(types, ABSENT)
        ok &= tf.reduce_all(right) & (file.is_utf8 | ~tf.reduce_any(is_text))
        lengths = tf.reshape(size_of(types), [-1])
        total = tf.reduce_sum(tf.cast(lengths, tf.int64))
        ok &= total <= _TEXT_LIMIT
        lengths = tf.where(ok, lengths, 0)
        row = tf.reshape(tf.broadcast_to(tf.range(tf.shape(types)[0])[:, None], tf.shape(types)), [-1])
        strings = tf.reshape(to_strings(*data(group, row, tf.reshape(at, [-1]), lengths)), [-1, len(group)])
        parts.append(Part((strings,), (types >= FIRST_BLOB,)))
        absent = tf.equal(types, ABSENT)
        strings, valid, ok = _with_defaults(strings, types >= FIRST_BLOB, absent, declared, ok)
        if any(wanted.schema.columns[i].default is not None for i in group):
            strings = fill(strings, valid, wanted.schema, group)
        parts[-1] = Part((strings,), (valid,))
    return parts, ok


def _with_defaults(
    strings: Tensor, valid: Tensor, absent: Tensor, declared: Sequence[TableColumn], ok: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Puts in what rows have that are older than a column; numbers are no text, also as a default or as the rowid."""
    defaults = [column.default for column in declared]
    given = np.array([default is not None for default in defaults])
    number = np.array([isinstance(default, (int, float)) for default in defaults])
    is_rowid = any(column.is_rowid for column in declared)
    if number.any():
        ok &= ~tf.reduce_any(absent & number)
    if is_rowid:
        ok &= tf.equal(tf.size(valid), 0)
    if given.any():
        texts = [default if isinstance(default, (str, bytes)) else "" for default in defaults]
        strings = tf.where(absent & given, tf.constant(texts)[None, :], strings)
        valid |= absent & given
    return strings, valid, ok


def _cut(words: Tensor, begin: Tensor, pieces: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    _, at = ranges(begin, begin + pieces)
    return tf.gather(byte_view(words), reversed_in_words(at)), lengths


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
