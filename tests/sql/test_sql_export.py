"""Exported databases: signatures of paths, keys and parameters, where only TensorFlow is; threads; open files."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
import tensorflow as tf

import tf_loadops as tlo

from .databases import make, shop

ONLY_TENSORFLOW = """
import json, os, sys
sys.modules["tf_loadops"] = None
import tensorflow as tf
keys = {"keys": tf.constant([3, 9, 1], tf.int64)}
params = {"ids": tf.constant([7, 2, 5], tf.int64), "least": tf.constant(1.5, tf.float64)}
models = [(tf.saved_model.load(path), given) for path, given in zip(sys.argv[2:], (keys, params))]
for is_away in (False, True):
    if is_away:
        os.rename(sys.argv[1], sys.argv[1] + ".away")
    for (loaded, given), kind in zip(models, ("keys", "params")):
        for name in (kind, f"embedded_{kind}"):
            try:
                print(json.dumps(loaded.signatures[name](**given)["output"].numpy().tolist()))
            except tf.errors.OpError as error:
                print(error.message.partition("string: ")[2].partition("\\n")[0])
os.rename(sys.argv[1] + ".away", sys.argv[1])
"""
QUERY = "SELECT v FROM t WHERE id IN (:ids) AND v > :least ORDER BY id"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A model from keys to a score, exported, and moved; its database."""
    folder = tmp_path_factory.mktemp("export")
    db = make(folder / "users.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, v REAL)",
              {"t": [(i, i / 2) for i in range(1, 8)]})  # fmt: skip
    keys = keras.Input(shape=(), dtype="int64", name="keys")
    features = tlo.SQLiteLookup(db, "t", "id", ["v"])(keys)
    scale = keras.layers.Rescaling(10.0)
    tlo.export_saved_model(keras.Model(keys, scale(features)), folder / "a", signatures=("keys", "embedded_keys"))
    os.rename(folder / "a", folder / "moved")
    loader = tlo.DatabaseDataLoader(db, QUERY, params={"ids": [1], "least": 0.0})
    tlo.export_saved_model(loader, folder / "params", signatures=("params", "embedded_params"))
    return folder / "moved", db


def test_keys_and_parameters_where_only_tensorflow_is(made):
    directory, db = made
    command = [sys.executable, "-I", "-c", ONLY_TENSORFLOW, str(db), str(directory), str(directory.parent / "params")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    lines = done.stdout.splitlines()
    keys, params = [[15.0], [np.nan], [5.0]], [[2.5], [3.5]]
    for line, expected in zip(lines[:4], (keys, keys, params, params), strict=True):
        np.testing.assert_array_equal(json.loads(line), expected)
    # Without the database.
    gone = f"{db}: no such file. Check the path; a relative one starts at the working directory of the process."
    assert [lines[4], lines[6]] == [gone, gone]
    for line, expected in zip(lines[5::2], (keys, params), strict=True):
        np.testing.assert_array_equal(json.loads(line), expected)


@pytest.fixture(scope="module")
def loaded(made):
    """The model from keys to a score, in this process."""
    return tf.saved_model.load(str(made[0]))


def test_sixteen_threads_on_one_loaded_model(loaded):
    look = {name: loaded.signatures[name] for name in ("keys", "embedded_keys")}

    def work(thread):
        for call in range(12):
            keys = (np.arange(6) * 3 + thread * 5 + call) % 10
            expected = np.where((keys > 0) & (keys < 8), keys * 5.0, np.nan).astype(np.float32)[:, None]
            result = look["keys" if (thread + call) % 2 else "embedded_keys"](keys=tf.constant(keys))["output"].numpy()
            np.testing.assert_array_equal(result, expected)
        return 12

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(work, range(16))) == 16 * 12


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="open files are listed in /proc, which is not here")
def test_open_files_do_not_grow(loaded):
    look = loaded.signatures["keys"]
    keys = tf.constant([1, 2], tf.int64)
    look(keys=keys)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(1000):
        result = look(keys=keys)["output"]
    assert result.numpy().tolist() == [[5.0], [10.0]]
    assert len(os.listdir("/proc/self/fd")) <= before


def test_parameters_as_inputs_of_a_functional_model(tmp_path):
    db = make(tmp_path / "t.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, v REAL)",
              {"t": [(i, i / 2) for i in range(1, 8)]})  # fmt: skip
    ids, names = (keras.Input(shape=(), dtype="int64", name=name) for name in ("ids", "others"))
    loader = tlo.DatabaseDataLoader(
        db, "SELECT v FROM t WHERE id IN (:ids) OR id IN (:others)", params={"ids": [1], "others": [1]}
    )
    model = keras.Model([ids, names], keras.layers.Rescaling(2.0)(loader({"ids": ids, "others": names})))
    tlo.export_saved_model(model, tmp_path / "model")
    loaded = tf.saved_model.load(str(tmp_path / "model"))
    assert sorted(loaded.signatures) == ["params", "serving_default"]
    given = {"ids": tf.constant([3], tf.int64), "others": tf.constant([5, 7], tf.int64)}
    assert loaded.signatures["params"](**given)["output"].numpy().tolist() == [[3.0], [5.0], [7.0]]
    # A text that holds SQL is only a text.
    users = make(tmp_path / "u.db", "CREATE TABLE u (name TEXT, v REAL)", {"u": [("a", 1.0), ("b' OR '1'='1", 2.0)]})
    loader = tlo.DatabaseDataLoader(users, "SELECT v FROM u WHERE name = :name", params={"name": "a"})
    tlo.export_saved_model(loader, tmp_path / "text", signatures=("params",))
    look = tf.saved_model.load(str(tmp_path / "text")).signatures["params"]
    for name, expected in (("b' OR '1'='1", [[2.0]]), ("x' OR '1'='1", []), ("a", [[1.0]])):
        assert look(name=tf.constant(name))["output"].numpy().tolist() == expected


def test_an_embedded_model_carries_the_files_of_loaders_and_lookups(tmp_path):
    db = make(tmp_path / "t.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, v REAL)", {"t": [(1, 0.5), (2, 1.5)]})
    file = tmp_path / "ids.csv"
    file.write_text("id\n2\n1\n2\n")
    path = keras.Input(shape=(), dtype="string")
    ids = tlo.CSVDataLoader(file, output="columns", engine="general")(path)["id"]
    model = keras.Model(path, tlo.SQLiteLookup(db, "t", "id", ["v"])(ids))
    tlo.export_saved_model(model, tmp_path / "model", signatures=("embedded", "path"))
    os.rename(db, tmp_path / "away.db")
    os.rename(file, tmp_path / "away.csv")
    loaded = tf.saved_model.load(str(tmp_path / "model"))
    assert loaded.signatures["embedded"]()["output"].numpy().tolist() == [[1.5], [0.5], [1.5]]
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"t\.db: no such file"):
        loaded.signatures["path"](path=tf.constant([str(tmp_path / "away.csv")]))


def refusal(model, tmp_path, **arguments):
    with pytest.raises(tlo.LoadError) as caught:
        tlo.export_saved_model(model, tmp_path / "model", **arguments)
    assert not (tmp_path / "model").exists()
    return str(caught.value)


def test_refused(tmp_path):
    db = make(tmp_path / "t.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, v REAL); INSERT INTO t VALUES (1, 2)")
    loader = tlo.DatabaseDataLoader(db, "SELECT v FROM t")
    lookup = tlo.SQLiteLookup(db, "t", "id", ["v"])
    said = "DatabaseDataLoader reads databases and takes no rows of text. Call it with a path."
    assert said in refusal(loader, tmp_path, signatures=("rows",))
    assert refusal(lookup, tmp_path, signatures=("path",)) == (
        "Expected some of keys, embedded_keys. Received: signatures=('path',)."
    )
    assert refusal(loader, tmp_path, signatures=("params",)) == (
        "Signature 'params' takes the parameters of a query, but no query here has any. Write :name in it, and "
        "construct the loader with params={name: value}."
    )
    asked = tlo.DatabaseDataLoader(db, "SELECT v FROM t WHERE id = :id", params={"id": 1})
    assert refusal(asked, tmp_path, signatures=("params",), source=db) == (
        "Signature 'params' reads the loader's own database: construct it with that path."
    )
    path = keras.Input(shape=(), dtype="string", name="path")
    assert refusal(keras.Model(path, asked(path)), tmp_path, signatures=("params",)) == (
        "Signature 'params' hands its inputs to the query's parameters, id, by their names. Received: a model with the "
        "inputs path. Make a functional model of keras.Input(..., name=parameter)."
    )
    assert refusal(lookup, tmp_path, source="x.db") == (
        "source=... names the files of a loader, but there is none: a lookup has its own database."
    )
    with contextlib.closing(sqlite3.connect(db)) as writer:
        writer.execute("PRAGMA journal_mode=WAL")
        writer.execute("INSERT INTO t VALUES (2, 3)")
        writer.commit()
        assert refusal(loader, tmp_path, signatures=("embedded",)) == (
            f"{db}: a copy of it would lack what is in {db}-wal. Let the programs that write the database end, or run "
            "PRAGMA wal_checkpoint(TRUNCATE), and export again."
        )


def test_dataset_of_a_database(tmp_path):
    """The read is part of a pipeline that tf.data optimises as it likes."""
    loader = tlo.DatabaseDataLoader(shop(tmp_path), "SELECT id, count FROM items", label="id", engine="query")
    batches = [(x.numpy().tolist(), y.numpy().tolist()) for x, y in loader.dataset(2)]
    assert batches == [([[3.0], [0.0]], [1, 2]), ([[7.0]], [3])]
    shuffled = [y for _, ys in loader.dataset(2, shuffle=True, seed=1) for y in ys.numpy().tolist()]
    assert sorted(shuffled) == [1, 2, 3]
