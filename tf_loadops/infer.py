"""infer_schema: an eager tool that looks at a CSV or Parquet file, or a query, once and writes down what it holds."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from tf_loadops.csv.infer import infer_csv
from tf_loadops.errors import LoadError
from tf_loadops.parquet.infer import infer_parquet, looks_like_parquet
from tf_loadops.schema import Schema
from tf_loadops.sql import infer as sqlite
from tf_loadops.sql.postgres import infer as postgres
from tf_loadops.sql.postgres.dsn import is_server


def infer_schema(
    source: str | os.PathLike[str] | tuple[Any, str],
    *,
    sample_rows: int | None = None,
    delimiter: str | None = None,
    header: bool | None = None,
    quote: str | None = '"',
    comment: str | None = None,
    na_values: Sequence[str] | None = None,
    params: Mapping[str, Any] | None = None,
) -> Schema:
    r"""Finds the columns and types of a CSV file, a Parquet file or a database query, eagerly, once.

    Of a text or a query, a column is int64 if every value is an integer that fits and none is missing; float64 if every
    value is a number or missing; bool if every value is `true` or `false` (in a database: declared BOOLEAN, and 0 or 1)
    and none is missing; and string otherwise. Integers with leading zeros (postal codes) in a text, and integers beyond
    int64, are strings, since a number would lose digits. A query's column without a value has the type that its table
    declares. Later values that break a type are refused by the readers.

    A Parquet file, known by its content, says its types itself, in its footer: integers and bools that may be null are
    float64, decimals too, dates and times int64 with a `unit`, leaves of structs have names like "a.b", and lists and
    maps are left out, which `origin` says.

    Args:
      source: the path of a CSV or Parquet file (of Parquet files, a pattern, `dir/*.parquet`, whose first file is
        looked at), or a pair: the path of a SQLite database, or the `postgresql://` address of a server, and a query.
      sample_rows: how many rows to look at; None for all of them. Parquet: none are.
      delimiter: CSV: the delimiter; found among comma, semicolon, tab and bar if None.
      header: CSV: whether the first record names the columns; found out if None. Without one the columns are called
        column_1, column_2, ….
      quote: CSV: the quote character, or None where quotes are ordinary text.
      comment: CSV: the comment prefix, or None.
      na_values: CSV: the words that mean "missing" in every column; None means `NUMERIC_NA` in numbers and bools and
        nothing but the empty field in strings.
      params: query: values of its parameters.

    Returns:
      The schema. Its `origin` says what was looked at.

    Raises:
      LoadError: if the source cannot be read, is empty, is no CSV or no SQLite database, if a delimiter is anyone's
        guess, if SQLite refuses the query, if no dtype takes a column of it, or if a Parquet file's footer is damaged.

    Example:
      >>> import pathlib, tempfile
      >>> file = pathlib.Path(tempfile.mkdtemp()) / "a.csv"
      >>> _ = file.write_text("price;city\n1.5;Oslo\n2;Rome\n")
      >>> schema = infer_schema(file)
      >>> [(column.name, column.dtype) for column in schema], schema.dialect.delimiter
      ([('price', 'float64'), ('city', 'string')], ';')
    """
    if sample_rows is not None and sample_rows < 1:
        raise LoadError(f"sample_rows is at least 1, or None for all rows. Received: sample_rows={sample_rows!r}.")
    if isinstance(source, tuple):
        if len(source) != 2 or not isinstance(source[1], str):
            raise LoadError(f"A query is a pair, (database, query). Received: {source!r}.")
        infer_query = postgres.infer_query if is_server(source[0]) else sqlite.infer_query
        return infer_query(*source, params, sample_rows)
    if params is not None:
        raise LoadError("params belong to a query: pass (database, query) as the source. Received: a path.")
    if looks_like_parquet(source):
        given = {"delimiter": delimiter, "header": header, "comment": comment, "na_values": na_values}
        for name, value in given.items():
            if value is not None:
                raise LoadError(f"{os.fspath(source)}: a Parquet file has no {name}. Received: {name}={value!r}.")
        return infer_parquet(source)
    return infer_csv(
        source, sample_rows=sample_rows, delimiter=delimiter, header=header, quote=quote, comment=comment,
        na_values=na_values,
    )
