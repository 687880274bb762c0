"""The fields that the compiled programs leave: cut out as text and read by the general engine's rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from tf_loadops.bytesops.swar import AND, SHL, SHR, first_bit, u64
from tf_loadops.csv.numeric_scan import Separators
from tf_loadops.csv.numeric_types import Group, Typed
from tf_loadops.csv.values import OK, parse_values

Tensor = Any


class _Places(NamedTuple):
    markers: Tensor
    separators: Separators


def patch(
    table: Typed,
    piece: Tensor,
    markers: Tensor,
    places: Separators,
    fields: Tensor,
    wanted: Tensor,
    groups: Sequence[Group],
    crlf: Tensor,
) -> tuple[Typed, Tensor]:
    """Reads the hard fields of a chunk again, as text.

    Args:
      table: the chunk's columns.
      piece: string scalar, the chunk.
      markers: uint64, the separators' markers.
      places: where the separators are.
      fields: int64 scalar, fields of a row.
      wanted: int64 [columns], which of them are in the table.
      groups: the columns' types.
      crlf: bool scalar, whether rows end in CR LF.

    Returns:
      The columns without hard fields, and whether every one of them was a value or missing.
    """
    lines = tf.strings.split(piece, "\n")
    values, masks, oks = [], [], []
    at = 0
    for group, value, missing, hard in zip(groups, *table[:3], strict=True):
        for words in dict.fromkeys(group.words):
            mine = tf.constant([w == words for w in group.words])
            where = tf.where(hard & mine)
            in_table = where + tf.constant([0, at], tf.int64)
            text = _cut_out(in_table, lines, _Places(markers, places), fields, wanted, crlf)
            read = parse_values(text, group.dtype, words, tf.constant(True))
            value = tf.tensor_scatter_nd_update(value, where, read.values)
            missing = tf.tensor_scatter_nd_update(missing, where, read.missing)
            oks.append(tf.reduce_all(tf.equal(read.trouble, OK)))
        values.append(value)
        masks.append(missing)
        at += len(group.words)
    return Typed(tuple(values), tuple(masks), ()), tf.reduce_all(tf.stack(oks))


def _cut_out(
    where: Tensor, lines: Tensor, places: _Places, fields: Tensor, wanted: Tensor, crlf: Tensor
) -> Tensor:
    """The texts of fields given as (row, column of the table)."""
    row, column = where[:, 0], tf.gather(wanted, where[:, 1])
    flat = row * fields + column
    # Lines are cut out of the chunk first: a `substr` of the chunk itself would copy all of it for each field.
    line_start = _behind(row * fields - 1, places)
    line_start += tf.where(crlf & (row > 0), tf.ones_like(row), tf.zeros_like(row))  # the marked end is the CR
    start = tf.maximum(_behind(flat - 1, places), line_start)
    end = _behind(flat, places) - 1
    return tf.strings.substr(tf.gather(lines, row), start - line_start, end - start)


def _behind(flat: Tensor, places: _Places) -> Tensor:
    """The byte of the chunk behind the separator with this number; 0 before the first one."""
    return tf.where(flat >= 0, _position(tf.maximum(flat, 0), places) + 1, tf.zeros_like(flat))


def _position(flat: Tensor, places: _Places) -> Tensor:
    """The byte of the chunk at which the separator with this number stands."""
    at = SHL(tf.gather(places.separators.group, flat), places.separators.shift)
    word = tf.gather(places.markers, SHR(at, tf.constant(3, tf.int64)))
    skip = SHL(tf.cast(AND(at, tf.constant(7, tf.int64)), tf.uint64), u64(3))
    bit = first_bit(AND(word, SHL(u64(2**64 - 1), skip)))
    return SHL(SHR(at, tf.constant(3, tf.int64)), tf.constant(3, tf.int64)) + tf.cast(SHR(bit, u64(3)), tf.int64)
