"""Which field of a row is which column."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tf_loadops.csv import messages
from tf_loadops.errors import gate
from tf_loadops.schema import Schema

Tensor = Any


def find_columns(header: Tensor, line: Tensor, schema: Schema, name: Tensor) -> Tensor:
    """Finds columns by name in a header.

    Args:
      header: string [fields], the header's fields.
      line: int64 scalar, the line it stands on.
      schema: the columns wanted.
      name: string scalar, what messages call the text.

    Returns:
      int64 [columns], the position of each in the header.

    Raises:
      tf.errors.InvalidArgumentError: at run time, if a column is not in the header, or is there more than once.
    """
    index, times = positions(header, schema)

    def absent() -> Tensor:
        return messages.no_such_column(name, line, tf.argmax(tf.equal(times, 0)), header, schema)

    def twice() -> Tensor:
        column = tf.argmax(times > 1)
        return messages.column_twice(name, line, column, tf.gather(times, column), schema)

    index = gate(tf.reduce_all(times > 0), absent, index)
    return gate(tf.reduce_all(times < 2), twice, index)


def positions(header: Tensor, schema: Schema) -> tuple[Tensor, Tensor]:
    """Where each column first stands in a header, int64 [columns], and how often, int32 [columns]."""
    same = tf.equal(header[None, :], tf.constant(schema.names)[:, None])
    return tf.argmax(same, axis=1), tf.reduce_sum(tf.cast(same, tf.int32), axis=1)
