"""Whether the pages to come are read together, and how many: a guess, made anew from what became of the last one."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from tf_loadops.parquet import codecs
from tf_loadops.parquet import leaves as k
from tf_loadops.parquet.alike import Pages, no_pages
from tf_loadops.parquet.page_runs import MOST, read_run
from tf_loadops.parquet.pages import DATA, Page
from tf_loadops.parquet.small_pages import SMALL, read_small
from tf_loadops.parquet.values import DICTIONARIES, Column, Values

Tensor = Any

# How many pages: some at first, more where that paid, and none for a while where it did not, which counts up to 0, and
# then a few.
_SOME, _MORE, _WHILE, _FEWER = 32, 8, 16, 4


class Guess(NamedTuple):
    """What is expected of the pages to come.

    Attributes:
      most: int32 scalar, how many to look at together; none if it is not positive.
      windows: bool scalar, whether small ones are looked for in windows, until others cut these short.
    """

    most: Tensor
    windows: Tensor


def first_guess() -> Guess:
    """Of a column chunk of which nothing is known."""
    return Guess(tf.constant(_SOME), tf.constant(True))


def read_together(
    file: Tensor, page: Page, at: Tensor, end: Tensor, rows: Tensor, codec: Tensor, column: Column, dictionary: Values,
    dtype: str, guess: Guess, may: Tensor,
) -> tuple[Pages, Guess]:
    """Reads pages that are alike, if there are such and the guess is that it pays.

    Args:
      file: string scalar, the whole file.
      page: the next page.
      at: int32 scalar, where its header begins.
      end: int32 scalar, where the last page of the column chunk ends.
      rows: int32 scalar, how many rows are left of the column chunk.
      codec: int32 scalar, a CompressionCodec that is `codecs.readable`.
      column: what the pages are of, `values.readable` as the dtype.
      dictionary: the column chunk's.
      dtype: the dtype.
      guess: about this page and those behind it.
      may: bool scalar; False to read none.

    Returns:
      The pages from this one on, none or more than one; and a guess about those behind them.
    """
    indexed = tf.reduce_any(tf.equal(page.encoding, tf.constant(DICTIONARIES)))
    plain = tf.equal(page.encoding, 0) & (column.width > 0) if dtype != "string" else tf.constant(False)
    hopeful = may & (guess.most > 0) & (indexed | plain)
    small = hopeful & guess.windows & plain & tf.equal(codec, codecs.NONE) & (page.size < SMALL)
    known = tf.reduce_any(tf.equal(codec, tf.constant(codecs.TOGETHER)))
    run = known & tf.equal(page.type, DATA) & (indexed | ~tf.equal(column.kind, k.BOOL))
    more = hopeful & (page.at + page.size < end)
    ways = [
        lambda: no_pages(dtype),
        lambda: read_run(file, at, end, rows, codec, guess.most, indexed, column, dictionary, dtype),
    ]
    if dtype != "string":
        ways.append(lambda: read_small(file, at, end, rows, column, dtype))
    found = tf.switch_case(tf.where(more, tf.where(small, 2, tf.where(run, 1, 0)), 0), ways)
    values, states = (tf.ensure_shape(part, [None]) for part in (found.values, found.states))
    paid, failed = tf.minimum(_MORE * guess.most, MOST), tf.where(small, _FEWER, -_WHILE)
    most = tf.where(hopeful, tf.where(found.paid, paid, failed), guess.most)
    return found._replace(values=values, states=states), Guess(most, guess.windows & (~small | found.paid))


def next_guess(guess: Guess, some_rows: Tensor, all_present: Tensor) -> Guess:
    """Makes a guess anew.

    Args:
      guess: the last one.
      some_rows: bool scalar, whether the pages that were read since have any.
      all_present: bool scalar, whether all of these have a value.

    Returns:
      The guess about the next page.
    """
    again = tf.where(tf.equal(guess.most, 0) & some_rows, _FEWER, guess.most)
    return Guess(tf.where(guess.most < 0, guess.most + 1, again), guess.windows & all_present)
