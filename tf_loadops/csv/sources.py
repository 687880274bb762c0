"""Where CSV text comes from: a file, several files one after another, a text in memory, rows of a request."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tf_loadops.blocks import Blocks, concatenated
from tf_loadops.compiled import call
from tf_loadops.csv.engine import parse_text
from tf_loadops.csv.general import parse_records
from tf_loadops.csv.options import Options
from tf_loadops.csv.records import Records
from tf_loadops.csv.text import contains, decode, examine, inflate, last_byte
from tf_loadops.errors import LoadError, gate
from tf_loadops.paths import read_bytes

Tensor = Any


def read_blocks(path: Tensor, options: Options) -> Blocks:
    """Reads a file, or the files of a vector of paths; rows in the order of the paths."""
    if path.shape.rank == 0:
        return _read_file(path, options)
    path = gate(tf.size(path) > 0, lambda: tf.constant("No path was given: the vector of paths is empty."), path)
    return concatenated(path, options.selected, lambda p: _read_file(p, options))


def parse_blocks(text: Tensor, options: Options) -> Blocks:
    """Parses a whole text, or a vector of records."""
    if text.shape.rank == 1 and options.on_bad_row == "skip":
        raise LoadError(
            'A vector of rows gives one row of the result each, so none can be left out: pass on_bad_row="null", which '
            'keeps a bad one with its fields missing. Received: on_bad_row="skip".'
        )
    if text.shape.rank == 1:
        return call(_parse_rows, text, static=(options,))
    name = tf.constant("<text>")
    return parse_text(_text_of(text, name), options, name)


def _read_file(path: Tensor, options: Options) -> Blocks:
    return parse_text(_text_of(read_bytes(path), path), options, path)


def _text_of(content: Tensor, name: Tensor) -> Tensor:
    return decode(inflate(content, name), name)


def _parse_rows(rows: Tensor, options: Options) -> Blocks:
    """Parses one record per element, so that the n-th row of the result is the n-th of the request."""
    name, quote = tf.constant("<rows>"), options.schema.dialect.quote
    nul = contains(rows, "\0")
    rows = gate(~tf.reduce_any(nul), lambda: _nul_in_row(name, tf.where(nul)[0, 0] + 1), rows)
    text = examine(tf.strings.reduce_join(rows, separator="\n"), quote, name)
    for end in ("\n", "\r"):
        length = tf.strings.length(rows) - tf.cast(tf.equal(last_byte(rows), end), tf.int32)
        rows = tf.strings.substr(rows, tf.zeros_like(length), length)
    line = tf.range(1, tf.size(rows, out_type=tf.int64) + 1)
    torn = contains(rows, "\n") | contains(rows, "\r")
    if quote is not None:
        # Balanced quotes may hold line ends; the fields are looked at later.
        odd = tf.equal(tf.strings.split(rows, quote).row_lengths() % 2, 0)
        torn = (torn & ~contains(rows, quote)) | odd

    def several() -> Tensor:
        return tf.strings.join(
            [
                name, ":", tf.strings.as_string(line[torn][0]),
                ": an element of a vector of rows is one whole CSV record; this one holds a line end outside quotes, "
                "or a quote that is never closed.",
            ]
        )

    rows = gate(~tf.reduce_any(torn), several, rows)
    return parse_records(Records(rows, line), text, options, False, name)


def _nul_in_row(name: Tensor, row: Tensor) -> Tensor:
    said = ": the row holds a NUL, which no CSV text does. It is binary, or UTF-16 (convert it to UTF-8)."
    return tf.strings.join([name, ":", tf.strings.as_string(row), said])
