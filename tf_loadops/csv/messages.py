"""What the CSV reader says when it refuses: where, what was found, what to do."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tf_loadops.csv.values import MISSING, NOT_UTF8, OUT_OF_RANGE
from tf_loadops.errors import printable
from tf_loadops.schema import Schema

Tensor = Any

_OR_ELSE = 'or pass on_bad_row="skip" or "null".'
_CORRECT = f"correct the value, {_OR_ELSE}"


def bad_field(name: Tensor, line: Tensor, column: Tensor, schema: Schema, field: Tensor, trouble: Tensor) -> Tensor:
    """The message for one field.

    Args:
      name: string scalar, what the text is called.
      line: int64 scalar, from 1.
      column: integer scalar, which of the schema's columns.
      schema: the columns, and where their types come from.
      field: string scalar, as it stands in the text, unquoted.
      trouble: int8 scalar, one of the codes of `values`.

    Returns:
      string scalar.
    """
    label = tf.gather(tf.constant([repr(c.name) for c in schema]), column)
    dtype = tf.gather(tf.constant([c.dtype for c in schema]), column)
    shown = printable(field)
    said = tf.case(
        [
            (
                tf.equal(trouble, OUT_OF_RANGE),
                lambda: _join("'", shown, "' is out of range for ", dtype, f". Declare a wider dtype, {_CORRECT}"),
            ),
            (
                tf.equal(trouble, MISSING),
                lambda: _join(
                    "the value is missing, and no ", dtype, " stands for that. Declare a default, "
                    "Column(", label, ", '", dtype, f"', default=...), or a float dtype, {_OR_ELSE}",
                ),
            ),
            (
                tf.equal(trouble, NOT_UTF8),
                lambda: _join("'", shown, f"' is not UTF-8 text. Convert the file to UTF-8, {_OR_ELSE}"),
            ),
        ],
        default=lambda: _join(
            "cannot parse '", shown, "' as ", dtype, f'. Name it in na_values if it means "missing", {_CORRECT}'
        ),
    )
    return _join(_at(name, line), ": column ", label, ": ", said, _origin(schema))


def ragged_row(name: Tensor, line: Tensor, found: Tensor, expected: Tensor, delimiter: str) -> Tensor:
    """The message for a row with too few or too many fields."""
    return _join(
        _at(name, line), ": expected ", tf.strings.as_string(expected), " fields, found ", tf.strings.as_string(found),
        f". Quote a field that holds the delimiter {delimiter!r}, complete the row, {_OR_ELSE}",
    )


def no_such_column(name: Tensor, line: Tensor, column: Tensor, header: Tensor, schema: Schema) -> Tensor:
    """The message for a column that the header does not name."""
    names = printable(tf.strings.reduce_join(header, separator=", "), 400)
    label = tf.gather(tf.constant([repr(c.name) for c in schema]), column)
    return _join(
        _at(name, line), ": column ", label, ": the header does not name it. It names: ", names,
        f". Correct the schema or the header, or check the delimiter {schema.dialect.delimiter!r}.", _origin(schema),
    )


def column_twice(name: Tensor, line: Tensor, column: Tensor, times: Tensor, schema: Schema) -> Tensor:
    """The message for a column that the header names more than once."""
    label = tf.gather(tf.constant([repr(c.name) for c in schema]), column)
    return _join(
        _at(name, line), ": column ", label, ": the header names it ", tf.strings.as_string(times),
        " times, and nobody can tell which one is meant. Rename the others in the header.",
    )


def no_rows(name: Tensor, header: bool) -> Tensor:
    """The message for a text without a single row."""
    found = "there is a header but no row" if header else "there is no row"
    return _join(name, f": {found}. Pass allow_empty=True if a result with zero rows is wanted.")


def all_skipped(name: Tensor, rows: Tensor) -> Tensor:
    """The message for a text of which no row is left."""
    return _join(
        name, ": each of the ", tf.strings.as_string(rows), ' rows is bad, and on_bad_row="skip" leaves none. Check '
        "the delimiter and the schema; pass allow_empty=True if a result with zero rows is wanted.",
    )


def no_header(name: Tensor) -> Tensor:
    """The message for a text in which even the header is missing."""
    return _join(name, ": the text is empty, or holds only blank lines and comments. A header line is expected first.")


def _at(name: Tensor, line: Tensor) -> Tensor:
    return _join(name, ":", tf.strings.as_string(line))


def _join(*parts: Tensor) -> Tensor:
    return tf.strings.join(list(parts))


def _origin(schema: Schema) -> str:
    return f" (The schema was {schema.origin}.)" if schema.origin else ""
