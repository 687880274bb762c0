"""read_parquet: the Parquet function of the public surface."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tf_loadops.blocks import Blocks, concatenated, to_table
from tf_loadops.compiled import ON_HOST, call
from tf_loadops.errors import gate
from tf_loadops.inputs import as_strings, run
from tf_loadops.parquet import tfio
from tf_loadops.parquet.footer import read_footer
from tf_loadops.parquet.options import Options, make_options
from tf_loadops.parquet.plan import make_plan
from tf_loadops.parquet.rows import read_rows
from tf_loadops.paths import expand, read_bytes
from tf_loadops.schema import Schema
from tf_loadops.table import Table

Tensor = Any


@tf.autograph.experimental.do_not_convert
def read_parquet(
    path: Any,
    schema: Schema,
    *,
    columns: Sequence[str] | None = None,
    row_groups: Sequence[int] | None = None,
    on_bad_row: str = "raise",
    allow_empty: bool = False,
    engine: str = "auto",
) -> Table:
    r"""Reads Parquet files into a Table with TensorFlow ops only, anew on every call.

    Columns are found by name, a leaf of a struct by its dotted path; the file may hold others. Values become those of
    the schema's dtypes exactly, or are refused; only in a float32 column are integers and float64 rounded to nearest.
    All of the file is read, and checked, before a value is used.

    Args:
      path: string tensor (or a str, a path-like or a list of them): a scalar, or [files], whose rows follow one another
        in this order. A path with `*`, `?` or `[` in it is a pattern for files, which come in the order of their names.
      schema: the columns; `tlo.infer_schema` makes one.
      columns: the names to read, in the order of the result; all of the schema's by default.
      row_groups: the numbers of the row groups to read, from 0, in the order of the result; all by default.
      on_bad_row: what happens to a row with a value that its column cannot hold, a null among integers or bools without
        a default, or one out of range: "raise" refuses the file, "skip" leaves the row out, "null" keeps it with that
        value missing. Skipped and nulled rows are counted.
      allow_empty: return zero rows for a source that holds none, instead of refusing it.
      engine: "native" decodes with stock ops. "tfio" reads the same values with tensorflow-io's op (extra `[io]`), and
        refuses files that this is not known to read right; but a damaged page ends the process there, as nothing looks
        at what pages hold, so it is for files that you trust. "auto" is native, for that reason.

    Returns:
      A Table: `columns` and `validity` are dicts of name to Tensor [rows], `counts` holds int64 scalars `rows`,
      `bad_rows`, `missing` (cells) and `bytes` (of the files).

    Raises:
      LoadError: at once, for arguments that make no sense, and for "tfio" where tensorflow-io does not load.
      tf.errors.InvalidArgumentError: at run time, `path: row group n, column 'c': what was found and what to do`.

    Example:
      >>> import pathlib, tempfile
      >>> import pyarrow as pa, pyarrow.parquet as pq
      >>> from tf_loadops import infer_schema
      >>> file = pathlib.Path(tempfile.mkdtemp()) / "a.parquet"
      >>> pq.write_table(pa.table({"price": [1.5, None], "city": ["Oslo", "Rome"]}), file)
      >>> table = read_parquet(file, infer_schema(file))
      >>> table.columns["price"].numpy().tolist(), table.validity["price"].numpy().tolist()
      ([1.5, nan], [True, False])

    Source: the Parquet format, github.com/apache/parquet-format.
    """
    options = make_options(schema, columns, row_groups, on_bad_row, allow_empty, engine)
    return run(read_table, as_strings(path), options)


def read_table(path: Tensor, options: Options) -> Table:
    """The graph function under `read_parquet`."""
    return to_table(read_blocks(path, options), options.schema)


def read_blocks(path: Tensor, options: Options) -> Blocks:
    """Reads a file, those that a pattern matches, or those of a vector of both; rows in the order of the paths."""
    blocks = call(_read, path, static=(options,), how=ON_HOST)
    if options.allow_empty:
        return blocks
    some = blocks.counts["rows"] > 0
    return gate(some, lambda: _empty(path, blocks.counts["bad_rows"]), blocks)


def _read(path: Tensor, options: Options) -> Blocks:
    return concatenated(expand(path), options.schema, lambda one: _read_file(one, options))


def _read_file(path: Tensor, options: Options) -> Blocks:
    file = read_bytes(path)
    footer = read_footer(file, path)
    plan = make_plan(footer, options, path)
    if options.engine == "tfio":
        return tfio.read_rows(file, footer, plan, options, path)
    return read_rows(file, plan, options, path)


def _empty(path: Tensor, skipped: Tensor) -> Tensor:
    first = tf.reshape(path, [-1])[0]
    said = ' rows is bad, and on_bad_row="skip" leaves none. Check the schema'
    all_skipped = tf.strings.join(["each of the ", tf.strings.as_string(skipped), said])
    reason = tf.where(skipped > 0, all_skipped, "there are no rows. Check the path")
    return tf.strings.join([first, ": ", reason, "; pass allow_empty=True if a result with zero rows is wanted."])
