"""Where a table begins: its row in `sqlite_schema`, the table that every database keeps its tables in on page 1."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from tf_loadops.bytesops.bigendian import top
from tf_loadops.sql.scan_file import File
from tf_loadops.sql.scan_layout import TableLayout
from tf_loadops.sql.scan_overflow import Chains, bytes_of, follow, words_of
from tf_loadops.sql.scan_pages import Leaves, find_leaves, ranges
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

    def step(i: Tensor, root: Tensor, _: Leaves, ok: Tensor) -> tuple[Tensor, Tensor, Leaves, Tensor]:
        leaves = find_leaves(file, root)
        nothing = tf.constant(0), tf.constant(False)
        root, found = tf.cond(tf.equal(i, 0) & leaves.ok, lambda: _root(file, leaves, layout), lambda: nothing)
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


def _root(file: File, leaves: Leaves, layout: TableLayout) -> tuple[Tensor, Tensor]:
    """The number of the table's root page, from 0, and whether exactly one row of the leaves names it."""
    starts = leaves.pages * file.page_size + leaves.lead + 8
    _, pointers = ranges(starts, starts + 2 * leaves.cells, 2)
    records = read_records(file.words, None, pointers, Sizes(file.page_size, file.usable, leaves.lead), 5)
    ok = tf.reduce_all(records.ok) & file.is_utf8

    texts = {_TYPE: b"table", _NAME: layout.name.encode(), _TABLE_NAME: layout.name.encode(), _SQL: layout.sql.encode()}
    fitting = [tf.equal(records.types[i], FIRST_BLOB + 1 + 2 * len(text)) for i, text in texts.items()]
    rows = tf.where(tf.reduce_all(tf.stack(fitting), axis=0))[:, 0]
    length = sum(map(len, texts.values()))
    ok &= tf.size(rows, tf.int64) * length <= _LIMIT
    rows = tf.where(ok, rows, 0)[: tf.where(ok, tf.size(rows), 0)]
    start, inside, size = (tf.gather(part, rows) for part in (records.start, records.inside, records.size))
    chains = follow(file, start, inside, size)
    ok &= chains.ok

    at, types = tf.gather(records.at, rows, axis=1), tf.gather(records.types, rows, axis=1)[_ROOT]
    offsets = tf.concat([(at[i] - start)[:, None] + np.arange(len(text)) for i, text in texts.items()], 1)
    each = tf.range(tf.size(rows))
    same = tf.equal(bytes_of(file, chains, each, offsets), np.frombuffer(b"".join(texts.values()), np.uint8))
    rows = tf.where(tf.reduce_all(same, axis=1))[:, 0]
    ok &= tf.equal(tf.size(rows), 1)  # of two SQLite would complain
    return tf.cond(ok, lambda: _number(file, chains, rows, at[_ROOT] - start, types), lambda: (tf.constant(0), ok))


def _number(file: File, chains: Chains, rows: Tensor, offset: Tensor, types: Tensor) -> tuple[Tensor, Tensor]:
    row = tf.cast(rows, tf.int32)[:1]
    kind = tf.gather(types, row)[0]
    unused = tf.cast(64 - 8 * tf.maximum(size_of(kind), 1), tf.uint64)
    word = tf.bitwise.right_shift(words_of(file, chains, row, tf.gather(offset, row)), unused)[0]
    # Numbers of pages have up to four bytes; the type that stands for 1 is never one, as page 1 holds this table.
    return top(word, 4, 4) - 1, (kind >= 1) & (kind <= 4)
