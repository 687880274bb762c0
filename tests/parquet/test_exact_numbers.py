"""Numbers at the ends of their types: decimals as integers, subnormal floats, and schemas that lie about sizes."""

from __future__ import annotations

import decimal
import pathlib
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf

import tf_loadops as tlo
from tf_loadops import compiled
from tf_loadops.floats import to_float64

from .handmade import FIXED, Chunk, Long, data_page, struct
from .test_read_parquet import column, made, refused, same, written

ENDS = {"int32": (-(2**31), 2**31 - 1), "int64": (-(2**63), 2**63 - 1)}
MALFORMED = "FILE: its schema is malformed, or has more than 2 ** 15 columns and groups. Write it with fewer columns."


@pytest.fixture(autouse=True)
def _digits() -> Any:
    with decimal.localcontext() as context:
        context.prec = 80
        yield


@pytest.mark.parametrize("dtype", ENDS)
@pytest.mark.parametrize(
    ("precision", "scale"), [(9, 0), (9, 4), (18, 0), (18, 18), (19, 0), (19, 1), (38, 0), (38, 18), (38, 37), (38, 38)]
)
def test_decimals_are_integers_exactly_or_not_at_all(
    precision: int, scale: int, dtype: str, tmp_path: pathlib.Path
) -> None:
    low, high = ENDS[dtype]
    rng = np.random.default_rng(precision * 100 + scale)
    unscaled = [int("".join(map(str, rng.integers(0, 10, digits)))) for digits in range(1, precision + 1)]
    whole = [low - 1, low, -(2**53) - 1, -1, 0, 1, 2**53 + 1, 999999999999999999, high, high + 1, 10**19]
    unscaled += [one * 10**scale for one in whole] + [one * 10**scale + 1 for one in whole]
    values = [Decimal(sign * one).scaleb(-scale) for one in unscaled for sign in (1, -1) if abs(one) < 10**precision]
    wanted = [int(value) if value == int(value) and low <= value <= high else None for value in values]
    file = written(tmp_path, {"a": pa.array(values, pa.decimal128(precision, scale))})
    assert column(file, dtype, on_bad_row="null") == wanted


def test_a_decimal_that_is_no_integer_is_refused(tmp_path: pathlib.Path) -> None:
    file = written(tmp_path, {"a": pa.array([Decimal(2), Decimal("1.0000000000000000001")], pa.decimal128(38, 19))})
    assert refused(file, tlo.Column("a", "int64")) == (
        "FILE: row group 0, column 'a', row 1: int64 cannot hold the value, which is decimal in the file. Declare "
        'another dtype, or pass on_bad_row="skip" or "null".'
    )


TINY = [1e-40, -1e-45, 1.1754942e-38, 0.0, -0.0, 1.1754944e-38, -2.5]


def test_subnormal_float32_keep_their_values(tmp_path: pathlib.Path) -> None:
    narrow = np.array(TINY, np.float32)
    file = written(tmp_path, {"a": narrow})
    same(column(file, "float64"), narrow.astype(np.float64).tolist())
    same(to_float64(tf.constant(narrow)).numpy().tolist(), narrow.astype(np.float64).tolist())
    layer = tlo.ParquetDataLoader(str(file), schema=tlo.Schema([tlo.Column("a", "float32")]), dtype="float64")
    same(layer(None)[:, 0].numpy().tolist(), narrow.astype(np.float64).tolist())


@pytest.mark.parametrize("dtype", ENDS)
def test_subnormal_numbers_are_no_integers(dtype: str, tmp_path: pathlib.Path) -> None:
    wide = written(tmp_path, {"a": [5e-324, 0.0, -1e-310, 3.0]})
    assert column(wide, dtype, on_bad_row="null") == [None, 0, None, 3]
    narrow = written(tmp_path, {"a": np.array([1e-40, 4.0], np.float32)})
    assert column(narrow, dtype, on_bad_row="null") == [None, 4]


@pytest.mark.parametrize("element", [{}, {2: 0}], ids=["no length", "length 0"])
def test_decimals_of_no_bytes(element: dict[int, Any], tmp_path: pathlib.Path) -> None:
    file = made(tmp_path, Chunk(FIXED, data_page(b"\5" * 32, 2), 2, element={6: 5, 7: 2, 8: 30, **element}))
    assert refused(file, tlo.Column("a", "float64")) == (
        "FILE: column 'a': its values are of an unknown type, which cannot be read as float64. Correct the schema's "
        "dtype, or leave the column out."
    )


@pytest.mark.parametrize("element", [{2: -1}, {2: 16, 7: -1}], ids=["length", "scale"])
def test_sizes_below_zero(element: dict[int, Any], tmp_path: pathlib.Path) -> None:
    file = made(tmp_path, Chunk(FIXED, data_page(b"\5" * 32, 2), 2, element={6: 5, 7: 2, 8: 30, **element}))
    assert refused(file, tlo.Column("a", "float64")) == MALFORMED


def test_groups_that_lie_very_deep_in_one_another(tmp_path: pathlib.Path) -> None:
    def file_of_depth(depth: int) -> pathlib.Path:
        schema: list[dict[int, Any]] = [{4: b"schema", 5: 1}]
        for _ in range(depth):
            schema += [{3: 0, 4: b"n", 5: 2}, {1: 1, 3: 0, 4: b"v"}]
        schema.append({1: 1, 3: 0, 4: b"a"})
        footer = struct({1: 1, 2: schema, 3: Long(0), 4: []})
        (tmp_path / "deep.parquet").write_bytes(b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1")
        return tmp_path / "deep.parquet"

    table = tlo.read_parquet(file_of_depth(64), tlo.Schema([tlo.Column("n." * 64 + "a", "int32")]), allow_empty=True)
    assert int(table.counts["rows"]) == 0
    assert refused(file_of_depth(3000), tlo.Column("a", "int32")) == (
        "FILE: groups of its schema lie more than 64 deep in one another. Write it with fewer."
    )


@pytest.mark.filterwarnings("ignore:Even though the `tf.config:UserWarning")  # TensorFlow, of a graph with tf.data
@pytest.mark.parametrize("worth_a_graph", [False, True])
def test_functions_that_are_run_eagerly(
    worth_a_graph: bool, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [f"text {i}" for i in range(300)]
    file = written(
        tmp_path, {"a": texts}, use_dictionary=False, column_encoding={"a": "DELTA_BYTE_ARRAY"}, compression="lz4"
    )
    monkeypatch.setattr(compiled, "PRICE", 0.0 if worth_a_graph else float("inf"))
    compiled._graph.cache_clear()  # a graph of another test would be none that was built so
    tf.config.run_functions_eagerly(True)
    try:
        assert column(file, "string") == [text.encode() for text in texts]
    finally:
        tf.config.run_functions_eagerly(False)
