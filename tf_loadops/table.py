"""Table: what every reader returns, whatever the source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from tf_loadops.errors import LoadError

Tensor = Any


class Table(NamedTuple):
    """Columns, a validity mask beside each, and the counts of what was read.

    A Table is a nest: it passes through `tf.function`, `tf.data` and `tf.nest` like any tuple of dicts.

    Attributes:
      columns: dict of column name to Tensor [rows], in the schema's order.
      validity: dict of column name to bool Tensor [rows], False where the value is missing.
      counts: dict of int64 scalars: `rows`, `bad_rows`, `missing` (cells), `bytes` (of text or pages read).
    """

    columns: dict[str, Tensor]
    validity: dict[str, Tensor]
    counts: dict[str, Tensor]

    def matrix(self, names: Sequence[str] | None = None, dtype: Any = tf.float32) -> Tensor:
        """Stacks numeric and bool columns side by side.

        Args:
          names: the columns to take, in this order; all by default.
          dtype: the matrix' dtype, a float dtype.

        Returns:
          Tensor [rows, columns] of `dtype`. A missing value of a float column keeps the column's own stand-in (NaN
          unless a default was declared); bools become 0 and 1.

        Raises:
          LoadError: if a column holds text, which has no place in a float matrix.

        Example:
          >>> t = Table({"a": tf.constant([1, 2])}, {"a": tf.constant([True, True])}, {})
          >>> t.matrix().numpy().tolist()
          [[1.0], [2.0]]
        """
        names = list(self.columns) if names is None else list(names)
        text = [name for name in names if self.columns[name].dtype == tf.string]
        if text:
            raise LoadError(
                f"A matrix holds numbers only, but {', '.join(map(repr, text))} hold text. "
                f"Name the numeric columns with features=[...], or ask for output=\"columns\"."
            )
        if not names:
            raise LoadError("A matrix needs at least one column; none was named.")
        columns = [self.columns[name] for name in names]
        whole = _uncut(columns)
        if whole is not None:
            return tf.cast(whole, dtype)
        return tf.stack([tf.cast(column, dtype) for column in columns], axis=1)


def _uncut(columns: Sequence[Tensor]) -> Tensor | None:
    """The matrix that these columns were cut from, if a graph tells so: cutting and stacking would copy it twice."""
    cuts = [getattr(column, "op", None) for column in columns]  # an eager tensor has none
    first = cuts[0]
    if first is None or first.type != "Unpack" or first.get_attr("axis") != 1:
        return None
    if any(cut is not first for cut in cuts):
        return None
    at, whole = [column.value_index for column in columns], first.inputs[0]
    return whole if at == list(range(len(first.outputs))) else tf.gather(whole, at, axis=1)
