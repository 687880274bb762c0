"""CSVDataLoader and PreprocessingDataLoader: output, models, datasets, configuration, threads."""

from __future__ import annotations

import pathlib
import re
import threading
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import tf_loadops as tlo
from tf_loadops import CSVDataLoader, LoadError, PreprocessingDataLoader

# Which engine reads is no matter of the layers; naming one keeps the graphs of these tests small.
GENERAL: dict[str, Any] = {"engine": "general"}

TEXT = "x,city,n,ok,y\n1.5,Oslo,1,true,0\n,Rome,2,false,1\n-2.5,,3,true,2\n"
SCHEMA = tlo.Schema(
    [
        tlo.Column("x", "float64"), tlo.Column("city", "string"), tlo.Column("n", "int64"), tlo.Column("ok", "bool"),
        tlo.Column("y", "int64"),
    ]
)
NUMBERS = tlo.Schema([tlo.Column("a", "float64"), tlo.Column("b", "float64")])


@pytest.fixture
def file(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "my data.csv"
    path.write_text(TEXT)
    return path


@pytest.fixture
def numbers(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "numbers.csv"
    path.write_text("b,a\n1,2\n3,4\n5,6\n")
    return path


def refused(make: Any) -> str:
    with pytest.raises(LoadError) as caught:
        make()
    return str(caught.value)


def same(found: Any, expected: Any) -> None:
    np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))


NAN = float("nan")


def test_a_loader_made_in_a_function_looks_at_its_file_while_that_is_traced(numbers: pathlib.Path) -> None:
    made = tf.function(lambda: CSVDataLoader(numbers, **GENERAL)(None), autograph=False)
    same(made(), [[1, 2], [3, 4], [5, 6]])


def test_a_matrix_of_chosen_columns_and_a_label(file: pathlib.Path) -> None:
    x, y = CSVDataLoader(file, features=["ok", "n", "x"], label="y")(None)
    same(x, [[1, 1, 1.5], [0, 2, NAN], [1, 3, -2.5]])
    assert (x.dtype, y.dtype) == (tf.float32, tf.int64)
    same(y, [0, 1, 2])
    x, y = CSVDataLoader(file, features=["n"], label="city")(None)
    same(x, [[1], [2], [3]])
    same(y, [b"Oslo", b"Rome", b""])


def test_a_dict_of_columns(file: pathlib.Path) -> None:
    loader = CSVDataLoader(file, output="columns")
    x = loader(None)
    assert list(x) == ["x", "city", "n", "ok", "y"]
    assert [v.dtype for v in x.values()] == [tf.float64, tf.string, tf.int64, tf.bool, tf.int64]
    same(x["x"], [1.5, NAN, -2.5])
    same(x["city"], [b"Oslo", b"Rome", b""])
    same(x["ok"], [True, False, True])
    assert [column.dtype for column in loader.schema] == ["float64", "string", "int64", "bool", "int64"]


def test_a_float64_matrix_is_parsed_as_float64(numbers: pathlib.Path) -> None:
    numbers.write_text("a,b\n0.1,16777217\n0.2,9007199254740993\n")
    wide = CSVDataLoader(numbers, dtype="float64")(None)
    assert wide.dtype == tf.float64
    same(wide, [[0.1, 16777217.0], [0.2, 9007199254740992.0]])
    same(CSVDataLoader(numbers)(None), np.array([[0.1, 16777216.0], [0.2, 9007199254740992.0]], np.float32))


def test_all_kinds_of_paths_and_rows_of_text(numbers: pathlib.Path, tmp_path: pathlib.Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("a,b\n7,8\n")
    loader = CSVDataLoader(schema=NUMBERS, **GENERAL)
    one, two = [[2, 1], [4, 3], [6, 5]], [[7, 8]]
    for path in (numbers, str(numbers), tf.constant(str(numbers)), np.array(str(numbers)), [numbers]):
        same(loader(path), one)
    same(loader([other, str(numbers)]), two + one)
    same(loader(tf.constant([str(numbers), str(other)])), one + two)
    same(CSVDataLoader([numbers, other])(), [[1, 2], [3, 4], [5, 6], [8, 7]])
    same(loader.parse(["1,2", "3,4"]).columns["b"], [2, 4])
    same(loader.read(other).columns["b"], [8])
    assert int(loader.read(other).counts["rows"]) == 1


def test_a_loader_in_a_function_reads_anew(numbers: pathlib.Path) -> None:
    loader = CSVDataLoader(numbers, **GENERAL)
    load = tf.function(lambda: loader(None))
    same(load(), [[1, 2], [3, 4], [5, 6]])
    numbers.write_text("b,a\n7,8\n")
    same(load(), [[7, 8]])
    same(loader(None), [[7, 8]])


class Subclassed(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.loader = CSVDataLoader(schema=NUMBERS, **GENERAL)
        self.head = keras.layers.Dense(1, kernel_initializer="ones", bias_initializer="ones")

    def call(self, path: Any) -> Any:
        return self.head(self.loader(path))


def _functional(schema: tlo.Schema = NUMBERS) -> keras.Model:
    path = keras.Input(shape=(), dtype="string")
    x = CSVDataLoader(schema=schema, **GENERAL)(path)
    assert (x.shape, x.dtype) == ((None, 2), "float32")
    return keras.Model(path, keras.layers.Dense(1, kernel_initializer="ones", bias_initializer="ones")(x))


def _sequential() -> keras.Model:
    dense = keras.layers.Dense(1, kernel_initializer="ones", bias_initializer="ones")
    return keras.Sequential([keras.Input(shape=(), dtype="string"), CSVDataLoader(schema=NUMBERS, **GENERAL), dense])


@pytest.mark.parametrize("make", [Subclassed, _functional, _sequential])
def test_models_load_in_calls_and_in_predict(make: Any, numbers: pathlib.Path) -> None:
    model = make()
    expected = [[4], [8], [12]]
    same(model.predict(tf.constant([str(numbers)] * 2), verbose=0), expected * 2)
    if make is Subclassed:
        same(model(tf.constant([str(numbers)])), expected)
        same(tf.function(model)(tf.constant([str(numbers)])), expected)


def test_a_model_with_a_dict_of_columns(file: pathlib.Path) -> None:
    path = keras.Input(shape=(), dtype="string")
    loader = CSVDataLoader(schema=SCHEMA, output="columns", features=["city", "x"], label="ok", **GENERAL)
    x, y = loader(path)
    assert {name: (v.shape, v.dtype) for name, v in x.items()} == {
        "city": ((None,), "string"), "x": ((None,), "float64"),
    }
    assert (y.shape, y.dtype) == ((None,), "bool")
    code = keras.layers.StringLookup(vocabulary=["Oslo", "Rome"])(x["city"])
    same(keras.Model(path, code)(tf.constant([str(file)])), [1, 2, 0])


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:keras")  # Keras with numpy 2
def test_keras_files_keep_loader_and_weights(numbers: pathlib.Path, tmp_path: pathlib.Path) -> None:
    model = _functional()
    model.layers[-1].set_weights([np.array([[2.0], [3.0]]), np.array([0.5])])
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    same(again(tf.constant([str(numbers)])), [[2 * 2 + 3 * 1 + 0.5], [2 * 4 + 3 * 3 + 0.5], [2 * 6 + 3 * 5 + 0.5]])


def test_a_configuration_makes_the_same_loader_without_the_file(file: pathlib.Path) -> None:
    for loader in (
        CSVDataLoader(
            file, features=["n", "x"], label="city", on_bad_row="null", allow_empty=True, engine="general",
            na_values=["", "?"], sample_rows=2, name="mine", dtype="float64",
        ),
        CSVDataLoader([file, file], output="columns"),
        PreprocessingDataLoader(file, features=["x"], missing="keep"),
    ):
        config = loader.get_config()
        text = file.read_text()
        file.unlink()
        again = type(loader).from_config(config)
        assert again.get_config() == config
        file.write_text(text)
        tf.nest.map_structure(same, again(None), loader(None))
        spec = tf.nest.map_structure(lambda t: (t.shape[1:], t.dtype), again.compute_output_spec(None))
        assert spec == tf.nest.map_structure(lambda t: (tuple(t.shape[1:]), t.dtype.name), loader(None))


def _rows(dataset: tf.data.Dataset) -> list[list[list[float]]]:
    return [batch.numpy().tolist() for batch in dataset]


def test_a_dataset_deals_out_rows_across_files(tmp_path: pathlib.Path) -> None:
    files = [tmp_path / f"{i}.csv" for i in range(3)]
    for i, path in enumerate(files):
        path.write_text("a,b\n" + "".join(f"{10 * i + j},0\n" for j in range(3)))
    loader = CSVDataLoader(files, **GENERAL)
    in_order = [[[v, 0.0] for v in batch] for batch in ([0, 1, 2, 10], [11, 12, 20, 21], [22])]
    assert _rows(loader.dataset(batch_size=4)) == in_order
    assert _rows(loader.dataset(batch_size=4, drop_remainder=True)) == in_order[:2]

    shuffled = loader.dataset(batch_size=9, shuffle=True, seed=7)
    first, second = (np.concatenate(_rows(shuffled))[:, 0].tolist() for _ in range(2))
    again = loader.dataset(batch_size=9, shuffle=True, seed=7)
    assert [np.concatenate(_rows(again))[:, 0].tolist() for _ in range(2)] == [first, second]
    assert first != second
    assert sorted(first) == sorted(second) == [0, 1, 2, 10, 11, 12, 20, 21, 22]

    files[0].write_text("a,b\n99,0\n")
    assert _rows(loader.dataset(batch_size=1, paths=files[:1])) == [[[99.0, 0.0]]]
    assert refused(lambda: loader.dataset(batch_size=0)) == "batch_size is at least 1. Received: batch_size=0."
    assert refused(lambda: loader.dataset(paths=[])) == "No path was given: the vector of paths is empty."


# Keras says so of every dataset that does not know its length beforehand.
@pytest.mark.filterwarnings("ignore:Your input ran out of data:UserWarning")
def test_fit_through_a_dataset(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "line.csv"
    path.write_text("x,y\n" + "".join(f"{v / 1000},{v / 500 + 1}\n" for v in range(-1000, 1001)))
    loader = CSVDataLoader(path, label="y", **GENERAL)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.3), "mse")
    model.fit(loader.dataset(batch_size=7, shuffle=True, seed=1), epochs=2, shuffle=False, verbose=0)
    np.testing.assert_allclose(model.layers[0].kernel.numpy(), [[2.0]], atol=1e-3)
    np.testing.assert_allclose(model.layers[0].bias.numpy(), [1.0], atol=1e-3)


def test_first_calls_from_eight_threads(numbers: pathlib.Path) -> None:
    schema = tlo.Schema([tlo.Column("b", "float64"), tlo.Column("a", "float64")], origin="threads")
    loader = CSVDataLoader(numbers, schema=schema, **GENERAL)
    start, results, errors = threading.Barrier(8), [], []

    def work() -> None:
        start.wait()
        try:
            results.append(loader(None).numpy())
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(results) == 8
    for result in results:
        same(result, [[1, 2], [3, 4], [5, 6]])


def test_preprocessing_is_numpy_without_the_missing_values(tmp_path: pathlib.Path) -> None:
    cells = np.random.default_rng(5).normal(1e6, 1e-2, (40, 3))
    cells[:, 2] = 7.25
    cells[3, 0] = cells[4, 1] = cells[5, 2] = np.nan
    path = tmp_path / "p.csv"
    lines = [",".join("" if np.isnan(c) else repr(float(c)) for c in row) + ",true" for row in cells]
    path.write_text("a,b,constant,flag\n" + "\n".join(lines))
    deviation = np.nanstd(cells, axis=0)
    expected = (cells - np.nanmean(cells, axis=0)) / np.where(deviation == 0, 1, deviation)
    expected = np.concatenate([expected, np.zeros((40, 1))], axis=1)
    for dtype, tolerance in (("float64", 1e-6), ("float32", 1e-5)):
        x = PreprocessingDataLoader(path, dtype=dtype)(None)
        assert x.dtype == dtype
        np.testing.assert_allclose(x, np.nan_to_num(expected, nan=0.0), rtol=tolerance, atol=tolerance)
    x = PreprocessingDataLoader(path, missing="keep")(None)
    same(np.isnan(x), np.isnan(expected))
    x, y = PreprocessingDataLoader(path, features=["a"], label="flag")(None)
    np.testing.assert_allclose(x, np.nan_to_num(expected[:, :1], nan=0.0), rtol=1e-5, atol=1e-5)
    same(y, [True] * 40)


def test_a_loader_without_a_source_says_so() -> None:
    with pytest.raises(LoadError, match=re.escape(
        "CSVDataLoader has no source of its own: call it with a path, or construct it with one."
    )):
        CSVDataLoader(schema=NUMBERS, **GENERAL)(None)


def test_a_call_refuses_with_path_and_line(numbers: pathlib.Path) -> None:
    numbers.write_text("a,b\n1,2\n3,x\n")
    loader = CSVDataLoader(schema=NUMBERS, **GENERAL)
    said = f"{numbers}:3: column 'b': cannot parse 'x' as float32. Name it in na_values if it means \"missing\", "
    said += 'correct the value, or pass on_bad_row="skip" or "null".'
    for call in (lambda: loader(numbers), lambda: list(loader.dataset(paths=numbers))):
        with pytest.raises(tf.errors.InvalidArgumentError) as caught:
            call()
        assert said in caught.value.message
    same(CSVDataLoader(schema=NUMBERS, on_bad_row="skip", **GENERAL)(numbers), [[1, 2]])
    same(CSVDataLoader(schema=NUMBERS, on_bad_row="null", **GENERAL)(numbers), [[1, 2], [3, NAN]])
