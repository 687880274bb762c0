"""read_csv and parse_csv: the CSV functions of the public surface."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from tf_loadops.blocks import to_example, to_table
from tf_loadops.csv.options import Options, make_options
from tf_loadops.csv.sources import parse_blocks, read_blocks
from tf_loadops.inputs import as_strings, run
from tf_loadops.schema import UNSET, Schema
from tf_loadops.table import Table

Tensor = Any


# Autograph, where a caller's tf.function brings it along, would only slow the tracing of what is graph code already.
@tf.autograph.experimental.do_not_convert
def read_csv(
    path: Any,
    schema: Schema,
    *,
    columns: Sequence[str] | None = None,
    on_bad_row: str = "raise",
    allow_empty: bool = False,
    engine: str = "auto",
    delimiter: str | None = None,
    header: bool | None = None,
    quote: str | None = UNSET,
    comment: str | None = UNSET,
    na_values: Sequence[str] | None = None,
) -> Table:
    r"""Reads CSV files into a Table with TensorFlow ops only, anew on every call.

    Understands RFC 4180 quotes, LF and CRLF, a UTF-8 byte order mark, blank lines, comments, and gzip and zlib data
    (known by content). With a header, columns are found by name, in any order, and the file may hold others.

    Args:
      path: string tensor (or a str, a path-like or a list of them): a scalar, or [files], whose rows follow one
        another in this order.
      schema: the columns and the dialect; `tlo.infer_schema` makes one.
      columns: the names to read, in the order of the result; all of the schema's by default.
      on_bad_row: what happens to a row with too few or too many fields, or with a field that cannot be represented:
        "raise" refuses the file, "skip" leaves the row out, "null" keeps it with those fields missing (all of them,
        where the number of fields is wrong). Skipped and nulled rows are counted.
      allow_empty: return zero rows for a source that holds none, instead of refusing it.
      engine: "numeric", "general", or "auto", which picks the faster one; the result is the same.
      delimiter: takes the place of the schema's delimiter.
      header: takes the place of the schema's header.
      quote: takes the place of the schema's quote; None where quotes are ordinary text.
      comment: takes the place of the schema's comment prefix; None for no comments.
      na_values: takes the place of the schema's `na_values`.

    Returns:
      A Table: `columns` and `validity` are dicts of name to Tensor [rows], `counts` holds int64 scalars `rows`,
      `bad_rows`, `missing` (cells) and `bytes` (of text, decompressed).

    Raises:
      LoadError: at once, for arguments that make no sense.
      tf.errors.InvalidArgumentError: at run time, `path:line: column 'c': what was found and what to do`.

    Example:
      >>> import pathlib, tempfile
      >>> file = pathlib.Path(tempfile.mkdtemp()) / "a.csv"
      >>> _ = file.write_text("price,city\n1.5,Oslo\n,Rome\n")
      >>> table = read_csv(file, Schema([Column("city", "string"), Column("price", "float32")]))
      >>> table.columns["price"].numpy().tolist(), table.validity["price"].numpy().tolist()
      ([1.5, nan], [True, False])
      >>> int(table.counts["missing"])
      1

    Source: RFC 4180.
    """
    options = make_options(
        schema, columns, on_bad_row, allow_empty, engine, delimiter, header, quote, comment, na_values
    )
    return run(read_table, as_strings(path), options)


@tf.autograph.experimental.do_not_convert
def parse_csv(
    text: Any,
    schema: Schema,
    *,
    columns: Sequence[str] | None = None,
    on_bad_row: str = "raise",
    allow_empty: bool = False,
    engine: str = "auto",
    delimiter: str | None = None,
    header: bool | None = None,
    quote: str | None = UNSET,
    comment: str | None = UNSET,
    na_values: Sequence[str] | None = None,
) -> Table:
    r"""Parses CSV text that is already in memory, as a request body is.

    Args:
      text: string tensor (or str, bytes, a list of them): a scalar is a whole CSV text, with its header if the
        dialect has one; a vector [rows] holds one record each, without a header, the schema's columns in order.
      schema: as in `read_csv`.
      columns: as in `read_csv`.
      on_bad_row: as in `read_csv`.
      allow_empty: as in `read_csv`.
      engine: as in `read_csv`.
      delimiter: as in `read_csv`.
      header: as in `read_csv`; a vector of rows never has one.
      quote: as in `read_csv`.
      comment: as in `read_csv`; a vector of rows holds none.
      na_values: as in `read_csv`.

    Returns:
      A Table, as `read_csv`.

    Raises:
      LoadError: at once, for arguments that make no sense.
      tf.errors.InvalidArgumentError: at run time, `<text>:line: column 'c': …`, or `<rows>:n: …` for the n-th row.

    Example:
      >>> schema = Schema([Column("a", "int32"), Column("b", "string")])
      >>> parse_csv(["1,x", "2,y"], schema).columns["a"].numpy().tolist()
      [1, 2]
      >>> parse_csv("b,a\nx,1\n", schema).columns["a"].numpy().tolist()
      [1]

    Source: RFC 4180.
    """
    options = make_options(
        schema, columns, on_bad_row, allow_empty, engine, delimiter, header, quote, comment, na_values
    )
    return run(parse_table, as_strings(text), options)


class Layout(NamedTuple):
    """How a matrix is laid out.

    Attributes:
      features: the columns, in order.
      label: the column that is returned beside it, or None.
      dtype: the matrix' dtype.
      rows: whether the source is records of text rather than paths.
    """

    features: tuple[str, ...]
    label: str | None
    dtype: str
    rows: bool


def read_table(path: Tensor, options: Options) -> Table:
    """The graph function under `read_csv`."""
    return to_table(read_blocks(path, options), options.selected)


def parse_table(text: Tensor, options: Options) -> Table:
    """The graph function under `parse_csv`."""
    return to_table(parse_blocks(text, options), options.selected)


def matrix_of(source: Tensor, options: Options, layout: Layout) -> tuple[Tensor, Tensor, Tensor | None]:
    """The graph function under loaders of matrices: matrix, validity and label."""
    blocks = parse_blocks(source, options) if layout.rows else read_blocks(source, options)
    return to_example(blocks, options.selected, layout.features, layout.label, layout.dtype)
