"""The leaf pages of a table's B-tree, in the order of the rows."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from tf_loadops.bytesops.bigendian import top, word_at
from tf_loadops.sql.scan_file import File

Tensor = Any

_INTERIOR, _LEAF = 5, 13
_DEPTH = 20  # SQLite's own limit of a cursor
LEAD = 100  # bytes in front of the first page's own header


class Leaves(NamedTuple):
    """The leaves.

    Attributes:
      pages: int32 [leaves], their numbers, from 0.
      cells: int32 [leaves], how many rows each holds.
      lead: int32 scalar, the bytes in front of a leaf's header: 100 if page 0 is the only leaf, else 0.
      ok: bool scalar; if False all else is safe to compute with, but means nothing.
    """

    pages: Tensor
    cells: Tensor
    lead: Tensor
    ok: Tensor


def find_leaves(file: File, root: Tensor) -> Leaves:
    """Walks from the root down, one level of all pages at a time.

    Args:
      file: the database.
      root: int32 scalar, the number of the root page, from 0.

    Returns:
      The leaves. They are not `ok` if a page has another type than its level, points out of the file, counts what
      cannot be, or is reached twice.
    """
    in_file = (root >= 0) & (root < file.pages)
    pages = tf.reshape(tf.where(in_file, root, 0), [1])

    def goes_on(pages: Tensor, depth: Tensor, ok: Tensor) -> Tensor:
        return ok & (depth < _DEPTH) & tf.equal(_page(file, pages[:1]).kind[0], _INTERIOR)

    def down(pages: Tensor, depth: Tensor, ok: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        level = _page(file, pages)
        entries = level.cells + 1  # behind the cells stands the right-most pointer, though in the header
        first = level.start + 12
        # Each cell has five bytes at least, behind the pointers.
        fits = 12 + 7 * level.cells + level.lead <= file.usable
        # None is without a cell but the first page, which has less room than its only child.
        ok &= tf.reduce_all(tf.equal(level.kind, _INTERIOR) & fits & ((level.cells > 0) | tf.equal(pages, 0)))
        # No page is in a tree twice, so none of its levels has more pages than the file: loops end here.
        ok &= tf.reduce_sum(tf.cast(entries, tf.int64)) <= tf.cast(file.pages, tf.int64)
        entries = tf.where(ok, entries, 0)
        splits, pointer = ranges(first, first + 2 * entries, 2)
        last = tf.gather(splits, tf.range(1, tf.size(splits))) - 1
        start = repeat_by(level.start, splits)
        cell = repeat_by(level.page * file.page_size, splits) + top(word_at(file.words, pointer), 2)
        is_last = tf.equal(tf.range(tf.size(pointer)), repeat_by(last, splits))
        child = top(word_at(file.words, tf.where(is_last, start + 8, cell)), 4) - 1
        # Page 0 holds the header, and is nobody's child.
        ok &= tf.reduce_all((child > 0) & (child < file.pages))
        return tf.cond(ok, lambda: child, lambda: tf.zeros([1], tf.int32)), depth + 1, ok

    state = (pages, tf.constant(0), in_file)
    shapes = (tf.TensorShape([None]), tf.TensorShape([]), tf.TensorShape([]))
    pages, depth, ok = tf.while_loop(goes_on, down, state, shape_invariants=shapes, parallel_iterations=1)
    level = _page(file, pages)
    # Only a root may be an empty leaf.
    ok &= tf.reduce_all(tf.equal(level.kind, _LEAF) & _cells_fit(level, file)) & (
        tf.equal(depth, 0) | tf.reduce_all(level.cells > 0)
    )
    ok &= tf.equal(tf.size(tf.unique(pages).y), tf.size(pages))
    return Leaves(pages, tf.where(ok, level.cells, 0), level.lead[0], ok)


def ranges(starts: Tensor, limits: Tensor, step: int = 1) -> tuple[Tensor, Tensor]:
    """All numbers from each start to its limit: row splits, and the numbers one after another, all int32."""
    made = tf.raw_ops.RaggedRange(starts=starts, limits=limits, deltas=step, Tsplits=tf.int32)
    return made.rt_nested_splits, made.rt_dense_values


def repeat_by(values: Tensor, splits: Tensor) -> Tensor:
    """Each value as often as its row of the splits is long."""
    return tf.gather(values, tf.ragged.row_splits_to_segment_ids(splits, out_type=tf.int32))


class _Page(NamedTuple):
    page: Tensor
    start: Tensor
    lead: Tensor
    kind: Tensor
    cells: Tensor
    content: Tensor


def _page(file: File, pages: Tensor) -> _Page:
    """The headers of pages. Source: sqlite.org/fileformat2.html, "B-tree Pages"."""
    lead = tf.where(tf.equal(pages, 0), LEAD, 0)
    start = pages * file.page_size + lead
    word = word_at(file.words, start)
    content = top(word, 2, 5)
    return _Page(pages, start, lead, top(word, 1), top(word, 2, 3), tf.where(tf.equal(content, 0), 65536, content))


def _cells_fit(level: _Page, file: File) -> Tensor:
    return (level.lead + 8 + 2 * level.cells <= level.content) & (level.content <= file.usable)
