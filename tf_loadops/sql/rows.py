"""Running a statement: its rows as blocks; a locked database is waited for, and a lock told from a failure."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from tf_loadops.blocks import groups_of
from tf_loadops.paths import attempt, escaped, plain
from tf_loadops.schema import Schema
from tf_loadops.sql.alone import alone
from tf_loadops.sql.guard import is_wal, uri
from tf_loadops.sql.select import width_of_marks

Tensor = Any

# Few enough that the memory of one batch's scalars serves the next one: half the time of a single large batch.
_BATCH = 1024
_PAUSE = 20_000  # microseconds between two looks at a locked database
# A read may fail because of a lock that is gone when it is looked for; so often in a row, something else is wrong.
_CHANCES = 6
_RAW = {"float32": tf.float64, "float64": tf.float64, "int32": tf.int64, "int64": tf.int64, "bool": tf.int64}

PROBE = "SELECT count(*) FROM sqlite_master"
"""Fails where SQLite cannot read a database at all."""


class Fetched(NamedTuple):
    """What a statement gave.

    Attributes:
      done: bool scalar, whether it ran to its end.
      locked: bool scalar, whether it did not because of a lock.
      strikes: int32 scalar, how often it failed on a database that could be read.
      pauses: int32 scalar, how often it failed in all.
      opened: string scalar, the URI that was opened.
      parts: [rows, columns] of float64, int64 or string for each group of columns, and int64 [rows, marks] behind them;
        without rows unless `done`.
    """

    done: Tensor
    locked: Tensor
    strikes: Tensor
    pauses: Tensor
    opened: Tensor
    parts: tuple[Tensor, ...]


def fetch(
    path: Tensor, header: Tensor, statement: Tensor, schema: Schema, timeout: float, flag: str | None = None
) -> Fetched:
    """Runs a statement that `select` made, again and again while the database is locked.

    Args:
      path: string scalar, guarded.
      header: string scalar, the file's header.
      statement: string scalar.
      schema: the columns that it selects.
      timeout: seconds to wait for a lock to go.
      flag: as for `select`.

    Returns:
      What it gave: everything, or nothing.
    """
    most_pauses = math.ceil(timeout / _PAUSE * 1e6)  # a clock is forbidden where determinism is asked for
    kinds = _kinds(schema, flag)
    empty = tuple(tf.zeros([0, width], dtype) for dtype, width in kinds)
    # Read without regard to locks and logs, which shows what is in the way otherwise.
    unlocked = uri(path, "&immutable=1")

    def step(state: Fetched) -> tuple[Fetched]:
        parts, done = alone(lambda: _tried(state.opened, statement, kinds, empty))

        def failed() -> tuple[Tensor, ...]:
            is_readable, would_be = runs(state.opened, PROBE), runs(unlocked, PROBE)
            # Where it cannot write, SQLite opens a database with a log, but without a log file, only if told so.
            no_log = is_wal(header) & ~is_readable & would_be & ~_beside(path, "-wal")
            locked = ~is_readable & would_be & ~no_log
            is_late = state.pauses >= most_pauses
            pause = tf.where(no_log | (locked & is_late), 0, tf.where(locked, _PAUSE, _PAUSE // 10))
            slept(tf.cast(pause, tf.int64))
            more = tf.where(no_log, 0, tf.where(locked, tf.where(is_late, _CHANCES, 0), 1))
            return locked, state.strikes + more, state.pauses + 1, tf.where(no_log, unlocked, state.opened)

        def over() -> tuple[Tensor, ...]:
            return tf.constant(False), state.strikes, state.pauses, state.opened

        locked, strikes, pauses, opened = tf.cond(done, over, failed)
        return (Fetched(done, locked, strikes, pauses, opened, parts),)

    def goes_on(state: Fetched) -> Tensor:
        return ~state.done & (state.strikes < _CHANCES)

    scalar = tf.TensorShape([])
    matrices = tuple(tf.TensorShape([None, width]) for _, width in kinds)
    shapes = Fetched(scalar, scalar, scalar, scalar, scalar, matrices)
    start = Fetched(tf.constant(False), tf.constant(False), tf.constant(0), tf.constant(0), uri(path), empty)
    return tf.while_loop(goes_on, step, (start,), (shapes,), parallel_iterations=1)[0]


def runs(opened: Tensor, statement: Tensor) -> Tensor:
    """Whether SQLite takes a statement with one column, and finds its first row or its end: bool scalar."""
    statement = tf.convert_to_tensor(statement)
    return alone(lambda: attempt(lambda s: tf.strings.as_string(_first(opened, s, tf.int64)), statement))[1]


def text_of(opened: Tensor, statement: Tensor) -> Tensor:
    """The first text that a statement gives; "" if there is none."""
    return alone(lambda: attempt(lambda s: _first(opened, s, tf.string), statement))[0]


def _first(opened: Tensor, statement: Tensor, dtype: Any) -> Tensor:
    rows = tf.data.experimental.SqlDataset("sqlite", opened, statement, (dtype,))
    nothing = tf.data.Dataset.from_tensors((tf.zeros([], dtype),))
    return plain(rows.concatenate(nothing).take(1)).get_single_element()[0]


def _kinds(schema: Schema, flag: str | None) -> list[tuple[Any, int]]:
    """Dtype and width of each part."""
    kinds = [(_RAW.get(schema.columns[group[0]].dtype, tf.string), len(group)) for group in groups_of(schema)]
    return [*kinds, (tf.int64, width_of_marks(schema, flag))]


def _tried(
    opened: Tensor, statement: Tensor, kinds: list[tuple[Any, int]], empty: tuple[Tensor, ...]
) -> tuple[Any, Tensor]:
    """All rows, and whether there was no error on the way."""
    types = tuple(dtype for dtype, width in kinds for _ in range(width))

    def stack(*columns: Tensor) -> tuple[Tensor, ...]:
        rest = iter(columns)
        return _packed(tuple(tf.stack([next(rest) for _ in range(width)], axis=1) for _, width in kinds))

    def read(opened: Tensor, statement: Tensor) -> tuple[Any, Tensor]:
        rows = tf.data.experimental.SqlDataset("sqlite", opened, statement, types)
        batches = rows.batch(_BATCH).map(as_it_is(stack))
        # So that there is one. It also keeps tf.data from fusing `map` with a `batch` that is never full: the fusion
        # counts up to the size of the batch, whether there are rows or not.
        batches = batches.concatenate(tf.data.Dataset.from_tensors(_packed(empty)))
        whole = plain(batches.batch(1 << 40)).get_single_element()
        parts = zip(whole, kinds, strict=True)
        return tuple(tf.ensure_shape(_unpacked(part, dtype), [None, width]) for part, (dtype, width) in parts), True

    # A dataset is the one place where a graph can survive a failing op.
    tried = tf.data.Dataset.from_tensors((opened, statement)).map(as_it_is(read)).ignore_errors()
    failed = tf.data.Dataset.from_tensors((empty, False))
    return plain(tried.concatenate(failed).take(1)).get_single_element()


def _packed(parts: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Parts as scalars, so that batches of different lengths fit into one tensor."""
    return tuple(
        tf.raw_ops.RaggedTensorToVariant(rt_nested_splits=[], rt_dense_values=part, batched_input=False)
        for part in parts
    )


def _unpacked(packed: Tensor, dtype: Any) -> Tensor:
    return tf.raw_ops.RaggedTensorFromVariant(
        encoded_ragged=packed, input_ragged_rank=0, output_ragged_rank=1, Tvalues=dtype, Tsplits=tf.int64
    ).output_dense_values


def raised(opened: Tensor, statement: Tensor, dtypes: tuple[Any, ...]) -> Tensor:
    """Runs a statement that is known to fail, so that SQLite's own reason is seen; True if it did not fail."""
    rows = tf.data.experimental.SqlDataset("sqlite", opened, statement, dtypes).batch(_BATCH)
    return alone(lambda: plain(rows).reduce(True, as_it_is(lambda *_: True)))


def _beside(path: Tensor, suffix: str) -> Tensor:
    return tf.size(tf.io.matching_files(tf.strings.join([escaped(path), suffix]))) > 0


def slept(microseconds: Tensor) -> None:
    """Does nothing for a while."""
    one = tf.data.experimental.to_variant(tf.data.Dataset.from_tensors(0))
    kinds = {"output_types": [tf.int32], "output_shapes": [tf.TensorShape([])]}
    late = tf.raw_ops.SleepDataset(input_dataset=one, sleep_microseconds=microseconds, **kinds)
    tf.data.experimental.from_variant(late, tf.TensorSpec([], tf.int32)).get_single_element()


def as_it_is(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that autograph leaves alone."""
    return tf.autograph.experimental.do_not_convert(function)
