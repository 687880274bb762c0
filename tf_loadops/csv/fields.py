"""From records to fields: delimiters, and quotes taken off (RFC 4180)."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tf_loadops.csv.records import Records, lone_cr
from tf_loadops.csv.text import contains, last_byte
from tf_loadops.errors import gate
from tf_loadops.schema import Dialect

Tensor = Any

# Stands for a delimiter inside quotes while a record is cut at the others; text with a real NUL was refused before.
_HIDDEN = "\x00"


def split_fields(records: Records, has_quote: Tensor, dialect: Dialect, name: Tensor) -> Any:
    """Cuts records into fields, unquoted.

    Args:
      records: the records.
      has_quote: bool scalar, whether any quote occurs.
      dialect: how the text is written.
      name: string scalar, what messages call the text.

    Returns:
      String RaggedTensor [records, (fields)].

    Raises:
      tf.errors.InvalidArgumentError: at run time, for a quote inside an unquoted field and for text behind a closing
        quote: from there on nobody knows where records end, so such text is refused even if bad rows are skipped.

    Source: RFC 4180, section 2, rules 5 to 7.
    """
    if dialect.quote is None:
        return tf.strings.split(records.text, dialect.delimiter)

    def plain() -> tuple[Tensor, Tensor]:
        fields = tf.strings.split(records.text, dialect.delimiter)
        return fields.values, fields.row_splits

    values, splits = tf.cond(has_quote, lambda: _split_quoted(records, dialect, name), plain)
    return tf.RaggedTensor.from_row_splits(tf.ensure_shape(values, [None]), splits, validate=False)


def _split_quoted(records: Records, dialect: Dialect, name: Tensor) -> tuple[Tensor, Tensor]:
    quote, delimiter = str(dialect.quote), dialect.delimiter
    parts = tf.strings.split(records.text, quote)
    quoted = tf.where(parts.row_lengths() > 1)[:, 0]  # the records that hold a quote at all
    hidden = _hide_delimiters(tf.gather(parts, quoted), delimiter, quote)
    text = tf.tensor_scatter_nd_update(records.text, quoted[:, None], hidden)
    fields = tf.strings.split(text, delimiter)

    in_quoted = tf.tensor_scatter_nd_update(
        tf.zeros([fields.nrows()], tf.bool), quoted[:, None], tf.ones_like(quoted, tf.bool)
    )
    row = fields.value_rowids()
    at = tf.where(tf.gather(in_quoted, row))  # the fields of those records
    raw = tf.gather_nd(fields.values, at)
    row = tf.gather(row, at[:, 0])
    size = tf.strings.length(raw)
    wrapped = (size >= 2) & tf.equal(tf.strings.substr(raw, 0, 1), quote) & tf.equal(last_byte(raw), quote)
    step = tf.cast(wrapped, tf.int32)
    bare = tf.strings.substr(raw, step, size - 2 * step)
    q = rf"\x{ord(quote):02x}"
    stray = contains(tf.where(wrapped, tf.strings.regex_replace(bare, q + q, ""), bare), quote)
    lone = (contains(bare, "\r") | contains(bare, "\n")) & ~wrapped
    bare = gate(~tf.reduce_any(stray), lambda: _stray(name, records.line, row, stray, quote), bare)
    bare = gate(~tf.reduce_any(lone), lambda: lone_cr(name, tf.gather(records.line, row[lone][0])), bare)
    bare = tf.strings.regex_replace(bare, q + q, _rewrite(quote))
    bare = tf.strings.regex_replace(bare, _HIDDEN, _rewrite(delimiter))
    return tf.tensor_scatter_nd_update(fields.values, at, bare), fields.row_splits


def _hide_delimiters(parts: Any, delimiter: str, quote: str) -> Tensor:
    """Joins records cut at their quotes again, with the delimiters inside quotes hidden."""
    row = parts.value_rowids()
    position = tf.range(tf.size(row, out_type=tf.int64)) - tf.gather(parts.row_starts(), row)
    inside = tf.where(tf.equal(position % 2, 1))
    hidden = tf.strings.regex_replace(
        tf.gather_nd(parts.values, inside), rf"\x{ord(delimiter):02x}", _HIDDEN
    )
    values = tf.tensor_scatter_nd_update(parts.values, inside, hidden)
    # The op leaves out the separator behind an empty beginning, so each part brings its own quote along.
    values = tf.strings.join([tf.where(position > 0, quote, ""), values])
    return tf.strings.unsorted_segment_join(values, row, parts.nrows())


def _rewrite(char: str) -> str:
    return "\\\\" if char == "\\" else char


def _stray(name: Tensor, line: Tensor, row: Tensor, stray: Tensor, quote: str) -> Tensor:
    at = tf.strings.as_string(tf.gather(line, row[stray][0]))
    return tf.strings.join(
        [name, ":", at, f": a quote {quote} stands inside an unquoted field, or text follows a closing quote, in the "
         "record that begins here. Quote the whole field and double the quotes in it (RFC 4180), or pass quote=None if "
         "quotes are ordinary text."]
    )
