"""All rows of a table's leaves, in blocks of one static shape, several at a time."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tf_loadops.compiled import xla
from tf_loadops.schema import Schema
from tf_loadops.sql.scan_fields import Parsed, finish, parse
from tf_loadops.sql.scan_file import File
from tf_loadops.sql.scan_layout import TableLayout
from tf_loadops.sql.scan_pages import Leaves, ranges
from tf_loadops.sql.scan_records import Sizes
from tf_loadops.sql.scan_wanted import Part, Wanted

Tensor = Any

_WINDOW = 1 << 20  # bytes of pages that a block may have
_FIELDS = 3 << 15  # fields that it may have


def read_rows(file: File, leaves: Leaves, layout: TableLayout, schema: Schema) -> tuple[Part, Tensor]:
    """Reads the rows.

    Args:
      file: the database.
      leaves: the table's.
      layout: the table.
      schema: the columns to read.

    Returns:
      A `Part` of all rows, and a bool scalar: whether they are exactly what SQLite gives.
    """
    wanted = Wanted(layout, schema)
    # At least as many rows as a page of full rows can hold, whatever its size: a row takes `columns` + 5 bytes.
    height = _FIELDS // len(layout.columns)
    total = tf.cumsum(leaves.cells)
    ok = leaves.ok & tf.reduce_all(leaves.cells <= height)
    pages_end = tf.where(ok, tf.size(leaves.pages), 0)
    at_once = _WINDOW // file.page_size
    sizes = Sizes(file.page_size, file.usable, leaves.lead)
    by_page = tf.reshape(file.words, [-1, file.page_size // 8])

    def body(i: Tensor, low: Tensor, arrays: Part, oks: Any) -> Any:
        before = tf.where(low > 0, tf.gather(total, tf.maximum(low - 1, 0)), 0)
        high = tf.searchsorted(total, tf.reshape(before + height, [1]), side="right")[0]
        high = tf.minimum(high, low + at_once)
        pages = leaves.pages[low:high]
        starts = tf.range(high - low) * file.page_size + leaves.lead + 8
        _, pointers = ranges(starts, starts + 2 * leaves.cells[low:high], 2)
        part, good = _block(file, by_page, pages, pointers, sizes, wanted, height)
        arrays = tf.nest.map_structure(lambda array, value: array.write(i, value), arrays, part)
        return i + 1, high, arrays, oks.write(i, good)

    oks = tf.TensorArray(tf.bool, 0, dynamic_size=True, element_shape=[], infer_shape=False)
    state = (tf.constant(0), tf.constant(0), _arrays(wanted), oks)
    _, _, arrays, oks = tf.while_loop(
        lambda i, low, *_: low < pages_end, body, state, parallel_iterations=2 * max(2, os.cpu_count() or 2)
    )
    return tf.nest.map_structure(lambda array: array.concat(), arrays), ok & tf.reduce_all(oks.stack())


def _arrays(wanted: Wanted) -> Part:
    def array(dtype: Any, columns: int) -> Any:
        return tf.TensorArray(dtype, 0, dynamic_size=True, element_shape=[None, columns], infer_shape=False)

    values = tuple(array(wanted.schema.columns[group[0]].tf_dtype, len(group)) for group in wanted.groups)
    return Part(values, tuple(array(tf.bool, len(group)) for group in wanted.groups))


def _block(
    file: File, by_page: Tensor, pages: Tensor, pointers: Tensor, sizes: Sizes, wanted: Wanted, height: int
) -> tuple[Part, Tensor]:
    """The rows of some pages."""
    rows = tf.size(pointers)
    # What fills up pages and rows is read too, and not looked at.
    pages = tf.concat([pages, tf.zeros([_WINDOW // file.page_size - tf.size(pages)], tf.int32)], 0)
    words = tf.ensure_shape(tf.reshape(tf.gather(by_page, pages), [-1]), [_WINDOW // 8])
    pointers = tf.ensure_shape(tf.concat([pointers, tf.zeros([height - rows], tf.int32)], 0), [height])
    parsed = _program(wanted, height, xla())(words, pointers, sizes, rows)
    return finish(file, pages, words, parsed, rows, wanted)


@functools.lru_cache(maxsize=64)
def _program(wanted: Wanted, height: int, compiled: bool) -> Callable[..., Parsed]:
    del height

    def sqlite_rows(words: Tensor, pointers: Tensor, sizes: Sizes, rows: Tensor) -> Parsed:
        return parse(words, pointers, sizes, rows, wanted)

    return tf.function(sqlite_rows, jit_compile=compiled or None, autograph=False)
