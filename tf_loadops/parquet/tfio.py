"""Reading by tensorflow-io's op, of files that `tfio_guard` lets pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tf_loadops.blocks import Blocks, groups_of
from tf_loadops.compiled import in_flight
from tf_loadops.errors import gate
from tf_loadops.parquet import leaves as k
from tf_loadops.parquet.extra import parquet_ops
from tf_loadops.parquet.footer import Footer
from tf_loadops.parquet.numbers import to_numbers
from tf_loadops.parquet.options import Options
from tf_loadops.parquet.plan import Plan, make_plan
from tf_loadops.parquet.rows import Part, to_blocks
from tf_loadops.parquet.tfio_guard import guarded
from tf_loadops.parquet.values import Column, states_of
from tf_loadops.paths import attempt, plain
from tf_loadops.schema import Schema

Tensor = Any

# The dtype of the op for each of `leaves.KINDS`: the type in the file, or the process ends.
_NUMBERS = (tf.bool, tf.int32, tf.int64, tf.float32, tf.float64)
_OF_KINDS = {
    k.BOOL: tf.bool, k.INT32: tf.int32, k.UINT32: tf.int32, k.DECIMAL32: tf.int32, k.INT64: tf.int64,
    k.UINT64: tf.int64, k.DECIMAL64: tf.int64, k.FLOAT: tf.float32, k.DOUBLE: tf.float64,
}  # fmt: skip
_CONTAINER = "tf-loadops"


def read_rows(file: Tensor, footer: Footer, plan: Plan, options: Options, path: Tensor) -> Blocks:
    """Reads what is planned, the same values as `rows.read_rows`.

    The op opens the file by its path, a second time. So the file's end, where a writer leaves its footer, is read once
    more behind that, and must be what was checked.

    Args:
      file: string scalar, the whole file.
      footer: its footer.
      plan: what to read of it.
      options: how.
      path: string scalar, the file's path.

    Returns:
      The blocks.

    Raises:
      tf.errors.InvalidArgumentError: at run time, for files that tensorflow-io is not known to read right, and as
        `rows.read_rows`.
    """
    schema = options.schema
    # The op goes through all row groups, whichever are wanted of it.
    full = make_plan(footer, Options(schema), path)
    checked = guarded(file, footer, full, schema, path)
    # It keeps a file open by the name that it is given for it, and would read that one again: each content has its own.
    key = tf.strings.join([checked, "#", tf.strings.as_string(tf.strings.to_hash_bucket_fast(file, 2**63 - 1))])
    total = tf.reduce_sum(footer.rows)
    wanted = None if options.row_groups is None else _rows_of(footer, plan)
    parts = [_read_group(checked, key, plan, total, schema, group, wanted) for group in groups_of(schema)]
    with tf.control_dependencies([part.values for part in parts]):
        same = _ends_as(tf.identity(checked), file, footer.end)
    parts = gate(same, lambda: tf.strings.join([path, ": the file changed while it was read. Read it again."]), parts)
    return to_blocks(file, parts, plan, options, path)


def _rows_of(footer: Footer, plan: Plan) -> Tensor:
    """The numbers of the rows in the row groups of a plan."""
    starts = tf.gather(tf.cumsum(footer.rows, exclusive=True), plan.groups)
    return tf.ragged.range(starts, starts + tf.cast(plan.rows, tf.int64)).values


def _read_group(
    path: Tensor, key: Tensor, plan: Plan, total: Tensor, schema: Schema, group: list[int], wanted: Tensor | None
) -> Part:
    """Columns of one dtype, several at a time."""
    dtype = schema.columns[group[0]].dtype
    names = tf.constant([schema.names[i] for i in group])
    numbers = tf.constant(group)
    types = (tf.string,) if dtype == "string" else _NUMBERS
    way_of = tf.constant([types.index(_OF_KINDS[i]) if _OF_KINDS.get(i) in types else 0 for i in range(len(k.KINDS))])
    width = len(group)

    def body(i: Tensor, values: Any, states: Any) -> Any:
        at = tf.minimum(i, width - 1)
        column = Column(*(part[numbers[at]] for part in plan.column))
        opens = i < width
        own = tf.strings.join([key, "#", tf.strings.as_string(numbers[at])])
        shared = tf.strings.join(["column ", names[at]])
        raw = tf.switch_case(
            tf.where(opens, way_of[column.kind], i - width),
            [_reader(path, tf.where(opens, own, shared), names[at], tf.where(opens, total, 0), t) for t in types],
        )
        if dtype == "string":
            read, bad = raw, tf.zeros_like(raw, tf.bool)
        else:
            read, bad = to_numbers(raw, column.kind, column.width, column.scale, dtype)
        return i + 1, values.write(i, read), states.write(i, states_of(bad))

    def turn(n: Tensor, values: Any, states: Any) -> Any:
        first = tf.where(tf.equal(n, 0), 0, width)
        last = tf.where(tf.equal(n, 0), width, width + len(types))
        _, values, states = tf.while_loop(
            lambda i, *_: i < last, body, (first, values, states), parallel_iterations=in_flight()
        )
        return n + 1, values, states

    arrays = tuple(
        tf.TensorArray(kind, width + len(types), element_shape=[None], infer_shape=False) for kind in (dtype, tf.uint8)
    )
    # An op keeps the last file open that it opened, for ever, and lets go of it when it is given another name. So all
    # read no rows, once more, by a name that they share with all others of this column; there its first file stays.
    _, values, states = tf.while_loop(lambda n, *_: n < 2, turn, (tf.constant(0), *arrays), parallel_iterations=1)
    values, states = (tf.reshape(part.concat(), [width, -1]) for part in (values, states))
    if wanted is not None:
        values, states = tf.gather(values, wanted, axis=1), tf.gather(states, wanted, axis=1)
    complete = ~tf.reduce_any(states > 0)
    none = tf.zeros([0, width], tf.uint8)
    states = tf.cond(complete, lambda: none, lambda: tf.transpose(states))
    values = tf.ensure_shape(tf.transpose(values), [None, width])
    return Part(values, tf.ensure_shape(states, [None, width]), complete)


def _reader(path: Tensor, key: Tensor, name: Tensor, rows: Tensor, dtype: Any) -> Callable[[], Tensor]:
    """What reads a column: strings as they are, numbers as uint8, their bytes."""

    def read() -> Tensor:
        # Of more rows than there are it would return memory that nobody wrote.
        found = parquet_ops().io_parquet_readable_read(
            input=path, shared=key, component=name, shape=rows[None], start=0, stop=-1, dtype=dtype,
            container=_CONTAINER,
        )  # fmt: skip
        if dtype == tf.string:
            return tf.ensure_shape(found, [None])
        found = tf.cast(found, tf.uint8) if dtype == tf.bool else tf.bitcast(found, tf.uint8)
        return tf.reshape(found, [-1])

    return read


def _ends_as(path: Tensor, file: Tensor, at: Tensor) -> Tensor:
    """Whether the file still is as long, and the same from `at` on, up to its end."""
    size = tf.strings.length(file)

    def tail(path: Tensor) -> Tensor:
        # Only of a file of this length, or of whole multiples behind `at`, there are records. Of any other the dataset
        # fails again and again, so it must be this function that fails, and not one of its elements.
        records = tf.data.FixedLengthRecordDataset(
            path, record_bytes=tf.cast(size - at, tf.int64), header_bytes=tf.cast(at, tf.int64)
        )
        join = tf.autograph.experimental.do_not_convert(lambda a, b: tf.strings.join([a, b]))
        return plain(records.take(2)).reduce(tf.constant(""), join)

    found, readable = attempt(tail, path)
    return readable & tf.equal(found, tf.strings.substr(file, at, size - at))
