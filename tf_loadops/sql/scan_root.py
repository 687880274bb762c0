"""Where a table begins: its row in `sqlite_schema`, the table that every database keeps its tables in on page 1."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tf_loadops.bytesops.bigendian import top
from tf_loadops.compiled import call
from tf_loadops.sql.scan_file import File
from tf_loadops.sql.scan_layout import TableLayout
from tf_loadops.sql.scan_overflow import Chains, bytes_of, follow, words_of
from tf_loadops.sql.scan_pages import Leaves, find_leaves, ranges, repeat_by
from tf_loadops.sql.scan_records import FIRST_BLOB, Sizes, read_records, size_of

Tensor = Any

_TYPE, _NAME, _TABLE_NAME, _ROOT, _SQL = range(5)
_LIMIT = 1 << 24  # bytes that are compared at once


def find_table(file: File, layout: TableLayout) -> Leaves:
    """Finds the leaves of a table.

    Args:
      file: the database.
      layout: the table.

    Returns:
      The leaves; not `ok` if the database has no table of this name and statement.
    """
    # One graph for all tables: name and statement are tensors of it.
    return call(_find, *file, tf.constant(layout.name), tf.constant(layout.sql))


def _find(*parts: Tensor) -> Leaves:
    *of_file, name, sql = parts
    file = File(*of_file)

    def step(i: Tensor, root: Tensor, _: Leaves, ok: Tensor) -> tuple[Tensor, Tensor, Leaves, Tensor]:
        leaves = find_leaves(file, root)
        nothing = tf.constant(0), tf.constant(False)
        root, found = tf.cond(tf.equal(i, 0) & leaves.ok, lambda: _root(file, leaves, name, sql), lambda: nothing)
        return i + 1, root, leaves, ok & leaves.ok & (found | tf.equal(i, 1))

    # Two rounds of one loop, first from page 1 and then from the table's root: half of the graph.
    none = Leaves(tf.zeros([0], tf.int32), tf.zeros([0], tf.int32), tf.constant(0), tf.constant(False))
    flat = tf.TensorShape([None])
    scalar = tf.TensorShape([])
    _, _, leaves, ok = tf.while_loop(
        lambda i, root, leaves, ok: ok & (i < 2),
        step,
        (tf.constant(0), tf.constant(0), none, file.ok),
        (scalar, scalar, Leaves(flat, flat, scalar, scalar), scalar),
        parallel_iterations=1,
    )
    return leaves._replace(cells=tf.where(ok, leaves.cells, 0), ok=ok)


def _root(file: File, leaves: Leaves, name: Tensor, sql: Tensor) -> tuple[Tensor, Tensor]:
    """The number of the table's root page, from 0, and whether exactly one row of the leaves names it."""
    starts = leaves.pages * file.page_size + leaves.lead + 8
    _, pointers = ranges(starts, starts + 2 * leaves.cells, 2)
    records = read_records(file.words, None, pointers, Sizes(file.page_size, file.usable, leaves.lead), 5)
    ok = tf.reduce_all(records.ok) & file.is_utf8

    fields, texts = [_TYPE, _NAME, _TABLE_NAME, _SQL], tf.stack([tf.constant("table"), name, name, sql])
    lengths = tf.strings.length(texts)
    fitting = tf.equal(tf.gather(records.types, fields), (FIRST_BLOB + 1 + 2 * lengths)[:, None])
    rows = tf.where(tf.reduce_all(fitting, axis=0))[:, 0]
    length = tf.reduce_sum(tf.cast(lengths, tf.int64))
    ok &= tf.size(rows, tf.int64) * length <= _LIMIT
    rows = tf.where(ok, rows, 0)[: tf.where(ok, tf.size(rows), 0)]
    start, inside, size = (tf.gather(part, rows) for part in (records.start, records.inside, records.size))
    chains = follow(file, start, inside, size)
    ok &= chains.ok

    at, types = tf.gather(records.at, rows, axis=1) - start, tf.gather(records.types, rows, axis=1)[_ROOT]
    splits, inner = ranges(tf.zeros_like(lengths), lengths)
    offsets = tf.transpose(tf.gather(at, repeat_by(tf.constant(fields), splits)) + inner[:, None])
    each = tf.range(tf.size(rows))
    same = tf.equal(bytes_of(file, chains, each, offsets), tf.io.decode_raw(tf.strings.reduce_join(texts), tf.uint8))
    rows = tf.where(tf.reduce_all(same, axis=1))[:, 0]
    ok &= tf.equal(tf.size(rows), 1)  # of two SQLite would complain
    return tf.cond(ok, lambda: _number(file, chains, rows, at[_ROOT], types), lambda: (tf.constant(0), ok))


def _number(file: File, chains: Chains, rows: Tensor, offset: Tensor, types: Tensor) -> tuple[Tensor, Tensor]:
    row = tf.cast(rows, tf.int32)[:1]
    kind = tf.gather(types, row)[0]
    unused = tf.cast(64 - 8 * tf.maximum(size_of(kind), 1), tf.uint64)
    word = tf.bitwise.right_shift(words_of(file, chains, row, tf.gather(offset, row)), unused)[0]
    # Numbers of pages have up to four bytes; the type that stands for 1 is never one, as page 1 holds this table.
    return top(word, 4, 4) - 1, (kind >= 1) & (kind <= 4)
