"""read_parquet: what becomes of each type in each dtype, what is refused and in which words, and every encoding.

The oracle is pyarrow's reading, Python's arithmetic, or the value that was written by hand.
"""

from __future__ import annotations

import datetime
import decimal
import math
import pathlib
import random
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

import tf_loadops as tlo
from tf_loadops.errors import message_of
from tf_loadops.parquet.codecs import has_zstd

from . import encodings, handmade
from .handmade import Chunk, data_page, dictionary_page, file_of, v2_page
from .oracle import differs, expected, leaf

OR_ELSE = 'or pass on_bad_row="skip" or "null".'
DAMAGED = " The file is damaged, or was not written to its end: write it anew."
OTHER_COUNT = "the pages hold another number of values than the footer says." + DAMAGED
NO_SUCH_PLACE = "the page's header cannot be read, or the page is not where it says." + DAMAGED
UNREADABLE = (
    "the page's values cannot be read as {} in the encoding {}. The file is damaged, or this type is not read in that "
    "encoding: write it anew, with another one."
)
ELSEWHERE = "its pages are encrypted, or in another file, which is not read. Write it into one file, unencrypted."
NAN, INF = math.nan, math.inf


def written(folder: pathlib.Path, columns: Any, name: str = "a.parquet", **options: Any) -> pathlib.Path:
    table = columns if isinstance(columns, pa.Table) else pa.table(columns)
    pq.write_table(table, folder / name, **options)
    return folder / name


def made(folder: pathlib.Path, *columns: Chunk, **options: Any) -> pathlib.Path:
    (folder / "a.parquet").write_bytes(file_of(*columns, **options))
    return folder / "a.parquet"


def read(path: Any, *columns: tlo.Column, **options: Any) -> tlo.Table:
    return tlo.read_parquet(path, tlo.Schema(columns), **options)


def column(path: Any, dtype: str, **options: Any) -> list[Any]:
    """The column `a`, read as a dtype; None where nothing stands."""
    table = read(path, tlo.Column("a", dtype), **options)
    values, valid = table.columns["a"].numpy().tolist(), table.validity["a"].numpy().tolist()
    return [value if there else None for value, there in zip(values, valid, strict=True)]


def refused(path: Any, *columns: tlo.Column, **options: Any) -> str:
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        read(path, *columns, **options)
    return message_of(caught.value).replace(str(path), "FILE")


def same(got: Sequence[Any], wanted: Sequence[Any]) -> None:
    """Equal, NaN equal to NaN, and 0.0 not to -0.0."""
    assert [repr(value) for value in got] == [repr(value) for value in wanted]


def as_pyarrow(file: pathlib.Path, defaults: dict[str, Any] | None = None, **options: Any) -> None:
    """All inferred columns of a file are what pyarrow reads."""
    defaults = defaults or {}
    schema = tlo.Schema(
        [tlo.Column(c.name, c.dtype, defaults.get(c.name), unit=c.unit) for c in tlo.infer_schema(file)]
    )
    table = tlo.read_parquet(file, schema, **options)
    got = {part: {k: v.numpy() for k, v in getattr(table, of).items()} for part, of in
           (("values", "columns"), ("valid", "validity"))}  # fmt: skip
    wanted = {c.name: expected(leaf(file, c.name), c) for c in schema}
    assert {name: said for name in wanted if (said := differs(got, name, wanted[name]))} == {}


# Types to dtypes.

TAKEN = {
    "bool as float32": (pa.array([True, False]), "float32", [1.0, 0.0]),
    "bool as int32": (pa.array([True, False]), "int32", [1, 0]),
    "int8 as int64": (pa.array([127, -128], pa.int8()), "int64", [127, -128]),
    "uint8 as int32": (pa.array([255], pa.uint8()), "int32", [255]),
    "uint16 as int32": (pa.array([65535], pa.uint16()), "int32", [65535]),
    "uint32 as int64": (pa.array([2**32 - 1], pa.uint32()), "int64", [2**32 - 1]),
    "uint32 as float64": (pa.array([2**32 - 1], pa.uint32()), "float64", [2.0**32 - 1]),
    "uint64 as int64": (pa.array([2**63 - 1], pa.uint64()), "int64", [2**63 - 1]),
    "int64 as int32": (pa.array([2**31 - 1, -(2**31)]), "int32", [2**31 - 1, -(2**31)]),
    "int64 as float32": (pa.array([2**24 + 1, 2**63 - 1, -(2**63)]), "float32", [2.0**24, 2.0**63, -(2.0**63)]),
    "int64 as float64": (pa.array([-(2**53), 2**60, -(2**63)]), "float64", [-(2.0**53), 2.0**60, -(2.0**63)]),
    "float32 as float64": (pa.array([0.1, -0.0], pa.float32()), "float64", [float(np.float32(0.1)), -0.0]),
    "float64 as float32": (pa.array([0.1, -0.0, INF, NAN, 3.4028235677973362e38, 1e-50]), "float32",
                           [float(np.float32(0.1)), -0.0, INF, NAN, float(np.finfo(np.float32).max), 0.0]),
    "float64 as int64": (pa.array([-0.0, 2.0**62, -(2.0**63)]), "int64", [0, 2**62, -(2**63)]),
    "float32 as int32": (pa.array([3.0, -(2.0**31)], pa.float32()), "int32", [3, -(2**31)]),
    "decimal as int64": (pa.array([decimal.Decimal("7.00")], pa.decimal128(5, 2)), "int64", [7]),
    "date as float64": (pa.array([datetime.date(1969, 12, 31)]), "float64", [-1.0]),
    "date as int32": (pa.array([datetime.date(9999, 12, 31)]), "int32", [2932896]),
    "bytes as string": (pa.array([b"\xff\x00", b""]), "string", [b"\xff\x00", b""]),
}  # fmt: skip


@pytest.mark.parametrize(("array", "dtype", "wanted"), TAKEN.values(), ids=TAKEN)
def test_a_value_becomes_that_of_the_dtype(array: Any, dtype: str, wanted: Any, tmp_path: pathlib.Path) -> None:
    same(column(written(tmp_path, {"a": array}), dtype), wanted)


NOT_HELD = {
    "2 ** 53 + 1": (pa.array([2**53, 2**53 + 1]), "float64", "int64"),
    "- 2 ** 53 - 1": (pa.array([0, -(2**53) - 1]), "float64", "int64"),
    "2 ** 63 - 1": (pa.array([0, 2**63 - 1]), "float64", "int64"),
    "2 ** 31": (pa.array([0, 2**31]), "int32", "int64"),
    "uint32 2 ** 31": (pa.array([0, 2**31], pa.uint32()), "int32", "uint32"),
    "uint64 2 ** 63": (pa.array([0, 2**63], pa.uint64()), "int64", "uint64"),
    "uint64 2 ** 63 as a float": (pa.array([0, 2**63], pa.uint64()), "float32", "uint64"),
    "1e39": (pa.array([0, 1e39]), "float32", "float64"),
    "-3.4028235677973366e38": (pa.array([0, -3.4028235677973366e38]), "float32", "float64"),
    "1.5": (pa.array([1.0, 1.5]), "int64", "float64"),
    "NaN": (pa.array([1.0, NAN]), "int32", "float64"),
    "an infinity": (pa.array([1.0, -INF], pa.float32()), "int64", "float32"),
    "2.0 ** 63": (pa.array([1.0, 2.0**63]), "int64", "float64"),
    "2.0 ** 31": (pa.array([1.0, 2.0**31], pa.float32()), "int32", "float32"),
    "a half": (pa.array(np.array([1, 0.5], np.float16)), "int32", "float16"),
    "a decimal": (pa.array(map(decimal.Decimal, ["1", "1.25"]), pa.decimal128(30, 2)), "int64", "decimal"),
}


@pytest.mark.parametrize(("array", "dtype", "kind"), NOT_HELD.values(), ids=NOT_HELD)
def test_a_value_that_the_dtype_cannot_hold(array: Any, dtype: str, kind: str, tmp_path: pathlib.Path) -> None:
    file = written(tmp_path, {"a": array})
    a = tlo.Column("a", dtype)
    assert refused(file, a) == (
        f"FILE: row group 0, column 'a', row 1: {dtype} cannot hold the value, which is {kind} in the file. Declare "
        f"another dtype, {OR_ELSE}"
    )
    kept = read(file, a, on_bad_row="null")
    assert kept.validity["a"].numpy().tolist() == [True, False]
    assert {name: int(count) for name, count in kept.counts.items()} == {
        "rows": 2, "bad_rows": 1, "missing": 1, "bytes": file.stat().st_size,
    }  # fmt: skip
    assert read(file, a, on_bad_row="skip").validity["a"].numpy().tolist() == [True]


MISREAD = {
    "text as float32": (["1"], "float32", "bytes"),
    "text as bool": (["true"], "bool", "bytes"),
    "int32 as string": (pa.array([1], pa.int32()), "string", "int32"),
    "int64 as bool": ([1], "bool", "int64"),
    "bool as string": ([True], "string", "bool"),
    "decimal as string": ([decimal.Decimal("1.5")], "string", "decimal"),
    "float64 as bool": ([1.0], "bool", "float64"),
    "wide decimal as float64": (pa.array([decimal.Decimal("1.5")], pa.decimal256(70, 2)), "float64",
                                "decimals of more than 38 digits"),
}  # fmt: skip


@pytest.mark.parametrize(("array", "dtype", "kind"), MISREAD.values(), ids=MISREAD)
def test_a_type_that_is_no_dtype(array: Any, dtype: str, kind: str, tmp_path: pathlib.Path) -> None:
    assert refused(written(tmp_path, {"a": array}), tlo.Column("a", dtype)) == (
        f"FILE: column 'a': its values are {kind}, which cannot be read as {dtype}. Correct the schema's dtype, "
        "or leave the column out."
    )


def test_an_unknown_type(tmp_path: pathlib.Path) -> None:
    file = made(tmp_path, Chunk(8, data_page(b"", 1), 1))
    assert refused(file, tlo.Column("a", "float32")) == (
        "FILE: column 'a': its values are of an unknown type, which cannot be read as float32. Correct the schema's "
        "dtype, or leave the column out."
    )


# Nulls, and rows that are bad.


@pytest.mark.parametrize("dtype", ["int32", "int64", "bool"])
def test_a_null_without_a_default(dtype: str, tmp_path: pathlib.Path) -> None:
    values = [True, None, False, None] if dtype == "bool" else [1, None, 0, None]
    file = written(tmp_path, {"a": values, "b": [1.0, 2.0, None, 4.0]}, row_group_size=1)
    a, b = tlo.Column("a", dtype), tlo.Column("b", "float32")
    assert refused(file, a, b) == (
        f"FILE: row group 1, column 'a', row 0: the value is null, and no {dtype} stands for that. Declare a default, "
        f"Column('a', '{dtype}', default=...), or a float dtype, {OR_ELSE}"
    )
    skipped, nulled = (read(file, a, b, on_bad_row=way) for way in ("skip", "null"))
    assert skipped.columns["a"].numpy().tolist() == [1, 0]
    same(skipped.columns["b"].numpy().tolist(), [1.0, NAN])
    assert nulled.columns["a"].numpy().tolist() == [1, 0, 0, 0]
    assert nulled.validity["a"].numpy().tolist() == [True, False, True, False]
    same(nulled.columns["b"].numpy().tolist(), [1.0, 2.0, NAN, 4.0])
    counts = [
        {name: int(table.counts[name]) for name in ("rows", "bad_rows", "missing")} for table in (skipped, nulled)
    ]
    assert counts == [{"rows": 2, "bad_rows": 2, "missing": 1}, {"rows": 4, "bad_rows": 2, "missing": 3}]
    default = tlo.Column("a", dtype, default=True if dtype == "bool" else -7)
    filled = read(file, default, b)
    assert filled.columns["a"].numpy().tolist() == [1, default.default, 0, default.default]
    assert int(filled.counts["bad_rows"]) == 0


def test_the_first_bad_row_is_named_whatever_the_column(tmp_path: pathlib.Path) -> None:
    file = written(tmp_path, {"a": [1.0, 2.0, 0.5], "b": [1, None, 3], "c": ["x", "y", "z"]}, row_group_size=2)
    columns = [tlo.Column("c", "string"), tlo.Column("a", "int64"), tlo.Column("b", "int64")]
    assert "row group 0, column 'b', row 1: the value is null" in refused(file, *columns)
    assert "row group 1, column 'a', row 0: int64 cannot hold" in refused(file, *columns, row_groups=[1])
    inferred = tlo.infer_schema(written(tmp_path, {"a": [1]}, "first.parquet"))
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        tlo.read_parquet(file, inferred)
    origin = f" (The schema was inferred from the footer of {tmp_path}/first.parquet.)"
    assert message_of(caught.value).endswith(f"Declare another dtype, {OR_ELSE}{origin}")


def test_no_row_that_is_left_is_refused(tmp_path: pathlib.Path) -> None:
    file = written(tmp_path, {"a": pa.array([None, None], pa.int64())})
    a = tlo.Column("a", "int64")
    wanted = "pass allow_empty=True if a result with zero rows is wanted."
    assert refused(file, a, on_bad_row="skip") == (
        f'FILE: each of the 2 rows is bad, and on_bad_row="skip" leaves none. Check the schema; {wanted}'
    )
    assert column(file, "int64", on_bad_row="skip", allow_empty=True) == []
    assert column(file, "float32") == [None, None]
    empty = written(tmp_path, {"a": pa.array([], pa.int64())})
    assert refused(empty, a) == f"FILE: there are no rows. Check the path; {wanted}"


def test_files_without_rows(tmp_path: pathlib.Path) -> None:
    file = written(tmp_path, {"a": pa.array([], pa.int64()), "s": pa.array([], pa.string())})
    table = read(file, tlo.Column("a", "int64"), tlo.Column("s", "string"), allow_empty=True)
    assert [(v.shape.as_list(), v.dtype) for v in table.columns.values()] == [([0], tf.int64), ([0], tf.string)]
    no_groups = tmp_path / "none.parquet"
    pq.ParquetWriter(no_groups, pa.schema({"a": pa.int64()})).close()
    assert column(no_groups, "int64", allow_empty=True) == []
    full = written(tmp_path, {"a": [7]}, "full.parquet")
    assert column([file, full, no_groups], "int64") == [7]
    with pytest.raises(tf.errors.InvalidArgumentError, match="there are no rows"):
        read([file, no_groups], tlo.Column("a", "int64"))


# Columns, row groups and files.


def test_columns_are_found_by_name(tmp_path: pathlib.Path) -> None:
    file = written(tmp_path, {"b": [1], "a": [2.5], "a b": ["x"], "ä.ö": [True]})
    columns = [
        tlo.Column("a b", "string"),
        tlo.Column("ä.ö", "bool"),
        tlo.Column("a", "float64"),
        tlo.Column("b", "int32"),
    ]
    table = tlo.read_parquet(file, tlo.Schema(columns), columns=["b", "ä.ö", "a b"])
    assert {name: value.numpy().tolist() for name, value in table.columns.items()} == {
        "b": [1], "ä.ö": [True], "a b": [b"x"],
    }  # fmt: skip
    assert list(table.columns) == ["b", "ä.ö", "a b"]
    assert refused(file, tlo.Column("A", "float64")) == (
        "FILE: column 'A': the file has no such column; it has: b, a, a b, ä.ö. Correct the schema, or the path."
    )


def test_names_that_mean_several_columns_or_none(tmp_path: pathlib.Path) -> None:
    def said(table: Any, name: str) -> str:
        return refused(written(tmp_path, table), tlo.Column(name, "float64"))

    twice = "the file has several columns of this name, and nobody can tell which is meant. Write it with other names."
    table = pa.Table.from_arrays([pa.array([1.0])] * 3, ["a", "b", "a"])
    assert said(table, "a") == f"FILE: column 'a': {twice}"
    assert read(tmp_path / "a.parquet", tlo.Column("b", "float64")).columns["b"].numpy().tolist() == [1.0]
    assert said({"a.b": [1.0], "a": [{"b": 2.0}]}, "a.b") == f"FILE: column 'a.b': {twice}"
    group = "it is a group of columns, not one. Name a column in it; the file has: a.b, a.c.d."
    assert said({"a": [{"b": 1.0, "c": {"d": 2.0}}]}, "a") == f"FILE: column 'a': {group}"
    assert said({"a": [{"b": 1.0, "c": {"d": 2.0}}]}, "a.c") == f"FILE: column 'a.c': {group}"
    many = "it is a list or a map, or lies in one, which has no one value a row. Read other columns, or write the file "
    many += "with one value a row."
    assert said({"a": [[1.0]]}, "a.list.element") == f"FILE: column 'a.list.element': {many}"
    assert said({"a": [[{"b": 1.0}]]}, "a.list.element.b") == f"FILE: column 'a.list.element.b': {many}"
    pairs = pa.array([[("k", 1.0)]], pa.map_(pa.string(), pa.float64()))
    assert said({"a": pairs}, "a.key_value.value") == f"FILE: column 'a.key_value.value': {many}"
    names = [f"column {i}" for i in range(30)]
    listed = ", ".join(names[:20])
    assert said({name: [1.0] for name in names}, "x") == (
        f"FILE: column 'x': the file has no such column; it has: {listed}. Correct the schema, or the path."
    )


def test_leaves_of_structs_are_null_where_a_group_is(tmp_path: pathlib.Path) -> None:
    rows = [{"x": 1.5, "deep": {"y": 1}}, None, {"x": None, "deep": None}, {"x": 2.5, "deep": {"y": None}}]
    file = written(tmp_path, {"s": rows, "a": [1, 2, 3, 4]})
    table = read(
        file, tlo.Column("s.deep.y", "int64", default=-1), tlo.Column("s.x", "float64"), tlo.Column("a", "int64")
    )
    assert table.columns["s.deep.y"].numpy().tolist() == [1, -1, -1, -1]
    same(table.columns["s.x"].numpy().tolist(), [1.5, NAN, NAN, 2.5])
    assert table.columns["a"].numpy().tolist() == [1, 2, 3, 4]


def test_row_groups_come_in_the_order_asked_for(tmp_path: pathlib.Path) -> None:
    file = written(tmp_path, {"a": list(range(7))}, row_group_size=2)
    assert column(file, "int64", row_groups=[3, 0, 2]) == [6, 0, 1, 4, 5]
    assert column(file, "int64", row_groups=np.array([1])) == [2, 3]
    assert column([file, file], "int64", row_groups=[3]) == [6, 6]
    assert refused(file, tlo.Column("a", "int64"), row_groups=[0, 4]) == (
        "FILE: it has no row group 4, for it has 4, counted from 0. Correct row_groups."
    )


def test_several_files_and_patterns(tmp_path: pathlib.Path) -> None:
    one = written(tmp_path, {"a": [1], "s": ["x"]}, "part-1.parquet")
    # The same columns in another order, of other types, coded otherwise.
    two = written(
        tmp_path, {"s": pa.array(["y", None]).dictionary_encode(), "z": [0, 0], "a": pa.array([2, 3], pa.float32())},
        "part-2.parquet", compression="gzip",
    )  # fmt: skip
    columns = [tlo.Column("s", "string", default="?"), tlo.Column("a", "int64")]
    for source in ([one, two], str(tmp_path / "part-*.parquet"), [tmp_path / "part-[1].parquet", two]):
        table = read(source, *columns)
        assert table.columns["a"].numpy().tolist() == [1, 2, 3]
        assert table.columns["s"].numpy().tolist() == [b"x", b"y", b"?"]
        assert int(table.counts["bytes"]) == one.stat().st_size + two.stat().st_size
    assert read([two, one], *columns).columns["a"].numpy().tolist() == [2, 3, 1]
    written(tmp_path, {"a": [0.5], "s": ["x"]}, "part-3.parquet")
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        read(tmp_path / "part-*.parquet", *columns)
    assert message_of(caught.value) == (
        f"{tmp_path}/part-3.parquet: row group 0, column 'a', row 0: int64 cannot hold the value, which is float64 in "
        f"the file. Declare another dtype, {OR_ELSE}"
    )
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"none-\*: no file matches this pattern"):
        read([one, tmp_path / "none-*"], *columns)


# Dates and times.

UNITS = {
    "date": (pa.date32(), "days"), "time ms": (pa.time32("ms"), "ms"), "time us": (pa.time64("us"), "us"),
    "time ns": (pa.time64("ns"), "ns"), "ms": (pa.timestamp("ms"), "ms"), "us": (pa.timestamp("us", "UTC"), "us"),
    "ns": (pa.timestamp("ns"), "ns"),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "unit"), UNITS.values(), ids=UNITS)
def test_times_count_the_unit_of_the_file(kind: Any, unit: str, tmp_path: pathlib.Path) -> None:
    short = pa.types.is_date32(kind) or pa.types.is_time32(kind)
    file = written(tmp_path, {"a": pa.array([0, 7, 86399999], pa.int32() if short else pa.int64()).view(kind)})
    for declared in (unit, None):
        assert read(file, tlo.Column("a", "int64", unit=declared)).columns["a"].numpy().tolist() == [0, 7, 86399999]
    for other in {"days", "s", "ms", "us", "ns"} - {unit}:
        assert refused(file, tlo.Column("a", "int64", unit=other)) == (
            f"FILE: column 'a': it counts {unit}, and the schema says {other}. Correct the schema's unit."
        )


def test_int96(tmp_path: pathlib.Path) -> None:
    times = [datetime.datetime(1969, 12, 31, 23, 59, 59, 999999), datetime.datetime(1677, 9, 22), None,
             datetime.datetime(2262, 4, 11, 23, 47, 16, 854775)]  # fmt: skip
    file = written(tmp_path, {"a": pa.array(times, pa.timestamp("us"))}, use_deprecated_int96_timestamps=True)
    as_pyarrow(file, {"a": -1})
    # A day that nanoseconds in 64 bits do not reach, and a time behind the end of its day.
    days = [struct.pack("<qi", of_day, day) for of_day, day in ((0, 0), (86_400 * 10**9, 2440588), (5, 2440589))]
    days += [struct.pack("<qi", 85_636_854_775_807 + more, 2440588 + 106_751) for more in (0, 1)]
    file = made(tmp_path, Chunk(handmade.INT96, data_page(b"".join(days), 5), 5))
    table = read(file, tlo.Column("a", "int64", unit="ns"), on_bad_row="null")
    assert table.validity["a"].numpy().tolist() == [False, False, True, True, False]
    assert table.columns["a"].numpy().tolist()[2:4] == [86_400 * 10**9 + 5, 2**63 - 1]
    assert refused(file, tlo.Column("a", "int64")) == (
        "FILE: row group 0, column 'a', row 0: int64 cannot hold the value, which is int96 in the file. Declare "
        f"another dtype, {OR_ELSE}"
    )


@pytest.mark.parametrize("in_graph", [False, True], ids=["eager", "graph"])
def test_gaps_in_some_row_groups_of_some_columns(in_graph: bool, tmp_path: pathlib.Path) -> None:
    columns = {
        "full": [1, 2, 3, 4, 5, 6, 7],
        "late": [1, 2, 3, 4, 5, None, 7],
        "wide": [2**40, 2, 3, 4, 5, 6, 7],
        "none": [None] * 7,
        "last": [7, 6, 5, 4, 3, 2, 1],
    }
    file = written(tmp_path, {name: pa.array(values, pa.int64()) for name, values in columns.items()}, row_group_size=3)
    schema = tlo.Schema([tlo.Column(name, "int32", default=-1) for name in columns])

    def call(path: Any) -> tlo.Table:
        return tlo.read_parquet(path, schema, on_bad_row="null")

    table = (tf.function(call, autograph=False) if in_graph else call)(tf.constant(str(file)))
    for name, values in columns.items():
        wanted = [-1 if value is None or value > 2**31 else value for value in values]
        assert table.columns[name].numpy().tolist() == wanted
        assert table.validity[name].numpy().tolist() == [value > 0 for value in wanted]
    assert int(table.counts["missing"]) == 9
    assert int(table.counts["bad_rows"]) == 1


# Decimals: the oracle is Python's.


def _decimals(precision: int, scale: int) -> list[decimal.Decimal]:
    draw = random.Random(precision * 100 + scale)
    numbers = [0, 1, -1, 10**precision - 1, 1 - 10**precision, 10 ** (precision - 1), 2 ** min(53, precision * 3) + 1]
    numbers += [draw.choice([-1, 1]) * draw.randrange(10 ** draw.randint(1, precision)) for _ in range(60)]
    with decimal.localcontext(prec=60):
        return [decimal.Decimal(number).scaleb(-scale) for number in numbers]


@pytest.mark.parametrize("integers", [False, True], ids=["bytes", "integers"])
@pytest.mark.parametrize(
    ("precision", "scale"),
    [(1, 0), (4, 4), (9, 2), (10, 0), (18, 17), (19, 5), (20, 0), (27, 26), (38, 0), (38, 19), (38, 38)],
)
def test_decimals_are_the_nearest_float64(precision: int, scale: int, integers: bool, tmp_path: pathlib.Path) -> None:
    values = _decimals(precision, scale)
    array = pa.array(values, pa.decimal128(precision, scale))
    file = written(tmp_path, {"a": array}, store_decimal_as_integer=integers, use_dictionary=integers)
    kind = pq.ParquetFile(file).schema.column(0).physical_type
    stored = "INT32" if precision < 10 else "INT64" if precision < 19 else "FIXED_LEN_BYTE_ARRAY"
    assert kind == (stored if integers else "FIXED_LEN_BYTE_ARRAY")
    same(column(file, "float64"), [float(value) + 0.0 for value in values])


@pytest.mark.parametrize("encoding", ["PLAIN", "dictionary", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY"])
def test_decimals_in_byte_arrays(encoding: str, tmp_path: pathlib.Path) -> None:
    values = _decimals(38, 10)
    texts = _big_endian(values, 10)
    body, first, number = encodings.plain(texts), b"", 0
    if encoding == "dictionary":
        first, body, number = dictionary_page(body, len(texts)), _indexes(list(range(len(texts))), 7), 8
    elif encoding == "DELTA_LENGTH_BYTE_ARRAY":
        body, number = encodings.delta_length(texts), 6
    elif encoding == "DELTA_BYTE_ARRAY":
        body, number = encodings.delta_bytes(texts), 7
    pages = first + data_page(body, len(texts), number)
    file = made(tmp_path, Chunk(handmade.BYTE_ARRAY, pages, len(texts), _DECIMAL, first=len(first)))
    same(column(file, "float64"), [float(value) + 0.0 for value in values])


_DECIMAL = {6: 5, 7: 10, 8: 38}


def _big_endian(values: list[decimal.Decimal], scale: int) -> list[bytes]:
    with decimal.localcontext(prec=60):
        numbers = [int(value.scaleb(scale)) for value in values]
    return [number.to_bytes((number.bit_length() + 8) // 8, "big", signed=True) for number in numbers]


@pytest.mark.parametrize(
    ("page", "name"),
    [
        (data_page(encodings.plain([b"", b"\1"]), 2), "PLAIN"),
        (data_page(encodings.plain([b"\1", bytes(17)]), 2), "PLAIN"),
        (data_page(encodings.delta_length([b"\1", b""]), 2, 6), "DELTA_LENGTH_BYTE_ARRAY"),
        (data_page(encodings.delta_bytes([b"\1", bytes(17)]), 2, 7), "DELTA_BYTE_ARRAY"),
    ],
    ids=["no bytes", "17 bytes", "no bytes, by length", "17 bytes, by difference"],
)
def test_decimals_that_are_not_read(page: bytes, name: str, tmp_path: pathlib.Path) -> None:
    file = made(tmp_path, Chunk(handmade.BYTE_ARRAY, page, 2, _DECIMAL))
    said = UNREADABLE.format("decimal", name)
    assert refused(file, tlo.Column("a", "float64")) == f"FILE: row group 0, column 'a', page 0: {said}"


@pytest.mark.parametrize("precision", [1, 9, 19, 38])
def test_decimals_of_one_width_by_their_differences(precision: int, tmp_path: pathlib.Path) -> None:
    scale = min(precision, 3)
    values = [*_decimals(precision, scale), None]
    array = pa.array(values, pa.decimal128(precision, scale))
    options: dict[str, Any] = {"use_dictionary": False, "column_encoding": {"a": "DELTA_BYTE_ARRAY"}}
    file = written(tmp_path, {"a": array}, **options)
    assert "DELTA_BYTE_ARRAY" in pq.read_metadata(file).row_group(0).column(0).encodings
    same(column(file, "float64"), [None if value is None else float(value) + 0.0 for value in values])


def test_half_floats_by_their_differences(tmp_path: pathlib.Path) -> None:
    values = np.array([1.5, -2.0, 65504.0, 0.0, 6e-8, np.inf, -np.inf, np.nan], np.float16)
    page = data_page(encodings.delta_bytes([value.tobytes() for value in values]), len(values), 7)
    file = made(tmp_path, Chunk(handmade.FIXED, page, len(values), {2: 2, 10: {15: {}}}))
    same(column(file, "float32"), values.astype(np.float32).tolist())
    longer = data_page(encodings.delta_bytes([b"ab", b"abc"]), 2, 7)
    file = made(tmp_path, Chunk(handmade.FIXED, longer, 2, {2: 2, 10: {15: {}}}))
    said = UNREADABLE.format("float16", "DELTA_BYTE_ARRAY")
    assert refused(file, tlo.Column("a", "float64")) == f"FILE: row group 0, column 'a', page 0: {said}"


def _indexes(values: list[int], width: int) -> bytes:
    """Indexes into a dictionary, in one bit-packed run."""
    eights = -(-len(values) // 8)
    packed = encodings.packed(values + [0] * (8 * eights - len(values)), width)
    return bytes([width]) + encodings.uleb(eights << 1 | 1) + packed


# Floats to the bit.


def test_all_float16(tmp_path: pathlib.Path) -> None:
    bits = np.arange(2**16, dtype=np.uint16)
    for options in (
        {"use_dictionary": False},
        {},
        {"use_dictionary": False, "column_encoding": {"a": "BYTE_STREAM_SPLIT"}},
    ):
        file = written(tmp_path, {"a": pa.array(bits.view(np.float16))}, **options)
        for dtype in ("float32", "float64"):
            got = read(file, tlo.Column("a", dtype)).columns["a"].numpy()
            wanted = bits.view(np.float16).astype(dtype)
            np.testing.assert_array_equal(got, wanted)
            np.testing.assert_array_equal(np.signbit(got), np.signbit(wanted))


def test_nan_keeps_its_bits_and_is_no_null(tmp_path: pathlib.Path) -> None:
    for bits, dtype in (
        (np.array([0x7FF8000000000001, 0xFFF0000000000007, 0x7FF8DEADBEEF0000, 1], np.uint64), "float64"),
        (np.array([0x7FC00001, 0xFF800007, 0x7FABCDEF, 1], np.uint32), "float32"),
    ):
        values = pa.array(bits.view(dtype))
        values = pa.concat_arrays([values, pa.nulls(1, values.type)])
        file = written(tmp_path, {"a": values})
        table = read(file, tlo.Column("a", dtype))
        assert table.columns["a"].numpy()[:4].view(bits.dtype).tolist() == bits.tolist()
        assert table.validity["a"].numpy().tolist() == [True] * 4 + [False]
        assert math.isnan(table.columns["a"].numpy()[4])
        assert int(table.counts["missing"]) == 1


# Encodings.

_DRAW = np.random.default_rng(7)
_SIZE = 300
_NULL = np.arange(_SIZE) % 7 == 3
_INT32 = _DRAW.integers(-(2**31), 2**31, _SIZE).astype(np.int32)
_INT64 = _DRAW.integers(-(2**53), 2**53, _SIZE)
_FIXED = [bytes(one) for one in _DRAW.integers(0, 256, (_SIZE, 5), np.uint8)]
_TEXTS = [f"{'pre' * (i % 4)}fix é {i // 3}" for i in range(_SIZE)]
ALL = {
    "i32": pa.array(_INT32, mask=_NULL), "i64": pa.array(_INT64, mask=_NULL),
    "f32": pa.array(_INT32.view(np.float32), mask=_NULL),
    "f64": pa.array(_DRAW.standard_normal(_SIZE), mask=_NULL),
    "f16": pa.array(_INT32.view(np.float16)[:_SIZE], mask=_NULL),
    "fixed": pa.array(_FIXED, pa.binary(5), mask=_NULL), "u32": pa.array(_INT32.view(np.uint32), mask=_NULL),
    "dec": pa.array([decimal.Decimal(int(one)).scaleb(-3) for one in _INT64], pa.decimal128(22, 3), mask=_NULL),
    "at": pa.array(_INT64, pa.timestamp("ns"), mask=_NULL), "day": pa.array(_INT32 // 1000, pa.date32(), mask=_NULL),
    "full": pa.array(range(_SIZE)),
}  # fmt: skip
TIMES = {"at": -1, "day": -1}
_STRINGS = {
    "text": pa.array(_TEXTS, mask=_NULL),
    "raw": pa.array(_FIXED, pa.binary(), mask=_NULL),
    "sorted": pa.array(sorted(_TEXTS)),
}
_BOOLS = {"open": pa.array(_NULL), "gaps": pa.array(_INT32 > 0, mask=_NULL)}
_WHOLE = ("i32", "i64", "u32", "at", "day", "full")
PAGES = [{"data_page_version": version, "data_page_size": 400, "write_batch_size": 50} for version in ("1.0", "2.0")]


@pytest.mark.parametrize("pages", PAGES, ids=["version 1", "version 2"])
@pytest.mark.parametrize("compression", ["none", "snappy", "gzip", "lz4"])
def test_every_type_in_every_encoding(pages: Any, compression: str, tmp_path: pathlib.Path) -> None:
    options = {"compression": compression, **pages}
    plain = {"use_dictionary": False, **options}
    as_pyarrow(written(tmp_path, {**ALL, **_STRINGS, **_BOOLS}, **options), TIMES)
    as_pyarrow(written(tmp_path, {**ALL, **_STRINGS, **_BOOLS}, **plain), TIMES)
    split = dict.fromkeys(ALL, "BYTE_STREAM_SPLIT")
    as_pyarrow(written(tmp_path, ALL, column_encoding=split, **plain), TIMES)
    delta = {**dict.fromkeys(_WHOLE, "DELTA_BINARY_PACKED"), **dict.fromkeys(_BOOLS, "RLE")}
    columns = {**{name: ALL[name] for name in _WHOLE}, **_BOOLS}
    as_pyarrow(written(tmp_path, columns, column_encoding=delta, **plain), TIMES)
    for encoding in ("DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY"):
        as_pyarrow(written(tmp_path, _STRINGS, column_encoding=dict.fromkeys(_STRINGS, encoding), **plain))


def test_delta_of_the_ends_of_the_range(tmp_path: pathlib.Path) -> None:
    for kind, bits in ((pa.int32(), 31), (pa.int64(), 63)):
        ends = [-(2**bits), 2**bits - 1] * 40 + [0] * 100 + [-(2**bits)]
        file = written(
            tmp_path, {"a": pa.array(ends, kind)}, use_dictionary=False, column_encoding={"a": "DELTA_BINARY_PACKED"}
        )
        assert column(file, "int64") == ends


def test_a_dictionary_of_70000_texts(tmp_path: pathlib.Path) -> None:
    texts = [f"{i:x}" for i in range(70_000)]
    file = written(tmp_path, {"a": [*texts, *texts[::-1]]}, dictionary_pagesize_limit=1 << 24, row_group_size=1 << 20)
    metadata = pq.ParquetFile(file).metadata.row_group(0).column(0)
    assert metadata.has_dictionary_page and "PLAIN" in metadata.encodings
    got = read(file, tlo.Column("a", "string")).columns["a"].numpy().tolist()
    assert got == [text.encode() for text in [*texts, *texts[::-1]]]


def test_a_dictionary_that_gives_way_to_plain_pages(tmp_path: pathlib.Path) -> None:
    texts = [f"{i % 700} {'x' * 20}" for i in range(3000)]
    file = written(tmp_path, {"a": texts, "n": range(3000)}, dictionary_pagesize_limit=4000, data_page_size=1000,
                   write_batch_size=100)  # fmt: skip
    as_pyarrow(file)


@pytest.mark.parametrize("pages", PAGES, ids=["version 1", "version 2"])
def test_pages_of_nulls_only(pages: Any, tmp_path: pathlib.Path) -> None:
    gone = [None] * 400
    table = {"a": pa.array([*gone, 1.5, *gone]), "s": pa.array([*gone, "x", *gone]), "n": pa.array([*gone, 1, *gone]),
             "none": pa.nulls(801, pa.float64()), "null": pa.nulls(801)}  # fmt: skip
    file = written(tmp_path, table, use_dictionary=False, **{**pages, "data_page_size": 1})
    table = read(
        file, *(tlo.Column(name, "float64") for name in ("a", "none", "n")), tlo.Column("s", "string", default="-")
    )
    there = [i == 400 for i in range(801)]
    assert {name: valid.numpy().tolist() for name, valid in table.validity.items()} == {
        "a": there, "none": [False] * 801, "n": there, "s": there,
    }  # fmt: skip
    assert table.columns["a"].numpy()[400] == 1.5
    assert set(table.columns["s"].numpy().tolist()) == {b"-", b"x"}
    assert int(table.counts["missing"]) == 3 * 800 + 801


# By hand.

_DOUBLES = struct.pack("<3d", 1.5, -2.5, 4.0)


def test_levels_in_the_old_bit_packed_encoding(tmp_path: pathlib.Path) -> None:
    # From the highest bit on, as parquet-format's Encodings.md has it: there, null, there, there.
    page = data_page(bytes([0b10110000]) + _DOUBLES, 4, levels=4)
    file = made(tmp_path, Chunk(handmade.DOUBLE, page, 4, {3: handmade.OPTIONAL}))
    assert column(file, "float64") == [1.5, None, -2.5, 4.0]


def test_a_v2_page_says_itself_whether_it_is_compressed(tmp_path: pathlib.Path) -> None:
    levels = bytes([4 << 1, 1])  # a run of four levels of 1
    body = struct.pack("<4i", 1, 2, 3, 4)
    gzip = pa.Codec("gzip").compress(body).to_pybytes()
    optional = {3: handmade.OPTIONAL}
    plain = v2_page(levels, body, 4, 0, compressed=False)
    packed = v2_page(levels, gzip, 4, 0, compressed=True, size=len(levels) + len(body))
    by_default = v2_page(levels, gzip, 4, 0, size=len(levels) + len(body))
    file = made(tmp_path, Chunk(handmade.INT32, plain + packed + by_default, 12, optional, codec=2))
    assert column(file, "int32") == [1, 2, 3, 4] * 3


def test_lz4_as_hadoop_writes_it(tmp_path: pathlib.Path) -> None:
    raw = pa.Codec("lz4_raw").compress(_DOUBLES).to_pybytes()
    framed = struct.pack(">ii", len(_DOUBLES), len(raw)) + raw
    file = made(tmp_path, Chunk(handmade.DOUBLE, data_page(framed, 3, size=len(_DOUBLES)), 3, codec=5))
    assert column(file, "float64") == [1.5, -2.5, 4.0]


CAN = "none, snappy, gzip, lz4 and lz4_raw" + (" and zstd" if has_zstd() else "")
CODECS = {"lzo": 3, "brotli": 4, "a codec of no known name": 9}


@pytest.mark.parametrize(("name", "codec"), CODECS.items(), ids=CODECS)
def test_compression_that_tensorflow_does_not_have(name: str, codec: int, tmp_path: pathlib.Path) -> None:
    columns = (
        Chunk(handmade.DOUBLE, data_page(_DOUBLES, 3), 3, name="b"),
        Chunk(handmade.DOUBLE, data_page(_DOUBLES, 3), 3, codec=codec),
    )
    file = made(tmp_path, *columns)
    assert refused(file, tlo.Column("b", "float64"), tlo.Column("a", "float64")) == (
        f"FILE: row group 0, column 'a': it is compressed by {name}, which this TensorFlow does not have. Write it "
        f"with one of {CAN}."
    )
    assert read(file, tlo.Column("b", "float64")).columns["b"].numpy().tolist() == [1.5, -2.5, 4.0]


def test_zstd_is_read_where_tensorflow_has_it(tmp_path: pathlib.Path) -> None:
    file = written(tmp_path, {**ALL, **_STRINGS}, compression="zstd", data_page_version="2.0")
    assert has_zstd() == (tf.__version__ >= "2.21")
    if has_zstd():
        as_pyarrow(file, TIMES)
    else:
        assert refused(file, tlo.Column("f64", "float64")) == (
            "FILE: row group 0, column 'f64': it is compressed by zstd, which this TensorFlow does not have. Write it "
            f"with one of {CAN}."
        )


OF_PAGE = {
    "no header": (b"\xff" * 40, 3, NO_SUCH_PLACE),
    "too long": (data_page(_DOUBLES, 3)[:-1], 3, NO_SUCH_PLACE),
    "too few values": (data_page(_DOUBLES[:-1], 3), 3, UNREADABLE.format("float64", "PLAIN")),
    "a type in no such encoding": (
        data_page(encodings.delta([1, 2, 3]), 3, 5), 3, UNREADABLE.format("float64", "DELTA_BINARY_PACKED"),
    ),
    "no dictionary": (data_page(_indexes([0, 0, 0], 1), 3, 8), 3, UNREADABLE.format("float64", "RLE_DICTIONARY")),
    "a new encoding": (
        data_page(_DOUBLES, 3, 10), 3,
        "the page's encoding is of no known name, which is not read. Write the file with another encoding.",
    ),
    "too many values": (data_page(_DOUBLES, 3), 2, OTHER_COUNT),
    "too few pages": (data_page(_DOUBLES, 3), 4, OTHER_COUNT),
}  # fmt: skip


@pytest.mark.parametrize(("pages", "rows", "said"), OF_PAGE.values(), ids=OF_PAGE)
def test_a_page_that_cannot_be_read(pages: bytes, rows: int, said: str, tmp_path: pathlib.Path) -> None:
    number = 1 if rows == 4 else 0
    file = made(tmp_path, Chunk(handmade.DOUBLE, pages, rows))
    assert refused(file, tlo.Column("a", "float64")) == f"FILE: row group 0, column 'a', page {number}: {said}"


def test_pages_that_do_not_decompress_and_levels_that_are_none(tmp_path: pathlib.Path) -> None:
    for codec in (1, 2, 5, 7, *((6,) if has_zstd() else ())):
        file = made(tmp_path, Chunk(handmade.DOUBLE, data_page(b"\xff" * 9, 3, size=24), 3, codec=codec))
        assert refused(file, tlo.Column("a", "float64")) == (
            "FILE: row group 0, column 'a', page 0: the page cannot be decompressed into the bytes that it is said to "
            "hold." + DAMAGED
        )
    levels = Chunk(handmade.DOUBLE, data_page(struct.pack("<i", 10**6) + _DOUBLES, 3), 3, {3: handmade.OPTIONAL})
    assert refused(made(tmp_path, levels), tlo.Column("a", "float64")) == (
        "FILE: row group 0, column 'a', page 0: the page's definition levels, which tell where values are missing, "
        "cannot be read." + DAMAGED
    )


OF_FOOTER = {
    "another file": ({1: b"other.parquet"}, 3, ELSEWHERE),
    "an encrypted column": ({8: {1: {}}}, 3, ELSEWHERE),
    "other counts": ({}, 2, "its pages are not where the footer says." + DAMAGED),
}


@pytest.mark.parametrize(("more", "values", "said"), OF_FOOTER.values(), ids=OF_FOOTER)
def test_a_chunk_that_cannot_be_read(more: Any, values: int, said: str, tmp_path: pathlib.Path) -> None:
    file = made(tmp_path, Chunk(handmade.DOUBLE, data_page(_DOUBLES, 3), values, chunk=more), rows=3)
    assert refused(file, tlo.Column("a", "float64")) == f"FILE: row group 0, column 'a': {said}"


# Whole files.


def test_what_is_no_parquet_file(tmp_path: pathlib.Path) -> None:
    good = written(tmp_path, {"a": [1.0]}).read_bytes()
    file = tmp_path / "b.parquet"
    encrypted = "the file is encrypted, which is not read. Write it without encryption."
    cases = {
        b"": "the file is empty, and no Parquet file. Check the path.",
        b"a,b\n1,2\n": "the file is no Parquet file: it does not begin with the bytes PAR1. Check the path.",
        good[:-1]: "the file begins as Parquet but does not end so." + DAMAGED,
        good[:40]: "the file begins as Parquet but does not end so." + DAMAGED,
        b"PAR1PAR1": "the file begins as Parquet but does not end so." + DAMAGED,
        b"PARE" + good[4:-4] + b"PARE": encrypted,
        good[:-4] + b"PARE": encrypted,
        good[:-8]
        + b"\xff\xff\xff\x7fPAR1": f"its footer is said to have 2147483647 bytes, and the file has {len(good)}."
        + DAMAGED,
        good[:-8]
        + b"\xff\xff\xff\xffPAR1": f"its footer is said to have 4294967295 bytes, and the file has {len(good)}."
        + DAMAGED,
        b"PAR1" + b"\xff" * 20 + b"\x14\0\0\0PAR1": "its footer cannot be read: it is malformed." + DAMAGED,
    }
    for content, said in cases.items():
        file.write_bytes(content)
        assert refused(file, tlo.Column("a", "float64")) == f"FILE: {said}"
    assert refused(tmp_path, tlo.Column("a", "float64")).endswith("Give the path of a readable file.")
    assert refused(tmp_path / "gone.parquet", tlo.Column("a", "float64")) == (
        "FILE: no such file. Check the path; a relative one starts at the working directory of the process."
    )


def test_a_footer_that_contradicts_itself(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "a.parquet"
    one = {1: handmade.DOUBLE, 3: 0, 4: b"a"}
    meta = {
        1: 5,
        2: [0],
        3: [b"a"],
        4: 0,
        5: handmade.Long(3),
        6: handmade.Long(9),
        7: handmade.Long(9),
        9: handmade.Long(4),
    }

    def said(schema: Any, chunks: Any, rows: int = 3, **more: Any) -> str:
        group = {1: chunks, 2: handmade.Long(0), 3: handmade.Long(3)}
        fields = {1: 1, 2: schema, 3: handmade.Long(rows), 4: [group], **more.get("fields", {})}
        footer = handmade.struct(fields)
        file.write_bytes(b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1")
        return refused(file, tlo.Column("a", "float64"))

    chunk = {2: handmade.Long(0), 3: meta}
    assert said([{4: b"s", 5: 1}, one], [chunk, chunk]) == (
        "FILE: its 1 row groups have 2 column chunks, where 1 columns would have 1." + DAMAGED
    )
    assert said([{4: b"s", 5: 1}, one], [chunk], rows=4) == (
        "FILE: its row groups have 3 rows, and its footer says 4. Fewer than 2 ** 31 are read." + DAMAGED
    )
    assert said([{4: b"s", 5: 2}, one], [chunk]) == (
        "FILE: its schema is malformed, or has more than 2 ** 15 columns and groups. Write it with fewer columns."
    )
    assert said([{4: b"s", 5: 1}, one], [chunk], fields={8: {1: {}}}) == (
        "FILE: the file is encrypted, which is not read. Write it without encryption."
    )
    assert said([{4: b"s", 5: 1}, one], [chunk]) == (
        "FILE: row group 0, column 'a': its pages are not where the footer says." + DAMAGED
    )
