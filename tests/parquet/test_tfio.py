"""engine="tfio": the values of the stock engine where tensorflow-io reads them right, and a refusal everywhere else."""

from __future__ import annotations

import concurrent.futures
import importlib.util
import os
import pathlib
import shutil
import sys
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

import tf_loadops as tlo

from .corpus import FILES, FOLDER, results_of
from .oracle import expected, leaf
from .process import Reader

needs_io = pytest.mark.skipif(
    importlib.util.find_spec("tensorflow_io") is None,
    reason="tensorflow-io is not installed, which loads on TensorFlow 2.16 and 2.17: extra [io]",
)
MISSING = (
    'engine="tfio" takes tensorflow-io, which loads on TensorFlow 2.16 and 2.17 only: pip install \'tf-loadops[io]\'. '
    'Any TensorFlow reads the same with engine="native". (ModuleNotFoundError.)'
)
RIGHT = ', which tensorflow-io does not read right. Use engine="native".'
X = tlo.Schema([tlo.Column("x", "float64")])

_DRAW = np.random.default_rng(3)
_ROWS = 3000
FULL = pa.table(
    [
        pa.array(_DRAW.standard_normal(_ROWS)), pa.array(np.arange(_ROWS) % 7, pa.int64()),
        pa.array(_DRAW.integers(-(2**31), 2**31, _ROWS), pa.int32()), pa.array(np.where(
            _DRAW.random(_ROWS) < 0.1, np.nan, _DRAW.standard_normal(_ROWS)), pa.float32()),
        pa.array(_DRAW.random(_ROWS) < 0.5), pa.array([f"né {i % 11}" * (i % 3) for i in range(_ROWS)]),
        pa.array(_DRAW.integers(0, 2**32, _ROWS), pa.uint32()),
        pa.array(10**15 + np.arange(_ROWS), pa.timestamp("us")), pa.array(range(_ROWS), pa.int32()),
    ],
    pa.schema(
        [
            ("real", pa.float64()), ("few", pa.int64()), ("int", pa.int32()), ("nan", pa.float32()),
            ("open", pa.bool_()), ("text", pa.string()), ("unsigned", pa.uint32()), ("at", pa.timestamp("us")),
            pa.field("must", pa.int32(), nullable=False),
        ]
    ),
)  # fmt: skip
WRITINGS: dict[str, dict[str, Any]] = {
    "plain": {"compression": "none", "use_dictionary": False},
    "dictionaries, snappy": {"compression": "snappy", "row_group_size": 1100},
    "small pages": {"compression": "snappy", "data_page_size": 700, "write_batch_size": 64},
    "version 2": {
        "compression": "snappy", "data_page_version": "2.0", "use_dictionary": ["few", "text"],
        "column_encoding": {"open": "PLAIN"},
    },
}  # fmt: skip


@pytest.fixture(scope="module", params=WRITINGS)
def full(request: Any, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    path = tmp_path_factory.mktemp("full") / "full.parquet"
    pq.write_table(FULL, path, **WRITINGS[request.param])
    return path


def same(a: tlo.Table, b: tlo.Table) -> None:
    for name, values in a.columns.items():
        np.testing.assert_array_equal(values.numpy(), b.columns[name].numpy(), err_msg=name)
        assert values.dtype == b.columns[name].dtype
        np.testing.assert_array_equal(a.validity[name].numpy(), b.validity[name].numpy(), err_msg=name)
    assert {k: int(v) for k, v in a.counts.items()} == {k: int(v) for k, v in b.counts.items()}


def refusal(path: Any, schema: tlo.Schema = X, **options: Any) -> str:
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        tlo.read_parquet(path, schema, engine="tfio", **options)
    return caught.value.message.replace(str(path), pathlib.Path(path).name)


@pytest.mark.io
@needs_io
class TestValues:
    def test_as_native_and_pyarrow(self, full: pathlib.Path) -> None:
        schema = tlo.infer_schema(full)
        got = tlo.read_parquet(full, schema, engine="tfio")
        same(got, tlo.read_parquet(full, schema, engine="native"))
        for column in schema:
            values, valid = expected(leaf(full, column.name), column)
            np.testing.assert_array_equal(got.columns[column.name].numpy(), values)
            np.testing.assert_array_equal(got.validity[column.name].numpy(), valid)

    @pytest.mark.parametrize("on_bad_row", ["skip", "null"])
    def test_of_other_dtypes_and_some_row_groups(self, on_bad_row: str, tmp_path: pathlib.Path) -> None:
        pq.write_table(FULL, tmp_path / "a.parquet", row_group_size=700)
        dtypes = {"real": "float32", "few": "int32", "int": "float32", "unsigned": "int32", "must": "float64"}
        schema = tlo.Schema([tlo.Column(name, dtype) for name, dtype in dtypes.items()])
        how = {"row_groups": (3, 1), "on_bad_row": on_bad_row}
        got = tlo.read_parquet(tmp_path / "a.parquet", schema, engine="tfio", **how)
        assert int(got.counts["bad_rows"]) > 300
        same(got, tlo.read_parquet(tmp_path / "a.parquet", schema, engine="native", **how))

    def test_a_value_without_a_place_is_refused_as_ever(self, tmp_path: pathlib.Path) -> None:
        path = tmp_path / "a.parquet"
        pq.write_table(pa.table({"x": [1.0, 2.5]}), path)
        schema = tlo.Schema([tlo.Column("x", "int32")])
        with pytest.raises(tf.errors.InvalidArgumentError) as caught:
            tlo.read_parquet(path, schema, engine="native")
        assert refusal(path, schema) == caught.value.message.replace(str(path), "a.parquet")

    def test_files_are_read_anew_and_closed(self, tmp_path: pathlib.Path) -> None:
        """Left to itself, the op reads the first file again, and keeps a file open for every iterator there was."""
        path, other = tmp_path / "a.parquet", tmp_path / "b.parquet"
        read = tf.function(lambda: tlo.read_parquet(str(path), X, engine="tfio").columns["x"], autograph=False)
        for i in range(4):
            pq.write_table(pa.table({"x": [float(i)] * (i + 1)}), other)
            (os.replace if i % 2 else shutil.copyfile)(other, path)
            assert read().numpy().tolist() == [float(i)] * (i + 1)
        for _ in range(3):
            data = tf.data.Dataset.from_tensors(str(path)).map(lambda p: tlo.read_parquet(p, X, engine="tfio").columns)
            assert [columns["x"].tolist() for columns in data.as_numpy_iterator()] == [[3.0] * 4]
        links = [f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd")]
        held = [os.readlink(link) for link in links if os.path.exists(link)]
        assert sum(name.startswith(str(tmp_path)) for name in held) <= 1

    def test_columns_of_other_names_and_many_threads(self, tmp_path: pathlib.Path) -> None:
        names = ["x", "y"]
        for i, name in enumerate(names):
            pq.write_table(pa.table({name: [i + 0.5] * 1000}), tmp_path / name)

        def read(n: int) -> bool:
            name = names[n % 2]
            schema = tlo.Schema([tlo.Column(name, "float64")])
            found = tlo.read_parquet(tmp_path / name, schema, engine="tfio").columns[name]
            return found.shape == [1000] and bool(tf.reduce_all(tf.equal(found, n % 2 + 0.5)))

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            assert all(pool.map(read, range(200)))

    def test_a_file_that_changes_meanwhile_is_seen(self, tmp_path: pathlib.Path) -> None:
        from tf_loadops.parquet.tfio import _ends_as

        path = tmp_path / "a"
        path.write_bytes(b"0123456789")
        file = tf.io.read_file(str(path))

        @tf.function(input_signature=[tf.TensorSpec([], tf.string)] * 2, autograph=False)
        def ends(path: Any, file: Any) -> Any:
            return _ends_as(path, file, tf.constant(6))

        assert bool(ends(str(path), file))
        for now in (b"012345678X", b"012345", b"01234567896789", b"0123456789a"):
            path.write_bytes(now)
            assert not bool(ends(str(path), file))
        path.unlink()
        assert not bool(ends(str(path), file))

    def test_a_layer_and_its_export(self, tmp_path: pathlib.Path) -> None:
        full = tmp_path / "full.parquet"
        pq.write_table(FULL, full, **WRITINGS["dictionaries, snappy"])
        layer = tlo.ParquetDataLoader(full, features=["real", "few"], engine="tfio")
        table = pq.read_table(full)
        np.testing.assert_array_equal(layer(None)[:, 0], table["real"].to_numpy().astype(np.float32))
        again = tlo.ParquetDataLoader.from_config(layer.get_config())
        assert again.get_config()["engine"] == "tfio"
        with pytest.raises(tlo.LoadError) as caught:
            tlo.export_saved_model(layer, tmp_path / "refused")
        assert str(caught.value) == (
            "Signature 'path' holds IO>ParquetReadableRead: ops that plain TensorFlow does not have. Use the stock "
            "engine, or pass allow_custom_ops=True if the process that loads the model also loads their library."
        )
        tlo.export_saved_model(layer, tmp_path / "model", allow_custom_ops=True)
        loaded = tf.saved_model.load(str(tmp_path / "model"))
        got = loaded.signatures["path"](path=tf.constant([str(full)]))["output"]
        np.testing.assert_array_equal(got, layer(None))
        path = keras.Input(shape=(), dtype="string")
        stock = tlo.ParquetDataLoader(full, features=["real", "few"])
        tlo.export_saved_model(keras.Model(path, stock(path)), tmp_path / "stock")  # auto is native


def _float16(path: pathlib.Path) -> None:
    pq.write_table(pa.table({"x": [1.0], "half": pa.array([np.float16(1)])}), path)


def _new_order(path: pathlib.Path) -> None:
    pq.write_table(pa.table({"x": [1.0]}), path)
    orders = b"\x19\x1c\x1c\0\0"  # a list of one union, which has its first member set
    before = path.read_bytes()
    assert before.count(orders) == 1
    path.write_bytes(before.replace(orders, b"\x19\x1c\x2c\0\0"))


def _written(table: dict[str, Any], **how: Any) -> Any:
    return lambda path: pq.write_table(pa.table(table), path, **how)


def _copied(name: str) -> Any:
    return lambda path: shutil.copyfile(FOLDER / name, path)


REFUSED: dict[str, tuple[Any, tlo.Schema, str]] = {
    "nulls": (_written({"x": [1.0, None]}), X, "column 'x': it has nulls"),
    "nulls, not counted": (
        _written({"x": [1.0, 2.0]}, write_statistics=False), X,
        "column 'x': the file does not say whether it has nulls",
    ),
    "gzip": (_written({"x": [1.0]}, compression="gzip"), X, "column 'x': it is compressed by gzip"),
    "float16 beside it": (_float16, X, "column 'half': its logical type is new, or does not fit its values"),
    "unknown type": (
        _copied("unknown-logical-type.parquet"), tlo.Schema([tlo.Column("column with known type", "string")]),
        "column 'column with unknown type': its logical type is new, or does not fit its values",
    ),
    "new order": (
        _new_order, X, "column 'x': its values are ordered in a new way",
    ),
    "int96": (
        _written({"x": pa.array([1], pa.timestamp("ns"))}, use_deprecated_int96_timestamps=True),
        tlo.Schema([tlo.Column("x", "int64")]), "column 'x': its values are int96",
    ),
    "fixed": (
        _written({"x": pa.array([b"ab"], pa.binary(2))}), tlo.Schema([tlo.Column("x", "string")]),
        "column 'x': its values are bytes of a fixed length",
    ),
    "decimals": (
        _written({"x": pa.array([1, 2]).cast(pa.decimal128(20, 1))}), X, "column 'x': its values are decimals of bytes",
    ),
    "groups": (
        _written({"g": pa.array([{"x": 1.0}])}), tlo.Schema([tlo.Column("g.x", "float64")]),
        "column 'g.x': it lies in a group that may be null",
    ),
    "encoding": (
        _written({"x": [1.0]}, use_dictionary=False, column_encoding={"x": "BYTE_STREAM_SPLIT"}), X,
        "row group 0, column 'x', page 0: the page's encoding is BYTE_STREAM_SPLIT",
    ),
    "bools": (
        _written({"x": [True]}, column_encoding={"x": "RLE"}, use_dictionary=False, data_page_version="2.0"),
        tlo.Schema([tlo.Column("x", "bool")]), "row group 0, column 'x', page 0: the page's encoding is RLE",
    ),
    "no rows": (
        _written({"x": pa.array([], pa.float64())}, row_group_size=10), X,
        "it has a row group without rows",
    ),
}  # fmt: skip


@pytest.mark.io
@needs_io
@pytest.mark.parametrize("case", REFUSED)
def test_what_it_does_not_read_right_is_refused(case: str, tmp_path: pathlib.Path) -> None:
    make, schema, said = REFUSED[case]
    make(tmp_path / "a.parquet")
    assert refusal(tmp_path / "a.parquet", schema) == f"a.parquet: {said}{RIGHT}"


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    made = Reader(tmp_path_factory.mktemp("corpus"), "tfio")
    yield made
    made.close()


@pytest.mark.io
@needs_io
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_the_corpus_is_equal_or_refused(file: pathlib.Path, reader: Reader) -> None:
    results = results_of(file, reader, one_by_one=False)
    others = [one for one in results if one.outcome not in ("equal", "refused")]
    assert [(one.name, one.outcome, one.said) for one in others if one.outcome != "read" or not one.pyarrow] == []


@pytest.mark.parametrize(
    "call",
    [
        lambda: tlo.read_parquet("a.parquet", X, engine="tfio"),
        lambda: tlo.ParquetDataLoader("a.parquet", schema=X, engine="tfio"),
    ],
)
def test_the_extra_is_named(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "tensorflow_io"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tensorflow_io", None)
    with pytest.raises(tlo.LoadError) as caught:
        call()
    assert str(caught.value) == MISSING
