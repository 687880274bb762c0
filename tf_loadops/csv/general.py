"""The general engine: any CSV text to columns, by string ops.

It is also the measure of every other engine: same values, same validity, same counts, same refusals.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tf_loadops.blocks import Blocks, count, fill, groups_of, without_stand_in
from tf_loadops.csv import messages
from tf_loadops.csv.fields import split_fields
from tf_loadops.csv.header import find_columns
from tf_loadops.csv.options import Options
from tf_loadops.csv.records import Records, split_records
from tf_loadops.csv.text import Text
from tf_loadops.csv.values import MISSING, OK, Values, parse_values
from tf_loadops.errors import gate
from tf_loadops.schema import Schema

Tensor = Any


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


def parse_general(text: Text, options: Options, name: Tensor) -> Blocks:
    """Parses a CSV text.

    Args:
      text: the text with its flags.
      options: what to read, and how.
      name: string scalar, what messages call the text.

    Returns:
      The blocks of `options.selected`.

    Raises:
      tf.errors.InvalidArgumentError: at run time, with line and column.
    """
    records = split_records(text, options.schema.dialect, name)
    return parse_records(records, text, options, options.schema.dialect.header, name)


def parse_records(records: Records, text: Text, options: Options, header: bool, name: Tensor) -> Blocks:
    """Parses records; `header` says whether the first of them names the columns."""
    rows = _rows(records, text, options, header, name)
    schema = options.selected
    groups = groups_of(schema)
    parsed = [_parse_group(rows, schema, group, text) for group in groups]
    fits = tf.equal(rows.width, rows.expected)
    bad = ~fits
    for part in parsed:
        bad |= tf.reduce_any(tf.not_equal(part.trouble, OK), axis=1)
    bad_rows = tf.reduce_sum(tf.cast(bad, tf.int64))

    valid = [~part.missing & tf.equal(part.trouble, OK) & fits[:, None] for part in parsed]
    values = [fill(part.values, mask, schema, group) for part, mask, group in zip(parsed, valid, groups, strict=True)]
    if options.on_bad_row == "skip":
        values, valid = [tensor[~bad] for tensor in values], [mask[~bad] for mask in valid]
        if not options.allow_empty:
            values, valid = gate(~tf.reduce_all(bad), lambda: messages.all_skipped(name, bad_rows), (values, valid))
    blocks = Blocks(tuple(values), tuple(valid), count(valid, bad_rows, text.text))
    if options.on_bad_row == "raise":
        trouble = [part.trouble for part in parsed]
        blocks = gate(tf.equal(bad_rows, 0), lambda: _first_trouble(rows, trouble, bad, fits, options, name), blocks)
    return blocks


def _parse_group(rows: _Rows, schema: Schema, group: list[int], text: Text) -> Values:
    """Parses the columns of one dtype and one set of NA words at once."""
    column = schema.columns[group[0]]
    at = rows.start[:, None] + tf.gather(rows.index, group)[None, :]
    fields = tf.gather(rows.fields, tf.minimum(at, tf.size(rows.fields, out_type=tf.int64) - 1))
    parsed = parse_values(fields, column.dtype, schema.na_words(column), text.has_high)
    nothing_to_say = parsed.missing & tf.constant(without_stand_in(schema, group))
    return parsed._replace(trouble=tf.where(nothing_to_say, tf.constant(MISSING, tf.int8), parsed.trouble))


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


def _first_trouble(
    rows: _Rows, troubles: list[Tensor], bad: Tensor, fits: Tensor, options: Options, name: Tensor
) -> Tensor:
    row = tf.argmax(bad)
    line = rows.line[row]
    order = np.argsort([i for group in groups_of(options.selected) for i in group])

    def field() -> Tensor:
        trouble = tf.gather(tf.concat([trouble[row] for trouble in troubles], 0), order)
        column = tf.argmax(tf.not_equal(trouble, OK))
        text = tf.gather(rows.fields, rows.start[row] + tf.gather(rows.index, column))
        return messages.bad_field(name, line, column, options.selected, text, tf.gather(trouble, column))

    def ragged() -> Tensor:
        return messages.ragged_row(name, line, rows.width[row], rows.expected, options.schema.dialect.delimiter)

    return tf.cond(fits[row], field, ragged)


