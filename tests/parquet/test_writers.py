"""Files of pandas, polars, DuckDB, and in the manner of Spark, with NaN and nulls; the oracle is pyarrow's reading."""

from __future__ import annotations

import datetime
import decimal
import pathlib
from collections.abc import Callable
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import tf_loadops as tlo

from .oracle import differs, expected, leaf

ROWS = 3000
_DRAW = np.random.default_rng(3)
_DAY = datetime.date(1969, 12, 30)
_TIME = datetime.datetime(2038, 1, 19, 3, 14, 7, 654321)


def _some(values: list[Any], nulls: bool = True) -> list[Any]:
    """Each of the values many times, in any order, with nulls between them."""
    picked = [values[i] for i in _DRAW.integers(len(values), size=ROWS)]
    return [None if nulls and i % 10 == 3 else value for i, value in enumerate(picked)]


TABLE = pa.table(
    {
        "real": pa.array(_some([0.1, -0.0, 1e308, 5e-324, float("nan"), float("inf"), float("-inf"), 2.0**60])),
        "single": pa.array(_some([0.5, -0.0, float("nan"), 3.0e38]), pa.float32()),
        "count": pa.array(_some([0, -1, 2**53, -(2**53), 7]), pa.int64()),
        "rank": pa.array(_some([0, 2**31 - 1, -(2**31)]), pa.int32()),
        "small": pa.array(_some([0, 127, -128]), pa.int8()),
        "id": pa.array(range(ROWS), pa.int64()),
        "random": pa.array(_DRAW.standard_normal(ROWS)),
        "open": pa.array(_some([True, False, False])),
        "whole": pa.array(_some([True, False], nulls=False)),
        "city": pa.array(_some(["Oslo", "", "Ærø 🌍", "a\0b", "x" * 300])),
        "note": pa.array([f"row {i}" * (i % 5) for i in range(ROWS)]),
        "raw": pa.array(_some([b"", b"\xff\x00", b"abc"]), pa.binary()),
        "day": pa.array(_some([_DAY, datetime.date(1, 1, 1), datetime.date(9999, 12, 31)])),
        "time": pa.array(_some([_TIME, datetime.datetime(1900, 1, 1)]), pa.timestamp("us")),
        "cost": pa.array(_some([decimal.Decimal("1.10"), decimal.Decimal("-12345678.99")]), pa.decimal128(12, 2)),
        "empty": pa.nulls(ROWS, pa.float64()),
        "none": pa.nulls(ROWS, pa.string()),
    }
)


def _pandas(table: pa.Table, file: pathlib.Path, **options: Any) -> None:
    frame = table.to_pandas(date_as_object=True)
    frame["city"] = frame["city"].astype("category")
    frame["rank"] = table["rank"].to_pandas(types_mapper={pa.int32(): pd.Int32Dtype()}.get)
    frame.to_parquet(file, engine="pyarrow", **options)


def _polars(table: pa.Table, file: pathlib.Path, **options: Any) -> None:
    pl.DataFrame(table).write_parquet(file, row_group_size=1024, **options)


def _duckdb(table: pa.Table, file: pathlib.Path, options: str) -> None:
    with duckdb.connect() as connection:
        connection.register("t", table)
        connection.execute(f"COPY t TO '{file}' (FORMAT parquet, ROW_GROUP_SIZE 2048, {options})")


def _spark(table: pa.Table, file: pathlib.Path) -> None:
    pq.write_table(
        table, file, compression="snappy", version="1.0", use_deprecated_int96_timestamps=True, row_group_size=1000,
        data_page_size=2000, dictionary_pagesize_limit=1000, store_schema=False, use_compliant_nested_type=False,
    )  # fmt: skip


def _pages(table: pa.Table, file: pathlib.Path) -> None:
    encodings = {name: "BYTE_STREAM_SPLIT" for name in ("real", "single", "random")}
    encodings |= {name: "DELTA_BINARY_PACKED" for name in ("count", "rank", "small", "id", "day", "time")}
    encodings |= {"city": "DELTA_BYTE_ARRAY", "note": "DELTA_BYTE_ARRAY", "raw": "DELTA_LENGTH_BYTE_ARRAY"}
    pq.write_table(
        table, file, compression="gzip", data_page_version="2.0", data_page_size=3000, use_dictionary=False,
        column_encoding=encodings, row_group_size=1500, write_statistics=False,
    )  # fmt: skip


def _byte_stream_split(table: pa.Table, file: pathlib.Path) -> None:
    encodings = {"count": "BYTE_STREAM_SPLIT", "rank": "BYTE_STREAM_SPLIT"}
    pq.write_table(table, file, compression="none", use_dictionary=False, column_encoding=encodings)


WRITERS: dict[str, Callable[[pa.Table, pathlib.Path], None]] = {
    "pandas": _pandas,
    "pandas, gzip": lambda table, file: _pandas(table, file, compression="gzip", row_group_size=700),
    "pandas, uncompressed": lambda table, file: _pandas(table, file, compression=None),
    "polars, snappy": lambda table, file: _polars(table, file, compression="snappy"),
    "polars, gzip": lambda table, file: _polars(table, file, compression="gzip"),
    "polars, uncompressed": lambda table, file: _polars(table, file, compression="uncompressed", statistics=False),
    "polars, lz4": lambda table, file: _polars(table, file, compression="lz4"),
    "DuckDB": lambda table, file: _duckdb(table, file, "CODEC 'snappy'"),
    "DuckDB, version 2": lambda table, file: _duckdb(table, file, "CODEC 'gzip', PARQUET_VERSION v2"),
    "DuckDB, uncompressed": lambda table, file: _duckdb(table, file, "CODEC 'uncompressed'"),
    "Spark's manner": _spark,
    "pages of version 2": _pages,
    "bytes split in streams": _byte_stream_split,
}


def compare(file: pathlib.Path, schema: tlo.Schema, table: tlo.Table, names: list[str] | None = None) -> None:
    got = {part: {k: v.numpy() for k, v in getattr(table, of).items()} for part, of in
           (("values", "columns"), ("valid", "validity"))}  # fmt: skip
    wanted = {name: expected(leaf(file, name), schema[name]) for name in names or schema.names}
    assert list(got["values"]) == list(wanted)
    assert {name: said for name in wanted if (said := differs(got, name, wanted[name]))} == {}
    counts = {name: int(count) for name, count in table.counts.items()}
    missing = sum(int((~valid).sum()) for _, valid in wanted.values())
    assert counts == {"rows": ROWS, "bad_rows": 0, "missing": missing, "bytes": file.stat().st_size}


@pytest.fixture(scope="module", params=WRITERS)
def file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    path = tmp_path_factory.mktemp("written") / "a.parquet"
    WRITERS[request.param](TABLE, path)
    return path


def test_every_column_is_what_pyarrow_reads(file: pathlib.Path) -> None:
    inferred = tlo.infer_schema(file)
    assert set(inferred.names) == set(TABLE.column_names)
    defaults = {"day": -1, "time": -1}
    columns = [tlo.Column(c.name, c.dtype, defaults.get(c.name), unit=c.unit) for c in inferred]
    schema = tlo.Schema(columns)
    assert {c.name for c in schema if c.unit} == {"day", "time"}
    compare(file, schema, tlo.read_parquet(file, schema))


def test_integers_and_bools_keep_their_dtype_with_a_default(file: pathlib.Path) -> None:
    schema = tlo.Schema(
        [
            tlo.Column("open", "bool", default=True), tlo.Column("count", "int64", default=-5),
            tlo.Column("rank", "int32", default=3), tlo.Column("small", "int64", default=2**40),
            tlo.Column("real", "float64", default=0.5), tlo.Column("city", "string", default="?"),
        ]
    )  # fmt: skip
    compare(file, schema, tlo.read_parquet(file, schema))
