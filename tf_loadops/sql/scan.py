"""A whole table of a SQLite file without SQLite: its B-tree pages as tensors."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tf_loadops.blocks import Blocks, count
from tf_loadops.schema import Schema
from tf_loadops.sql.scan_blocks import read_rows
from tf_loadops.sql.scan_file import read_file
from tf_loadops.sql.scan_layout import TableLayout
from tf_loadops.sql.scan_root import find_table
from tf_loadops.sql.scan_wanted import Part

Tensor = Any


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
    part, exact = read_rows(file, find_table(file, layout), layout, schema)
    rows = tf.where(exact, tf.shape(part.valid[0])[0], 0)
    part = tf.nest.map_structure(lambda tensor: tensor[:rows], part)
    return _blocks(part), exact


def _blocks(part: Part) -> Blocks:
    counts = count(part.valid, tf.constant(0, tf.int64), tf.constant(""))
    counts["bytes"] = tf.add_n([_bytes(values) for values in part.values])
    return Blocks(part.values, part.valid, counts)


def _bytes(values: Tensor) -> Tensor:
    if values.dtype == tf.string:
        return tf.reduce_sum(tf.cast(tf.strings.length(values), tf.int64))
    return tf.size(values, out_type=tf.int64) * values.dtype.size
