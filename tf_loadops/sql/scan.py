"""A whole table of a SQLite file without SQLite: its B-tree pages as tensors."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tf_loadops.blocks import Blocks, count, groups_of
from tf_loadops.schema import Column, Schema
from tf_loadops.sql.scan_blocks import read_rows
from tf_loadops.sql.scan_fields import Part
from tf_loadops.sql.scan_file import File, read_file
from tf_loadops.sql.scan_layout import SCHEMA_TABLE, TableLayout
from tf_loadops.sql.scan_pages import find_leaves

Tensor = Any

_SCHEMA_SCHEMA = Schema(
    [Column("type", "string"), Column("name", "string"), Column("sql", "string"), Column("rootpage", "int64", default=0)]
)


def scan_table(path: Tensor, layout: TableLayout, schema: Schema) -> tuple[Blocks, Tensor]:
    """Reads columns of a table, all rows in the order of their rowids, as `SELECT … FROM table` does.

    Nothing is refused here: what the scan does not read, or what is wrong, makes the result inexact, and the query
    engine reads it or words the refusal. That is every file that is not `ok` in `scan_file`; a table whose statement in
    the file is not the one of `layout`; a broken page or row; rows that differ from their column (text in a column of
    floats, 3.7 or 2 ** 40 in one of int32, NULL where nothing stands for it); texts in UTF-16; and payloads of 256 MiB.

    Args:
      path: string scalar, the path of the file.
      layout: the table, as `describe_table` gave it.
      schema: the columns to read: names of the table, in any order.

    Returns:
      The blocks, of no rows if not exact, and a bool scalar: whether they are exactly what SQLite would give.

    Source: sqlite.org/fileformat2.html.
    """
    file = read_file(path)
    root, found = _root(file, layout)
    part, exact = read_rows(file, find_leaves(file, root), layout, schema)
    exact &= found & file.ok
    rows = tf.where(exact, tf.shape(part.valid[0])[0], 0)
    part = tf.nest.map_structure(lambda tensor: tensor[:rows], part)
    return _blocks(part, schema), exact


def _root(file: File, layout: TableLayout) -> tuple[Tensor, Tensor]:
    """The number of the table's root page, from 0, and whether the file has this very table."""
    leaves = find_leaves(file, tf.constant(0))
    part, ok = read_rows(file, leaves, SCHEMA_TABLE, _SCHEMA_SCHEMA, compiled=False)
    texts, roots = part.values
    ok &= file.is_utf8 & tf.equal(tf.shape(texts)[0], tf.shape(roots)[0])
    wanted = tf.constant([["table", layout.name, layout.sql]])
    same = tf.reduce_all(tf.equal(texts, wanted), axis=1)
    # Of two, or of a rootpage of a virtual table, SQLite would complain.
    number = tf.reduce_sum(tf.cast(same, tf.int64))
    ok &= tf.equal(number, 1)
    root = tf.cond(ok, lambda: tf.boolean_mask(roots[:, 0], same)[0], lambda: tf.constant(0, tf.int64))
    fits = (root > 0) & (root <= tf.cast(file.pages, tf.int64))
    return tf.cast(tf.where(fits, root, 0), tf.int32) - 1, ok & fits


def _blocks(part: Part, schema: Schema) -> Blocks:
    counts = count(part.valid, tf.constant(0, tf.int64), tf.constant(""))
    sizes = [_bytes(values) for values in part.values]
    counts["bytes"] = tf.add_n(sizes)
    del schema
    return Blocks(part.values, part.valid, counts)


def _bytes(values: Tensor) -> Tensor:
    if values.dtype == tf.string:
        return tf.reduce_sum(tf.cast(tf.strings.length(values), tf.int64))
    return tf.size(values, out_type=tf.int64) * values.dtype.size
