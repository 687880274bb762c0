"""read_csv and parse_csv: the CSV functions of the public surface."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from tf_loadops.csv.general import parse_records, parse_text
from tf_loadops.csv.options import Options, make_options
from tf_loadops.csv.records import Records
from tf_loadops.csv.text import contains, examine, inflate, last_byte
from tf_loadops.errors import gate, plainly
from tf_loadops.paths import read_bytes
from tf_loadops.schema import UNSET, Schema
from tf_loadops.table import Table

Tensor = Any


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
    """Reads CSV files into a Table with TensorFlow ops only, anew on every call.

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
      >>> _ = file.write_text("price,city\\n1.5,Oslo\\n,Rome\\n")
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
    return run(_read, as_strings(path), options)


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
    """Parses CSV text that is already in memory, as a request body is.

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
      >>> parse_csv("b,a\\nx,1\\n", schema).columns["a"].numpy().tolist()
      [1]

    Source: RFC 4180.
    """
    options = make_options(
        schema, columns, on_bad_row, allow_empty, engine, delimiter, header, quote, comment, na_values
    )
    return run(_parse, as_strings(text), options)


def as_strings(value: Any) -> Tensor:
    """A string tensor of what users have: str, bytes, path-likes, lists of them, arrays, tensors."""
    if tf.is_tensor(value):
        return tf.ensure_shape(value, value.shape)
    if isinstance(value, (list, tuple)):
        value = [os.fspath(item) if isinstance(item, os.PathLike) else item for item in value]
        return tf.constant(value, tf.string, shape=[len(value)])
    return tf.constant(os.fspath(value) if isinstance(value, os.PathLike) else value, tf.string)


def run(function: Callable[[Tensor, Options], Table], source: Tensor, options: Options) -> Table:
    """Calls a graph function of a source: inlined in a graph, as one compiled graph when called eagerly."""
    if source.shape.rank not in (0, 1):
        raise ValueError(
            f"A source is a string scalar or vector. Received: a tensor of shape {source.shape}. "
            "Give the tensor a rank with tf.ensure_shape or tf.reshape."
        )
    if not tf.executing_eagerly():
        return function(source, options)
    with plainly():
        return _graph(function, source.shape.rank, options)(source)


@functools.lru_cache(maxsize=256)
def _graph(function: Callable[[Tensor, Options], Table], rank: int, options: Options) -> Any:
    spec = tf.TensorSpec([None] * rank, tf.string)
    return tf.function(lambda source: function(source, options), input_signature=[spec], autograph=False)


def _read(path: Tensor, options: Options) -> Table:
    if path.shape.rank == 0:
        return _read_file(path, options)
    path = gate(tf.size(path) > 0, lambda: tf.constant("No path was given: the vector of paths is empty."), path)
    return _concatenated(path, options)


def _read_file(path: Tensor, options: Options) -> Table:
    text = examine(inflate(read_bytes(path), path), options.schema.dialect.quote, path)
    return parse_text(text, options, path)


def _concatenated(paths: Tensor, options: Options) -> Table:
    """Reads file after file; rows in the order of the paths."""
    size = tf.size(paths)

    def arrays(dtypes: list[Any]) -> list[Any]:
        return [tf.TensorArray(d, size, element_shape=[None], infer_shape=False) for d in dtypes]

    def body(i: Tensor, columns: list[Any], validity: list[Any], counts: dict[str, Tensor]) -> Any:
        table = _read_file(paths[i], options)
        columns = [array.write(i, table.columns[c]) for array, c in zip(columns, options.columns, strict=True)]
        validity = [array.write(i, table.validity[c]) for array, c in zip(validity, options.columns, strict=True)]
        return i + 1, columns, validity, {key: counts[key] + table.counts[key] for key in counts}

    zero = {key: tf.constant(0, tf.int64) for key in ("rows", "bad_rows", "missing", "bytes")}
    start = (0, arrays([c.tf_dtype for c in options.selected]), arrays([tf.bool] * len(options.columns)), zero)
    # One file at a time: the first bad one is the one reported, and memory holds one text.
    _, columns, validity, counts = tf.while_loop(lambda i, *_: i < size, body, start, parallel_iterations=1)
    names = options.columns
    return Table(
        {c: array.concat() for c, array in zip(names, columns, strict=True)},
        {c: array.concat() for c, array in zip(names, validity, strict=True)},
        counts,
    )


def _parse(text: Tensor, options: Options) -> Table:
    quote = options.schema.dialect.quote
    if text.shape.rank == 0:
        name = tf.constant("<text>")
        return parse_text(examine(inflate(text, name), quote, name), options, name)
    name = tf.constant("<rows>")
    body = examine(tf.strings.reduce_join(text, separator="\n"), quote, name)
    return _parse_rows(text, body, options, name)


def _parse_rows(rows: Tensor, body: Any, options: Options, name: Tensor) -> Table:
    """Parses one record per element, so that the n-th row of the result is the n-th of the request."""
    quote = options.schema.dialect.quote
    for end in ("\n", "\r"):
        length = tf.strings.length(rows) - tf.cast(tf.equal(last_byte(rows), end), tf.int32)
        rows = tf.strings.substr(rows, tf.zeros_like(length), length)
    line = tf.range(1, tf.size(rows, out_type=tf.int64) + 1)
    torn = contains(rows, "\n") | contains(rows, "\r")
    if quote is not None:
        # Balanced quotes may hold line ends; the fields are looked at later.
        odd = tf.strings.split(rows, quote).row_lengths() % 2 == 0
        torn = (torn & ~contains(rows, quote)) | odd

    def several() -> Tensor:
        at = tf.strings.as_string(line[torn][0])
        return tf.strings.join([name, ":", at, ": an element of a vector of rows is one whole CSV record; this one "
                                "holds a line end outside quotes, or a quote that is never closed."])

    rows = gate(~tf.reduce_any(torn), several, rows)
    table = parse_records(Records(rows, line), body, options, False, name)
    table.counts["bytes"] = tf.reduce_sum(tf.cast(tf.strings.length(rows), tf.int64))
    return table
