"""README: its Python blocks run, its error text is the real one, and its two commands are what CI runs."""

import contextlib
import csv
import datetime
import re
import sqlite3
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

import tf_loadops as tlo
from tests.documents import ROOT, blocks, document, run
from tf_loadops.data import penguins

README = document("README.md")
BLOCKS = blocks("README.md")
DATA = "width,height,price\n1,10,3\n2,30,5\n3,20,7\n"
MATRIX = [[1, 10, 3], [2, 30, 5], [3, 20, 7]]
# Every column is three evenly spaced values, so its standard scores are these, in the order of the values.
LOW, HIGH = -np.sqrt(1.5), np.sqrt(1.5)


def _layers(found):
    assert found["x"].dtype == tf.float32
    assert found["x"].numpy().tolist() == MATRIX
    np.testing.assert_allclose(found["z"], [[LOW, LOW, LOW], [0, HIGH, 0], [HIGH, 0, HIGH]], atol=1e-6)


def _path_input(found):
    weight, bias = found["model"].layers[-1].get_weights()
    np.testing.assert_allclose(found["y"], np.array([[LOW, LOW], [0, HIGH], [HIGH, 0]]) @ weight + bias, atol=1e-5)


def _training(found):
    rows = [(*map(float, x), float(np.squeeze(y))) for xs, ys in found["batches"] for x, y in zip(xs, ys, strict=True)]
    assert sorted(rows) == [tuple(map(float, row)) for row in MATRIX]
    kernel, bias = found["net"].get_weights()
    assert (kernel.shape, bias.shape) == ((2, 1), (1,))
    assert bias[0] != 0  # it starts at 0: the net was trained


def _table(found):
    assert found["mass"].numpy()[:5].tolist() == [3750, 3800, 3250, -1, 3450]
    assert found["known"].numpy()[:5].tolist() == [True, True, True, False, True]
    assert found["missing"] == 13


def _database(found):
    assert found["x"].numpy().tolist() == [[1, 10], [2, 30], [3, 20]]
    assert found["table"].columns["width"].numpy().tolist() == [1, 3]
    assert found["known"].numpy().tolist() == [True, True]


def _lookup(found):
    np.testing.assert_array_equal(found["features"], [[3, 20], [1, 10], [np.nan, np.nan]])
    assert found["unknown"] == 1
    carried = tf.saved_model.load("boxes_model").signatures["embedded_keys"]
    assert carried(keys=tf.constant([2], tf.int64))["output"].numpy().tolist() == [[2, 30]]


def _parquet(found):
    assert found["x"].numpy().tolist() == [[1, 10], [2, 30], [3, 20]]
    assert found["schema"]["day"].unit == "days"
    assert found["days"].numpy().tolist() == [19782]
    assert found["known"].numpy().tolist() == [False]


def _export(found):
    weight, bias = found["model"].layers[-1].get_weights()
    np.testing.assert_allclose(found["y"], np.array(MATRIX)[:, :2] @ weight + bias, rtol=1e-5)
    assert sorted(found["loaded"].signatures) == ["path", "rows", "serving_default"]


def _categories(found):
    with open(penguins(), newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    mass = np.array([4200.0 if row["body_mass_g"] == "NA" else float(row["body_mass_g"]) for row in rows])
    islands = [row["island"] for row in rows]
    features = found["features"].numpy()
    scores = (mass - mass.mean()) / mass.std()
    (at,) = np.flatnonzero(np.abs(features - scores[:, None]).max(0) < 1e-3)
    codes = np.delete(features, at, axis=1)
    assert set(np.unique(codes)) == {0.0, 1.0}
    assert (codes.sum(1) == 2).all()
    by_island = {name: codes[[i == name for i in islands]] for name in set(islands)}
    shared = {name: frozenset(np.flatnonzero(part.min(0) == 1)) for name, part in by_island.items()}
    assert all(shared.values()) and len(set(shared.values())) == 3  # each island has a column of its own


CHECKS = [_layers, _path_input, _training, _table, _categories, _database, _lookup, _parquet, _export]


def test_every_python_block_has_a_check():
    assert len(BLOCKS) == len(CHECKS)


# Keras says this of every dataset whose length shows only when it is read.
@pytest.mark.filterwarnings("ignore:Your input ran out of data:UserWarning")
@pytest.mark.parametrize("number", range(len(CHECKS)), ids=[check.__name__[1:] for check in CHECKS])
def test_python_block(number, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("my_data.csv").write_text(DATA)
    with contextlib.closing(sqlite3.connect("my.db")) as db:
        db.execute("CREATE TABLE boxes (id INTEGER PRIMARY KEY, width REAL, height REAL, name TEXT)")
        db.executemany("INSERT INTO boxes VALUES (?, ?, ?, ?)", [(1, 1, 10, "a"), (2, 2, 30, "it's"), (3, 3, 20, "c")])
        db.commit()
    Path("data").mkdir()
    boxes = {"width": [1.0, 2.0], "height": [10, 30], "box": [None, {"depth": 1.0}]}
    boxes["day"] = [datetime.date(2024, 2, 29)] * 2
    pq.write_table(pa.table(boxes), "data/2024.parquet", row_group_size=1)
    pq.write_table(pa.table({"width": [3.0], "height": [20]}), "data/2025.parquet")
    found = {}
    run(BLOCKS[number], found)
    CHECKS[number](found)


def test_error_text(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("shop.csv").write_text("width,height\n1.5,2\n2.5,two\n")
    schema = tlo.Schema([tlo.Column("width", "float32"), tlo.Column("height", "float32")])
    (shown,) = re.findall(r"```text\n(.*?)\n```", README, re.S)
    with pytest.raises(tf.errors.InvalidArgumentError) as refusal:
        tlo.read_csv("shop.csv", schema)
    assert refusal.value.message == shown


def test_the_two_commands_are_single_lines_for_a_machine_with_python_and_nothing_else():
    commands = re.findall(r"```bash\n(python3 .*?)\n```", README, re.S)
    assert commands == [
        "python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/tf-loadops demo",
        "python3 -m venv .venv && .venv/bin/pip install -e '.[test]' && .venv/bin/python -m pytest",
    ]


def test_versions_agree_with_setup():
    setup = (ROOT / "setup.py").read_text(encoding="utf-8")
    assert "Python 3.10 to 3.12, TensorFlow 2.16 to 2.21 with Keras 3." in README
    assert 'python_requires=">=3.10,<3.13"' in setup
    assert 'install_requires=["tensorflow>=2.16", "numpy"]' in setup
    assert '"tensorflow-io==0.37.1", "tensorflow>=2.16,<2.18"' in setup
