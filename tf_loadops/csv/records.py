"""From CSV text to records: line ends, quoted line ends, comments and blank lines (RFC 4180)."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from tf_loadops.csv.text import Text, contains, last_byte
from tf_loadops.errors import gate
from tf_loadops.schema import Dialect

Tensor = Any


class Records(NamedTuple):
    """The records of a text, in order, without blank lines and comments.

    Attributes:
      text: string [records], each without its line end.
      line: int64 [records], the line in the text, from 1, on which the record begins.
    """

    text: Tensor
    line: Tensor


def split_records(text: Text, dialect: Dialect, name: Tensor) -> Records:
    """Cuts text into records.

    A line end inside quotes belongs to the field. Records end in LF or CRLF; the last one needs neither.

    Args:
      text: the text with its flags.
      dialect: how it is written.
      name: string scalar, what messages call the text.

    Returns:
      The records.

    Raises:
      tf.errors.InvalidArgumentError: at run time, for a quote that is never closed and for a carriage return that
        is not part of CRLF.

    Source: RFC 4180, section 2.
    """
    lines = tf.strings.split(text.text, "\n")

    def unquoted() -> tuple[Tensor, Tensor]:
        return lines, tf.range(1, tf.size(lines, out_type=tf.int64) + 1)

    if dialect.quote is None:
        records, line = unquoted()
    else:
        records, line = tf.cond(text.has_quote, lambda: _join_quoted(lines, dialect, name), unquoted)
    records = tf.cond(text.has_cr, lambda: _strip_cr(records), lambda: records)
    kept = tf.not_equal(records, "")
    if dialect.comment is not None:
        kept &= ~_begins_with(records, dialect.comment)
    records, line = tf.cond(
        tf.reduce_all(kept), lambda: (records, line), lambda: (records[kept], line[kept])
    )
    records = tf.ensure_shape(records, [None])
    return Records(_refuse_lone_cr(records, line, text, dialect, name), tf.ensure_shape(line, [None]))


def _join_quoted(lines: Tensor, dialect: Dialect, name: Tensor) -> tuple[Tensor, Tensor]:
    """Joins each line that ends inside quotes with the next, and tells on which line each record begins."""
    assert dialect.quote is not None
    odd = tf.cast((tf.strings.split(lines, dialect.quote).row_lengths() - 1) % 2, tf.bool)
    open_after = _open_after(lines, odd, dialect.comment)
    begins = ~tf.concat([[False], open_after[:-1]], 0)
    first = tf.where(begins)[:, 0]
    first = gate(~open_after[-1], lambda: _never_closed(name, first[-1] + 1), first)
    record = tf.cumsum(tf.cast(begins, tf.int64)) - 1
    joined = tf.strings.unsorted_segment_join(lines, record, tf.size(first), separator="\n")
    return joined, first + 1


def _open_after(lines: Tensor, odd: Tensor, comment: str | None) -> Tensor:
    """Whether a quoted field is open at the end of each line.

    An odd number of quotes turns open into closed and back. A comment's quotes mean nothing; a line that looks like
    one and holds an odd number of quotes ends closed either way, as a comment or as the end of a quoted field.
    """
    closes = odd & _begins_with(lines, comment) if comment is not None else tf.zeros_like(odd)
    toggles = tf.cumsum(tf.cast(odd & ~closes, tf.int64))
    if comment is None:
        return tf.cast(toggles % 2, tf.bool)
    at_closing = tf.concat([[tf.constant(0, tf.int64)], toggles[closes]], 0)
    return tf.cast((toggles - tf.gather(at_closing, tf.cumsum(tf.cast(closes, tf.int64)))) % 2, tf.bool)


def _begins_with(lines: Tensor, prefix: str) -> Tensor:
    return tf.equal(tf.strings.substr(lines, 0, len(prefix.encode())), prefix)


def _strip_cr(records: Tensor) -> Tensor:
    # Only the last byte: a record cut inside quotes was joined again before.
    ends_in_cr = tf.equal(last_byte(records), "\r")
    length = tf.strings.length(records) - tf.cast(ends_in_cr, tf.int32)
    return tf.strings.substr(records, tf.zeros_like(length), length)


def _refuse_lone_cr(records: Tensor, line: Tensor, text: Text, dialect: Dialect, name: Tensor) -> Tensor:
    """Refuses a carriage return outside quotes; inside them it is text, and the fields are looked at later."""
    def checked() -> Tensor:
        bad = contains(records, "\r")
        if dialect.quote is not None:
            bad &= ~contains(records, dialect.quote)
        return gate(~tf.reduce_any(bad), lambda: lone_cr(name, line[bad][0]), records)

    return tf.cond(text.has_cr, checked, lambda: records)


def lone_cr(name: Tensor, line: Tensor) -> Tensor:
    """The message for a carriage return that ends no line."""
    return tf.strings.join(
        [name, ":", tf.strings.as_string(line), ": a carriage return stands alone, outside quotes. "
         "Lines end in LF or CRLF: convert old Mac line ends, or quote the field."]
    )


def _never_closed(name: Tensor, line: Tensor) -> Tensor:
    return tf.strings.join(
        [name, ":", tf.strings.as_string(line), ": a quote opened in the record that begins here is never closed. "
         "Close it, or pass quote=None if quotes are ordinary text."]
    )
