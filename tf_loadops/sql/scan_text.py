"""Fields of texts and blobs, as strings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tf_loadops.blocks import fill
from tf_loadops.bytesops.strings import to_strings
from tf_loadops.sql.scan_layout import TableColumn
from tf_loadops.sql.scan_records import ABSENT, FIRST_BLOB, Records, size_of
from tf_loadops.sql.scan_wanted import Part, Wanted

Tensor = Any
Data = Callable[[Tensor, Tensor, Tensor], Tensor]

_LIMIT = 1 << 27  # bytes of a block: what is above would take too much memory at once


def read_texts(records: Records, data: Data, is_utf8: Tensor, wanted: Wanted) -> tuple[list[Part], Tensor]:
    """Reads the groups of strings.

    Args:
      records: the rows.
      data: gives, for rows, places and lengths, all int32 [n], the bytes of all, one after another.
      is_utf8: bool scalar, whether texts are.
      wanted: what is read.

    Returns:
      A `Part` for each group of strings, and a bool scalar, whether all of them are right.
    """
    parts, ok = [], tf.constant(True)
    for group in (group for group in wanted.groups if wanted.is_text(group)):
        declared = wanted.declared(group)
        at, types = (tf.transpose(tf.gather(part, wanted.positions(group))) for part in (records.at, records.types))
        is_text = (types >= FIRST_BLOB) & tf.equal(types % 2, 1)
        right = (types >= FIRST_BLOB) | tf.equal(types, 0) | tf.equal(types, ABSENT)
        ok &= tf.reduce_all(right) & (is_utf8 | ~tf.reduce_any(is_text))
        lengths = tf.reshape(size_of(types), [-1])
        total = tf.reduce_sum(tf.cast(lengths, tf.int64))
        ok &= total <= _LIMIT
        lengths = tf.where(ok, lengths, 0)
        row = tf.reshape(tf.broadcast_to(tf.range(tf.shape(types)[0])[:, None], tf.shape(types)), [-1])
        strings = tf.reshape(to_strings(data(row, tf.reshape(at, [-1]), lengths), lengths), [-1, len(group)])
        absent = tf.equal(types, ABSENT)
        strings, valid, ok = _with_defaults(strings, types >= FIRST_BLOB, absent, declared, ok)
        if any(wanted.schema.columns[i].default is not None for i in group):
            strings = fill(strings, valid, wanted.schema, group)
        parts.append(Part((strings,), (valid,)))
    return parts, ok


def _with_defaults(
    strings: Tensor, valid: Tensor, absent: Tensor, declared: Sequence[TableColumn], ok: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Puts in what rows have that are older than a column; numbers are no text, also as a default or as the rowid."""
    defaults = [column.default for column in declared]
    given = np.array([default is not None for default in defaults])
    number = np.array([default is not None and not isinstance(default, (str, bytes)) for default in defaults])
    is_rowid = any(column.is_rowid for column in declared)
    if number.any():
        ok &= ~tf.reduce_any(absent & number)
    if is_rowid:
        ok &= tf.equal(tf.size(valid), 0)
    if given.any():
        texts = [default if isinstance(default, (str, bytes)) else "" for default in defaults]
        strings = tf.where(absent & given, tf.constant(texts)[None, :], strings)
        valid |= absent & given
    return strings, valid, ok
