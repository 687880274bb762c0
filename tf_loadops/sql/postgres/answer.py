"""The server's answer: bytes cut into the parts that `sql.values` reads, or the message of a refusal."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from tf_loadops.blocks import groups_of
from tf_loadops.bytesops.strings import to_string, to_strings
from tf_loadops.errors import gate, utf8
from tf_loadops.schema import Schema
from tf_loadops.sql.postgres.expressions import WIDTHS
from tf_loadops.sql.query import shown
from tf_loadops.sql.select import width_of_marks

Tensor = Any

_HEADER = 32
# The dtype in which `sql.values` takes numbers of another one. Of float32 it takes that, too: a thread of tf.data would
# flush subnormal numbers in a conversion.
_RAW = {"int32": tf.int64, "bool": tf.int64}


class Answer(NamedTuple):
    """What a query gave.

    Attributes:
      parts: [rows, columns] of float32, float64, int64 or string for each group of columns, and int64 [rows, marks]
        behind them.
      bad: string scalar, what the first value is that does not fit; "" if there is none, or it was not asked for.
    """

    parts: tuple[Tensor, ...]
    bad: Tensor


def content(answer: Tensor, where: Tensor, query: Tensor) -> Tensor:
    """Refuses with the message of an answer that is one.

    Args:
      answer: uint8 [bytes].
      where: string scalar, the label of the server.
      query: string scalar, as the caller wrote it.

    Returns:
      The answer.
    """
    is_table = tf.equal(to_string(answer[:8]), "TABLE   ")
    said = lambda: tf.strings.join([where, ": ", utf8(to_string(answer[8:])), shown(query)])  # noqa: E731
    return gate(is_table, said, answer)


def parse(answer: Tensor, schema: Schema, flag: str | None = None) -> Answer:
    """Cuts an answer, as `program.reading` made it, into columns."""
    rows, flags, _ = tf.unstack(_numbers(answer[8:_HEADER], tf.int64), num=3)
    marks_of_row = width_of_marks(schema, flag)
    at = _HEADER + flags
    marks = tf.reshape(_numbers(answer[_HEADER:at], tf.int64), [-1, marks_of_row])
    unmarked = tf.zeros(tf.stack([rows, tf.constant(marks_of_row, tf.int64)]), tf.int64)
    parts = []
    for group in groups_of(schema):
        dtype = schema.columns[group[0]].dtype
        end = at + rows * (WIDTHS[dtype] * len(group))
        section, at = answer[at:end], end
        if dtype == "string":
            lengths = _numbers(section, tf.int32)
            end = at + tf.reduce_sum(tf.cast(lengths, tf.int64))
            values, at = to_strings(answer[at:end], lengths), end
        elif dtype == "bool":
            values = section
        else:
            values = _numbers(section, tf.as_dtype(dtype))
        columns = tf.transpose(tf.reshape(values, tf.stack([tf.constant(len(group), tf.int64), rows])))
        columns = tf.ensure_shape(columns, [None, len(group)])
        parts.append(tf.cast(columns, _RAW[dtype]) if dtype in _RAW else columns)
    return Answer((*parts, tf.cond(flags > 0, lambda: marks, lambda: unmarked)), to_string(answer[at:]))


def _numbers(octets: Tensor, dtype: Any) -> Tensor:
    """Big-endian numbers."""
    return tf.bitcast(tf.reverse(tf.reshape(octets, [-1, dtype.size]), [1]), dtype)

