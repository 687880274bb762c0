"""The general engine: any CSV text to columns, by string ops.

It is also the measure of every other engine: same values, same validity, same counts, same refusals.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tf_loadops.csv import messages
from tf_loadops.csv.fields import split_fields
from tf_loadops.csv.header import find_columns
from tf_loadops.csv.options import Options
from tf_loadops.csv.records import Records, split_records
from tf_loadops.csv.text import Text
from tf_loadops.csv.values import MISSING, OK, parse_values
from tf_loadops.errors import gate
from tf_loadops.schema import Schema
from tf_loadops.table import Table

Tensor = Any

_NO_VALUE = {"float32": np.nan, "float64": np.nan, "int32": 0, "int64": 0, "bool": False, "string": ""}


class _Rows(NamedTuple):
    """The fields of all rows, and where each row is.

    Attributes:
      fields: string [fields], those of all rows behind one another.
      start: int64 [rows], the first field of each row.
      width: int64 [rows], how many fields it has.
      expected: int64 scalar, how many it should have.
      line: int64 [rows], the line on which it begins, from 1.
      index: int64 [columns], the position in a row of each column wanted.
    """

    fields: Tensor
    start: Tensor
    width: Tensor
    expected: Tensor
    line: Tensor
    index: Tensor


def parse_text(text: Text, options: Options, name: Tensor) -> Table:
    """Parses a CSV text.

    Args:
      text: the text with its flags.
      options: what to read, and how.
      name: string scalar, what messages call the text.

    Returns:
      The table; `counts["bytes"]` is the text's length.

    Raises:
      tf.errors.InvalidArgumentError: at run time, with line and column.
    """
    records = split_records(text, options.schema.dialect, name)
    table = parse_records(records, text, options, options.schema.dialect.header, name)
    table.counts["bytes"] = tf.cast(tf.strings.length(text.text), tf.int64)
    return table


def parse_records(records: Records, text: Text, options: Options, header: bool, name: Tensor) -> Table:
    """Parses records; `header` says whether the first of them names the columns."""
    rows = _rows(records, text, options, header, name)
    blocks = [_Block(rows, options.selected, group, text) for group in _groups(options.selected)]
    fits = tf.equal(rows.width, rows.expected)
    bad = ~fits
    for block in blocks:
        bad |= tf.reduce_any(tf.not_equal(block.trouble, OK), axis=1)
    bad_rows = tf.reduce_sum(tf.cast(bad, tf.int64))

    columns: dict[str, Tensor] = {}
    validity: dict[str, Tensor] = {}
    for block in blocks:
        valid = block.valid & fits[:, None]
        values = tf.where(valid, block.values, tf.constant(block.defaults, block.values.dtype)[None, :])
        if options.on_bad_row == "skip":
            valid, values = valid[~bad], values[~bad]
        for i, (v, mask) in enumerate(zip(tf.unstack(values, axis=1), tf.unstack(valid, axis=1), strict=True)):
            column = options.columns[block.group[i]]
            columns[column], validity[column] = tf.ensure_shape(v, [None]), tf.ensure_shape(mask, [None])
    table = Table({c: columns[c] for c in options.columns}, {c: validity[c] for c in options.columns}, {})
    table.counts.update(_counts(table, bad_rows))
    if options.on_bad_row == "raise":
        table = gate(tf.equal(bad_rows, 0), lambda: _first_trouble(rows, blocks, bad, fits, options, name), table)
    return table


class _Block:
    """The columns of one dtype and one set of NA words, parsed at once."""

    def __init__(self, rows: _Rows, schema: Schema, group: list[int], text: Text) -> None:
        self.group = group
        column = schema.columns[group[0]]
        at = rows.start[:, None] + tf.gather(rows.index, group)[None, :]
        fields = tf.gather(rows.fields, tf.minimum(at, tf.size(rows.fields, out_type=tf.int64) - 1))
        parsed = parse_values(fields, column.dtype, schema.na_words(column), text.has_high)
        self.values = parsed.values
        self.trouble = parsed.trouble
        if column.dtype not in ("float32", "float64", "string"):
            unnamed = tf.constant([schema.columns[i].default is None for i in group])
            self.trouble = tf.where(parsed.missing & unnamed, tf.constant(MISSING, tf.int8), self.trouble)
        self.valid = ~parsed.missing & tf.equal(self.trouble, OK)
        self.defaults = [
            _NO_VALUE[column.dtype] if schema.columns[i].default is None else schema.columns[i].default for i in group
        ]


def _groups(schema: Schema) -> list[list[int]]:
    groups: dict[Any, list[int]] = {}
    for i, column in enumerate(schema):
        groups.setdefault((column.dtype, schema.na_words(column)), []).append(i)
    return list(groups.values())


def _rows(records: Records, text: Text, options: Options, header: bool, name: Tensor) -> _Rows:
    schema = options.schema
    if header:
        any_record = tf.size(records.text) > 0
        records = Records(*gate(any_record, lambda: messages.no_header(name), tuple(records)))
    fields = split_fields(records, text.has_quote, schema.dialect, name)
    splits, line = fields.row_splits, records.line
    if header:
        names = fields.values[: splits[1]]
        index = find_columns(names, line[0], options.selected, name)
        expected = tf.size(names, out_type=tf.int64)
        splits, line = splits[1:], line[1:]
    else:
        index = tf.constant([schema.names.index(column) for column in options.columns], tf.int64)
        expected = tf.constant(len(schema), tf.int64)
    if not options.allow_empty:
        splits, line = gate(tf.size(line) > 0, lambda: messages.no_rows(name, header), (splits, line))
    return _Rows(fields.values, splits[:-1], splits[1:] - splits[:-1], expected, line, index)


def _counts(table: Table, bad_rows: Tensor) -> dict[str, Tensor]:
    masks = list(table.validity.values())
    missing = tf.add_n([tf.reduce_sum(tf.cast(~mask, tf.int64)) for mask in masks])
    return {"rows": tf.size(masks[0], out_type=tf.int64), "bad_rows": bad_rows, "missing": missing}


def _first_trouble(
    rows: _Rows, blocks: list[_Block], bad: Tensor, fits: Tensor, options: Options, name: Tensor
) -> Tensor:
    row = tf.argmax(bad)
    line = rows.line[row]
    order = np.argsort([i for block in blocks for i in block.group])

    def field() -> Tensor:
        trouble = tf.gather(tf.concat([block.trouble[row] for block in blocks], 0), order)
        column = tf.argmax(tf.not_equal(trouble, OK))
        text = tf.gather(rows.fields, rows.start[row] + tf.gather(rows.index, column))
        return messages.bad_field(name, line, column, options.selected, text, tf.gather(trouble, column))

    def ragged() -> Tensor:
        return messages.ragged_row(name, line, rows.width[row], rows.expected, options.schema.dialect.delimiter)

    return tf.cond(fits[row], field, ragged)


