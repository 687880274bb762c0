"""Files of very many very small pages: those that are read together, and what ends it."""

from __future__ import annotations

import decimal
import math
import pathlib
import struct
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

import tf_loadops as tlo
from tf_loadops.parquet import leaves
from tf_loadops.parquet.small_pages import read_small
from tf_loadops.parquet.values import Column

from .handmade import BOOLEAN, BYTE_ARRAY, DOUBLE, INT32, INT96, OPTIONAL, Chunk, data_page, dictionary_page
from .test_read_parquet import DAMAGED, NO_SUCH_PLACE, OTHER_COUNT, UNREADABLE, column, made, refused, same

MANY = 40  # pages, more than an eager read takes op by op
OF_KIND = {INT32: (leaves.INT32, 4), DOUBLE: (leaves.DOUBLE, 8), BOOLEAN: (leaves.BOOL, 1)}


def levels_of(run: bytes) -> bytes:
    """Definition levels as a page of version 1 has them."""
    return len(run).to_bytes(4, "little") + run


def together(pages: bytes, kind: int, rows: int, dtype: str, definition: int = 0, width: int | None = None) -> Any:
    """How many pages are read together, their values, and how many bytes they take."""
    of, size = OF_KIND[kind]
    numbers = (of, size if width is None else width, 0, definition)
    some = read_small(
        tf.constant(b"PAR1" + pages), tf.constant(4), tf.constant(4 + len(pages)), tf.constant(rows),
        Column(*map(tf.constant, numbers)), dtype,
    )
    return int(some.count), some.values.numpy().tolist(), int(some.end) - 4


def ints(*values: int) -> bytes:
    return data_page(struct.pack(f"<{len(values)}i", *values), len(values))


def test_pages_that_go_together() -> None:
    pages = ints(1, 2, 3) + ints(-4) + ints(5, 6)
    assert together(pages, INT32, 6, "int64") == (3, [1, 2, 3, -4, 5, 6], len(pages))


def test_bools_begin_at_a_byte_in_each_page() -> None:
    pages = data_page(b"\x05", 3) + data_page(b"\xff\x01", 9) + data_page(b"\x00", 1)
    values = [True, False, True, *[True] * 9, False]
    assert together(pages, BOOLEAN, 13, "bool") == (3, values, len(pages))


@pytest.mark.parametrize(
    "run",
    [b"\x06\x01", b"\x08\x01", b"\x86\x80\x00\x01", b"\x03\x07", b"\x03\xff", b"\x05\x07\x00", b"\x06\x01\x99"],
    ids=["three ones", "more ones", "long head", "bits", "more bits", "two groups", "bytes behind"],
)
def test_definition_levels_that_are_ones(run: bytes) -> None:
    first = data_page(levels_of(run) + struct.pack("<3i", 7, 8, 9), 3)
    assert together(first + ints(1), INT32, 4, "int32", definition=1)[:2] == (1, [7, 8, 9])


@pytest.mark.parametrize(
    "run",
    [b"\x06\x00", b"\x04\x01", b"\x03\x05", b"\x03", b"\x06", b"\x07\x07", b"", b"\x00\x01", b"\x01"],
    ids=["nulls", "too few ones", "a null", "no bits", "no level", "bits cut off", "nothing", "no run", "no groups"],
)
def test_definition_levels_that_are_not(run: bytes) -> None:
    pages = data_page(levels_of(run) + struct.pack("<3i", 7, 8, 9), 3)
    assert together(pages, INT32, 3, "int32", definition=1) == (0, [], 0)


GOOD = ints(1, 2)


@pytest.mark.parametrize(
    "page",
    [
        dictionary_page(struct.pack("<i", 1), 1),
        data_page(b"\x01\x00\x00\x00", 1, encoding=2),
        data_page(b"\x01\x00\x00\x00", 1, size=5),
        data_page(b"\x01\x00\x00\x00", 2),
        data_page(b"\x01\x00\x00", 1),
        data_page(b"\x01\x00\x00\x00", 2**31 - 1),
        data_page(b"", 0),
        data_page(b"\x01\x00\x00\x00", 1)[:-1],
        b"\xff" * 20,
        b"\x00" * 20,
    ],
    ids=["dictionary", "encoded", "compressed", "too few bytes", "cut value", "very many", "empty", "cut page", "no "
         "header", "no fields"],
)  # fmt: skip
def test_a_page_that_ends_them(page: bytes) -> None:
    assert together(GOOD + page, INT32, 2**31 - 1, "int32") == (1, [1, 2], len(GOOD))
    assert together(page, INT32, 2**31 - 1, "int32") == (0, [], 0)


def test_no_more_rows_than_there_are() -> None:
    assert together(GOOD * 3, INT32, 5, "int32") == (2, [1, 2, 1, 2], 2 * len(GOOD))


def test_more_pages_than_a_window_holds() -> None:
    pages = [struct.pack("<100d", *(1000.0 * i + j for j in range(100))) for i in range(400)]
    text = b"".join(data_page(page, 100) for page in pages)
    count, values, taken = together(text, DOUBLE, 40_000, "float64")
    assert 8 <= count <= 9  # of some 820 bytes each, in 8 KiB
    assert values == [1000.0 * i + j for i in range(count) for j in range(100)]
    assert taken == len(b"".join(data_page(page, 100) for page in pages[:count]))


# Whole files.


TYPES = {
    "bool": (pa.bool_(), [i % 3 == 0 for i in range(MANY * 3)]),
    "int32": (pa.int32(), [i * 7919 - 2**20 for i in range(MANY * 3)]),
    "int64": (pa.int64(), [i * 2**50 - 2**56 for i in range(MANY * 3)]),
    "float32": (pa.float32(), [i / 8 for i in range(MANY * 3)]),
    "float64": (pa.float64(), [1 / (i + 1) for i in range(MANY * 3)]),
    "string": (pa.string(), ["é" * (i % 5) for i in range(MANY * 3)]),
}


@pytest.mark.parametrize("optional", [False, True])
@pytest.mark.parametrize("dtype", TYPES)
def test_files_of_small_pages(dtype: str, optional: bool, tmp_path: pathlib.Path) -> None:
    kind, values = TYPES[dtype]
    table = pa.table([pa.array(values, kind)], schema=pa.schema([pa.field("a", kind, nullable=optional)]))
    file = tmp_path / "a.parquet"
    pq.write_table(table, file, data_page_size=1, write_batch_size=3, use_dictionary=False, compression="none")
    if dtype == "string":
        values = [value.encode() for value in values]
    assert column(file, dtype) == np.array(values, None if dtype == "string" else dtype).tolist()


def test_nulls_among_small_pages(tmp_path: pathlib.Path) -> None:
    values = [None if i in (85, 86, 87, 100) else float(i) for i in range(MANY * 3)]
    file = tmp_path / "a.parquet"
    pq.write_table(
        pa.table({"a": values}), file, data_page_size=1, write_batch_size=3, use_dictionary=False, compression="none"
    )
    assert column(file, "float64") == values


def test_decimals_and_int96_in_small_pages(tmp_path: pathlib.Path) -> None:
    values = [decimal.Decimal(10**30 + i).scaleb(-10) for i in range(MANY * 2)]
    file = tmp_path / "a.parquet"
    options = {"data_page_size": 1, "write_batch_size": 2, "use_dictionary": False, "compression": "none"}
    pq.write_table(pa.table({"a": pa.array(values, pa.decimal128(38, 10))}), file, **options)
    same(column(file, "float64"), [float(value) for value in values])
    day = [struct.pack("<qi", i, 2440588 + i) for i in range(MANY)]
    file = made(tmp_path, Chunk(INT96, b"".join(data_page(one, 1) for one in day), MANY))
    assert column(file, "int64") == [i * 86_400 * 10**9 + i for i in range(MANY)]


def test_values_that_a_dtype_cannot_hold_in_small_pages(tmp_path: pathlib.Path) -> None:
    pages = [data_page(struct.pack("<d", 0.5 if i == 33 else i), 1) for i in range(MANY)]
    file = made(tmp_path, Chunk(DOUBLE, b"".join(pages), MANY))
    assert column(file, "int32", on_bad_row="null") == [None if i == 33 else i for i in range(MANY)]
    assert refused(file, tlo.Column("a", "int32")) == (
        "FILE: row group 0, column 'a', row 33: int32 cannot hold the value, which is float64 in the file. Declare "
        'another dtype, or pass on_bad_row="skip" or "null".'
    )


@pytest.mark.parametrize("bad", [30, MANY - 1])
def test_a_damaged_page_among_small_ones_is_named(bad: int, tmp_path: pathlib.Path) -> None:
    def file_with(page: bytes) -> pathlib.Path:
        pages = [page if i == bad else ints(i) for i in range(MANY)]
        return made(tmp_path, Chunk(INT32, b"".join(pages), MANY, element={3: OPTIONAL - 1}))

    where = f"FILE: row group 0, column 'a', page {bad}: "
    short = file_with(data_page(b"\x01\x00\x00", 1))
    assert refused(short, tlo.Column("a", "int32")) == where + UNREADABLE.format("int32", "PLAIN")
    assert refused(file_with(b"\xff" * 30), tlo.Column("a", "int32")) == where + NO_SUCH_PLACE
    more = file_with(ints(*range(50)))
    assert refused(more, tlo.Column("a", "int32")) == (
        where + OTHER_COUNT
    )


def test_float32_keeps_every_bit(tmp_path: pathlib.Path) -> None:
    values = [math.nan, -0.0, math.inf, -math.inf, 1e-45, 3.4e38] * MANY
    file = tmp_path / "a.parquet"
    table = pa.table({"a": pa.array(values, pa.float32())})
    pq.write_table(table, file, data_page_size=1, write_batch_size=2, use_dictionary=False, compression="none")
    got = tlo.read_parquet(file, tlo.Schema([tlo.Column("a", "float32")])).columns["a"].numpy()
    assert got.view(np.int32).tolist() == np.array(values, np.float32).view(np.int32).tolist()


EMPTY = data_page(b"", 0)


@pytest.mark.parametrize("kind", ["numbers", "text"])
def test_empty_pages(kind: str, tmp_path: pathlib.Path) -> None:
    """Some are read over; a file of nothing else would keep a reader busy for hours."""
    page, dtype, physical = (ints(7), "int32", INT32) if kind == "numbers" else (
        data_page(b"\x01\x00\x00\x00x", 1), "string", BYTE_ARRAY
    )  # fmt: skip
    value = 7 if kind == "numbers" else b"x"
    few = made(tmp_path, Chunk(physical, (EMPTY * 1000 + page) * 2, 2))
    assert column(few, dtype) == [value, value]
    many = made(tmp_path, Chunk(physical, EMPTY * 20_000 + page, 1))
    assert refused(many, tlo.Column("a", dtype)) == (
        "FILE: row group 0, column 'a', page 1000: more than 1,000 pages that follow one another hold no value."
        + DAMAGED
    )
