"""ParquetDataLoader: patterns, export of what they match, datasets, configs, and what it refuses."""

from __future__ import annotations

import os
import pathlib
from typing import Any

import keras
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

import tf_loadops as tlo
from tf_loadops import compiled
from tf_loadops.errors import message_of


def write(path: pathlib.Path, **columns: Any) -> pathlib.Path:
    pq.write_table(pa.table(columns), path)
    return path


@pytest.fixture(autouse=True)
def _eagerly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Graphs are for the tests that make some; the older TensorFlow would build one for each small read."""
    monkeypatch.setattr(compiled, "PRICE", 2.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Two files that a pattern matches, and one that it does not."""
    made = tmp_path_factory.mktemp("parts")
    write(made / "b.parquet", x=[3.0], y=[30], name=["b"])
    write(made / "a.parquet", x=[1.0, 2.0], y=[10, 20], name=["a", "aa"])
    write(made / "c.other", x=[9.0], y=[90], name=["c"])
    return made


@pytest.fixture(scope="module")
def loader(folder: pathlib.Path) -> tlo.ParquetDataLoader:
    return tlo.ParquetDataLoader(folder / "*.parquet", features=["x", "y"], label="name")


def lists(result: Any) -> Any:
    x, label = result
    return np.asarray(x).tolist(), [name.decode() for name in np.asarray(label).tolist()]


BOTH = ([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]], ["a", "aa", "b"])


def test_a_pattern_is_all_of_its_files_in_the_order_of_their_names(loader: Any, folder: pathlib.Path) -> None:
    assert lists(loader(None)) == BOTH
    assert lists(loader([folder / "b.parquet", folder / "?.parquet"])) == (
        [[3.0, 30.0], *BOTH[0]], ["b", *BOTH[1]]
    )  # fmt: skip
    table = loader.read()
    assert int(table.counts["rows"]) == 3
    assert int(table.counts["bytes"]) == sum(os.path.getsize(folder / f"{name}.parquet") for name in "ab")


def test_a_pattern_is_looked_up_on_every_call(tmp_path: pathlib.Path) -> None:
    write(tmp_path / "1.parquet", x=[1.0])
    loader = tlo.ParquetDataLoader(tmp_path / "*.parquet")
    call = tf.function(lambda: loader(None), input_signature=[], autograph=False)
    assert call().numpy().tolist() == [[1.0]]
    write(tmp_path / "0.parquet", x=[0.0])
    assert call().numpy().tolist() == [[0.0], [1.0]]
    for file in tmp_path.glob("*"):
        file.unlink()
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        call()
    assert message_of(caught.value) == (
        f"{tmp_path}/*.parquet: no file matches this pattern. Check it; a relative one starts at the working directory "
        "of the process."
    )


def test_an_export_reads_and_carries_the_files_of_a_pattern(
    loader: Any, folder: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    for name in "ab":
        os.link(folder / f"{name}.parquet", tmp_path / f"{name}.parquet")
    own = tlo.ParquetDataLoader(tmp_path / "*.parquet", features=["x", "y"], label="name")
    tlo.export_saved_model(own, tmp_path / "model", signatures=("path", "baked", "embedded"))
    for name in "ab":
        (tmp_path / f"{name}.parquet").unlink()
    loaded = tf.saved_model.load(str(tmp_path / "model")).signatures

    def said(signature: str, **inputs: Any) -> Any:
        result = loaded[signature](**inputs)
        return lists((result["output"], result["label"]))

    assert said("embedded") == BOTH
    assert said("path", path=tf.constant([f"{folder}/*.parquet"])) == BOTH
    with pytest.raises(tf.errors.InvalidArgumentError, match="no file matches this pattern"):
        said("baked")
    write(tmp_path / "z.parquet", x=[7.0], y=[70], name=["z"])
    assert said("baked") == ([[7.0, 70.0]], ["z"])
    assert not any("rows" in name for name in loaded)


def test_a_dataset_takes_the_files_of_a_pattern_one_by_one(loader: Any) -> None:
    batches = list(loader.dataset(batch_size=2))
    assert [lists(batch) for batch in batches] == [(BOTH[0][:2], BOTH[1][:2]), (BOTH[0][2:], BOTH[1][2:])]
    shuffled = [lists(batch) for batch in loader.dataset(batch_size=1, shuffle=True, seed=1)]
    assert sorted(label for _, (label,) in shuffled) == BOTH[1]


def test_statistics_are_learnt_from_it(folder: pathlib.Path) -> None:
    scale = tlo.Standardize()
    loader = tlo.ParquetDataLoader(folder / "*.parquet", features=["x", "y"])
    scale.adapt(loader)
    np.testing.assert_allclose(scale(loader(None)), [[-1.2247449] * 2, [0.0, 0.0], [1.2247449] * 2], atol=1e-6)


def test_a_config_holds_every_argument(loader: Any, folder: pathlib.Path) -> None:
    made = tlo.ParquetDataLoader(
        folder / "a.parquet", output="columns", features=["y"], row_groups=(0,), on_bad_row="null", allow_empty=True,
        engine="native", name="files",
    )  # fmt: skip
    config = made.get_config()
    again = tlo.ParquetDataLoader.from_config(config)
    assert again.get_config() == config
    reading = {"row_groups": [0], "on_bad_row": "null", "allow_empty": True, "engine": "native"}
    assert reading.items() <= config.items()
    assert again(None)["y"].numpy().tolist() == [10, 20]
    assert again(None)["y"].dtype == tf.int64
    assert tlo.Schema.from_json(config["schema"]) == made.schema
    layer = tlo.ParquetDataLoader(schema=made.schema, features=["y"])
    model = keras.Sequential([keras.Input(shape=(), dtype="string"), layer])
    copy = keras.models.clone_model(model)
    assert copy(tf.constant([str(folder / "a.parquet")])).numpy().tolist() == [[10.0], [20.0]]


def test_a_matrix_takes_its_own_dtype(folder: pathlib.Path) -> None:
    assert tlo.ParquetDataLoader(folder / "a.parquet", features=["y"], dtype="float64")(None).dtype == tf.float64
    single = tlo.ParquetDataLoader(folder / "a.parquet", features=["y"])
    assert single.schema["y"].dtype == "float32"
    assert single.compute_output_spec(None).shape == (None, 1)


REFUSED = {
    "nothing to infer from": (
        lambda file: tlo.ParquetDataLoader(),
        "A Parquet loader needs a file to infer a schema from, or schema=... Received neither.",
    ),
    "no files": (
        lambda file: tlo.ParquetDataLoader([]),
        "A Parquet loader needs a file to infer a schema from, or schema=... Received neither.",
    ),
    "text in a matrix": (
        lambda file: tlo.ParquetDataLoader(file),
        "A matrix holds numbers only, but 'name' hold text. Name the numeric columns with features=[...], or ask for "
        'output="columns".',
    ),
    "row groups": (
        lambda file: tlo.ParquetDataLoader(file, features=["x"], row_groups=[0, 0]),
        "row_groups is a sequence of at least one number, from 0 on, without repeats; or None for all. Received: "
        "row_groups=[0, 0].",
    ),
    "no row groups": (
        lambda file: tlo.ParquetDataLoader(file, features=["x"], row_groups=[]),
        "row_groups is a sequence of at least one number, from 0 on, without repeats; or None for all. Received: "
        "row_groups=[].",
    ),
    "a row group of -1": (
        lambda file: tlo.read_parquet(file, tlo.infer_schema(file), row_groups=(-1,)),
        "row_groups is a sequence of at least one number, from 0 on, without repeats; or None for all. Received: "
        "row_groups=(-1,).",
    ),
    "one row group": (
        lambda file: tlo.read_parquet(file, tlo.infer_schema(file), row_groups=1),
        "row_groups is a sequence of at least one number, from 0 on, without repeats; or None for all. Received: "
        "row_groups=1.",
    ),
    "an engine": (
        lambda file: tlo.ParquetDataLoader(file, features=["x"], engine="fast"),
        "Expected one of auto, native, tfio. Received: engine='fast'.",
    ),
    "on_bad_row": (
        lambda file: tlo.ParquetDataLoader(file, features=["x"], on_bad_row="ignore"),
        "Expected one of raise, skip, null. Received: on_bad_row='ignore'.",
    ),
    "one column": (
        lambda file: tlo.read_parquet(file, tlo.infer_schema(file), columns="x"),
        "columns is a sequence of names. Received: columns='x'.",
    ),
    "no column": (
        lambda file: tlo.read_parquet(file, tlo.infer_schema(file), columns=[]),
        "At least one column is read. Received: columns=[].",
    ),
    "no schema": (
        lambda file: tlo.read_parquet(file, {"x": "float32"}),
        "schema is a tf_loadops.Schema; tlo.infer_schema makes one. Received: dict.",
    ),
    "rows": (
        lambda file: tlo.ParquetDataLoader(file, features=["x"]).parse("1"),
        "ParquetDataLoader reads Parquet files and takes no rows of text. Call it with a path.",
    ),
}


@pytest.mark.parametrize(("make", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_makes_no_sense_is_refused_at_once(make: Any, message: str, folder: pathlib.Path) -> None:
    with pytest.raises(tlo.LoadError) as caught:
        make(folder / "a.parquet")
    assert str(caught.value) == message
