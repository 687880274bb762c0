"""Column chunks, several at a time, as the values of one dtype."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import tensorflow as tf

from tf_loadops.compiled import SIDE_BY_SIDE, call, due, in_flight
from tf_loadops.parquet.page_walk import ALL, read_chunk, vectors
from tf_loadops.parquet.room import there_is_for_texts
from tf_loadops.parquet.troubles import NO_ROOM, OK, UNFINISHED
from tf_loadops.parquet.values import Column

Tensor = Any

# Op by op a page takes about 0.06 s more than in a graph; a third of it, for the graph costs thrice what `due` thinks.
_A_PAGE = 0.02
_ROWS_OF_A_PAGE = 20_000  # as most writers have it
_FEW = 20  # pages of a column chunk that are read op by op; before, there is no telling how many there are


class Chunks(NamedTuple):
    """The rows of column chunks, one chunk after another.

    Attributes:
      values: [all rows] of the dtype; anything where there is none.
      states: uint8 [all rows], PRESENT, MISSING or OUT_OF_RANGE; empty where all are PRESENT.
      troubles: int32 [chunks, 3]: OK or what is wrong, and then the page that it is wrong with, from 0, and that page's
        encoding. A chunk with which something is wrong has no rows.
    """

    values: Tensor
    states: Tensor
    troubles: Tensor


def read_chunks(
    file: Tensor, start: Tensor, end: Tensor, rows: Tensor, codec: Tensor, column: Column, dtype: str
) -> Chunks:
    """Reads column chunks, several at a time.

    Args:
      file: string scalar, the whole file.
      start: int32 [chunks], where the first page of each begins.
      end: int32 [chunks], where its last page ends.
      rows: int32 [chunks], how many rows each has.
      codec: int32 [chunks], a CompressionCodec that is `codecs.readable`.
      column: what each is of, `values.readable` as the dtype; its parts are [chunks].
      dtype: the dtype.

    Returns:
      The chunks.
    """
    each = tf.stack([start, end, rows, codec, *column], axis=1)
    if tf.executing_eagerly():
        found = _op_by_op(file, each, dtype)
        if found is not None:
            return found
    return Chunks(*call(_read_all, file, each, static=(dtype,), now=True))


def _op_by_op(file: Tensor, each: Tensor, dtype: str) -> Chunks | None:
    """What an eager caller gets without a graph; nothing where it is worth one."""
    pages = int(tf.reduce_sum(1 + each[:, 2] // _ROWS_OF_A_PAGE))
    if due(_read_all, (dtype,), _A_PAGE * pages):
        return None
    found = [(tf.zeros([0], dtype), tf.zeros([0], tf.uint8), tf.zeros([0, 3], tf.int32))]
    text = tf.constant(0, tf.int64)
    for chunk in tf.unstack(each):
        with tf.device("CPU:0"):  # as in a graph
            values, states, trouble, _, more = read_chunk(file, chunk, dtype, _FEW)
        if int(trouble[0]) == UNFINISHED:
            due(_read_all, (dtype,), math.inf)  # from now on there is a graph
            return None
        found.append((values, states, trouble[None]))
        text += more
    if not there_is_for_texts(2 * text):
        return _no_room(tf.concat([trouble for *_, trouble in found], 0), dtype)
    if any(tf.size(states) > 0 for _, states, _ in found):
        found = [(values, _padded(states, tf.size(values)), trouble) for values, states, trouble in found]
    return Chunks(*(tf.concat(parts, 0) for parts in zip(*found, strict=True)))


def _read_all(file: Tensor, each: Tensor, dtype: str) -> tuple[Tensor, ...]:
    total = tf.shape(each)[0]

    def body(i: Tensor, values: Any, states: Any, troubles: Any, complete: Tensor, text: Tensor) -> Any:
        part = call(read_chunk, file, tf.gather(each, i), static=(dtype, ALL), how=SIDE_BY_SIDE)
        value, state, trouble, all_present, more = part
        written = (values.write(i, value), states.write(i, state), troubles.write(i, trouble))
        return i + 1, *written, complete & all_present, text + more

    arrays = (*vectors(dtype, total), tf.TensorArray(tf.int32, total, element_shape=[3]))
    start = (tf.constant(0), *arrays, tf.constant(True), tf.constant(0, tf.int64))
    _, values, states, troubles, complete, text = tf.while_loop(
        lambda i, *_: i < total, body, start, parallel_iterations=in_flight()
    )
    troubles = troubles.stack()

    def padded() -> Tensor:
        rows = tf.where(tf.equal(troubles[:, 0], OK), each[:, 2], 0)
        _, found = tf.while_loop(
            lambda i, _: i < total,
            lambda i, found: (i + 1, found.write(i, _padded(states.read(i), rows[i]))),
            (tf.constant(0), vectors(dtype, total)[1]),
        )
        return tf.ensure_shape(found.concat(), [None])

    def joined() -> tuple[Tensor, ...]:
        all_states = tf.cond(complete, lambda: tf.zeros([0], tf.uint8), padded)
        return tf.ensure_shape(values.concat(), [None]), all_states, troubles

    if dtype != "string":
        return joined()
    return tf.cond(there_is_for_texts(2 * text), joined, lambda: tuple(_no_room(troubles, dtype)))


def _no_room(troubles: Tensor, dtype: str) -> Chunks:
    """Nothing, where there is no memory to put all chunks together; the last was one too many."""
    last = tf.concat([[NO_ROOM], troubles[-1, 1:]], 0)
    return Chunks(tf.zeros([0], dtype), tf.zeros([0], tf.uint8), tf.concat([troubles[:-1], last[None]], 0))


def _padded(states: Tensor, rows: Tensor) -> Tensor:
    """The states of so many rows, where there are none for PRESENT ones only."""
    return tf.pad(states, [[0, rows - tf.size(states)]])
