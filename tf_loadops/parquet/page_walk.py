"""One column chunk: a walk over its pages, one after another or many together."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from tf_loadops.compiled import in_flight, looked_at
from tf_loadops.parquet.alike import no_pages
from tf_loadops.parquet.page_values import read_data, read_entries
from tf_loadops.parquet.pages import DATA, DATA_V2, DICTIONARY, Page, read_page
from tf_loadops.parquet.room import lengths, may_grow
from tf_loadops.parquet.together import Guess, first_guess, next_guess, read_together
from tf_loadops.parquet.troubles import ALL_EMPTY, BAD_COUNT, BAD_HEADER, NO_ROOM, OK, UNFINISHED, first
from tf_loadops.parquet.values import PRESENT, Column, Values, no_values

Tensor = Any

ALL = 2**31 - 1
"""No limit to the number of pages."""
_EMPTY = 1000  # pages one behind another that may be without a value; a hostile file has one for every few bytes


class _Walk(NamedTuple):
    """Where a walk over the pages of a column chunk stands; int32 scalars unless it says otherwise.

    Attributes:
      page: the number of the next page, from 0.
      at: where its header begins.
      rows: how many rows were read.
      dictionary: the chunk's.
      trouble: what is wrong with the last page.
      encoding: the last page's.
      empty: how many pages one behind another, up to here, had no value.
      guess: what is expected of the next pages.
      steps: how many vectors were written.
      complete: bool scalar, whether all rows have a value.
      text: int64 scalar, the bytes of all texts; 0 of numbers.
      values: a TensorArray of vectors.
      states: a TensorArray of vectors.
    """

    page: Any
    at: Any
    rows: Any
    dictionary: Values
    trouble: Any
    encoding: Any
    empty: Any
    guess: Guess
    steps: Any
    complete: Any
    text: Any
    values: Any
    states: Any


class _Step(NamedTuple):
    """What a step of the walk reads.

    Attributes:
      values: [rows] of the dtype.
      states: uint8 [rows].
      dictionary: the chunk's from here on.
      trouble: int32 scalar.
      pages: int32 scalar, how many were read.
      end: int32 scalar, where the last of them ends.
      rows: int32 scalar, how many they have.
    """

    values: Tensor
    states: Tensor
    dictionary: Values
    trouble: Tensor
    pages: Tensor
    end: Tensor
    rows: Tensor


def read_chunk(file: Tensor, chunk: Tensor, dtype: str, most: int) -> tuple[Tensor, ...]:
    """Reads one column chunk.

    Args:
      file: string scalar, the whole file.
      chunk: int32 [8]: where its first page begins and its last one ends, its rows, its codec, and a `values.Column`.
      dtype: the dtype.
      most: how many pages at most, or ALL.

    Returns:
      [rows] of the dtype, anything where there is none; uint8 [rows], PRESENT, MISSING or OUT_OF_RANGE, but empty if
      all are PRESENT; int32 [3], the trouble, its page and that page's encoding; a bool scalar, whether all are
      PRESENT; and an int64 scalar, the bytes of all texts.
    """
    start, end, count, codec, *parts = tf.unstack(chunk, num=8)
    column = Column(*parts)

    def goes_on(walk: _Walk) -> Tensor:
        return (walk.rows < count) & tf.equal(walk.trouble, OK) & (walk.page < most)

    def step(walk: _Walk) -> tuple[_Walk]:
        page = read_page(file, walk.at, end)
        left = count - walk.rows
        trouble = _wrong_with(page, walk.at < end, left)
        sound = tf.equal(trouble, OK)
        page = page._replace(values=tf.where(sound, page.values, 0))  # of nothing more can be read than there is
        is_data = sound & (tf.equal(page.type, DATA) | tf.equal(page.type, DATA_V2))
        way = tf.where(is_data, 1, tf.where(sound & tf.equal(page.type, DICTIONARY), 2, 0))
        together, guess = no_pages(dtype), walk.guess
        if most == ALL:
            together, guess = read_together(
                file, page, walk.at, end, left, codec, column, walk.dictionary, dtype, guess, is_data
            )
            way = tf.where(together.count > 0, 3, way)
        one = (tf.constant(1), page.at + page.size, tf.where(is_data, page.values, 0))
        no_rows = (tf.zeros([0], dtype), tf.zeros([0], tf.uint8))

        def nothing() -> _Step:
            return _Step(*no_rows, walk.dictionary, trouble, *one)

        def data() -> _Step:
            values, states, found = read_data(file, page, codec, column, walk.dictionary, dtype)
            return _Step(values, states, walk.dictionary, found, *one)

        def entries() -> _Step:
            return _Step(*no_rows, *read_entries(file, page, codec, column, dtype), *one)

        def several() -> _Step:
            read = (together.count, together.end, tf.size(together.values))
            return _Step(together.values, together.states, walk.dictionary, tf.constant(OK), *read)

        return (_moved_on(walk, tf.switch_case(way, [nothing, data, entries, several]), page.encoding, guess),)

    (walk,) = tf.while_loop(
        goes_on, step, (_at(start, dtype),), shape_invariants=(_SHAPES,), parallel_iterations=in_flight()
    )
    trouble = tf.where(tf.equal(walk.trouble, OK) & (walk.rows < count), UNFINISHED, walk.trouble)
    looked_at(walk.values, walk.states)

    def joined(parts: Any) -> Tensor:
        return tf.ensure_shape(parts.concat(), [None])

    fine = tf.equal(trouble, OK) & (walk.page > 0)
    complete = walk.complete | ~fine
    values = tf.cond(fine, lambda: joined(walk.values), lambda: tf.zeros([0], dtype))
    states = tf.cond(complete, lambda: tf.zeros([0], tf.uint8), lambda: joined(walk.states))
    return values, states, tf.stack([trouble, walk.page - 1, walk.encoding]), complete, walk.text


def vectors(dtype: str, size: Any) -> list[Any]:
    """TensorArrays of so many vectors of values and of states; of any number if that is no tensor."""
    return [
        tf.TensorArray(kind, size, dynamic_size=not tf.is_tensor(size), element_shape=[None], infer_shape=False)
        for kind in (dtype, tf.uint8)
    ]


def _at(start: Tensor, dtype: str) -> _Walk:
    """Before the first page."""
    zero, ok = tf.constant(0), tf.constant(OK)
    values, states = vectors(dtype, 0)
    dictionary, complete, text = no_values(dtype), tf.constant(True), tf.constant(0, tf.int64)
    return _Walk(zero, start, zero, dictionary, ok, zero, zero, first_guess(), zero, complete, text, values, states)


_ONE, _MANY, _ANY = tf.TensorShape([]), tf.TensorShape([None]), tf.TensorShape(None)
_SHAPES = _Walk(*[_ONE] * 13)._replace(
    dictionary=Values(_MANY, _MANY, _ONE), guess=Guess(_ONE, _ONE), values=_ANY, states=_ANY
)


def _wrong_with(page: Page, inside: Tensor, left: Tensor) -> Tensor:
    """What is to be seen of a page's header: the trouble."""
    holds_rows = tf.equal(page.type, DATA) | tf.equal(page.type, DATA_V2)
    too_many = holds_rows & (page.values > left)
    return first((~page.ok & inside, BAD_HEADER), (~page.ok | too_many, BAD_COUNT))


def _moved_on(walk: _Walk, step: _Step, encoding: Tensor, guess: Guess) -> _Walk:
    values, states, entries, bad = (
        tf.ensure_shape(part, [None])
        for part in (step.values, step.states, step.dictionary.values, step.dictionary.bad)
    )
    all_present = tf.equal(tf.reduce_max(states), PRESENT)
    empty = tf.where(step.rows > 0, 0, walk.empty + 1)
    text, room = walk.text, tf.constant(True)
    if values.dtype == tf.string:
        text += tf.reduce_sum(lengths(values))
        room = may_grow(walk.text, text)
    trouble = first((~tf.equal(step.trouble, OK), step.trouble), (empty > _EMPTY, ALL_EMPTY), (~room, NO_ROOM))
    return _Walk(
        page=walk.page + step.pages,
        at=step.end,
        rows=walk.rows + step.rows,
        dictionary=Values(entries, bad, step.dictionary.ok),
        trouble=trouble,
        encoding=encoding,
        empty=empty,
        guess=next_guess(guess, step.rows > 0, all_present),
        steps=walk.steps + 1,
        complete=walk.complete & all_present,
        text=text,
        values=walk.values.write(walk.steps, values),
        states=walk.states.write(walk.steps, states),
    )
