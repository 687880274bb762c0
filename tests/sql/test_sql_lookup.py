"""SQLiteLookup: keys of any kind, in any order, known or not; one query a call."""

from __future__ import annotations

import json
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

import tf_loadops as tlo

from .databases import counts, lists, make, rows_of

NAMES = ["tea", "O'Hara \"x\"", "Bø", "'; DROP TABLE users; --", "a\0b", "", "7", "random()", "NULL"]


@pytest.fixture(scope="module")
def db(tmp_path_factory):
    names = [*NAMES, *(f"n{i}" for i in range(len(NAMES), 500))]
    rows = [(i * 7, name, None if i % 5 == 4 else i / 3, i, i % 2) for i, name in enumerate(names)]
    script = "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT UNIQUE, income REAL, age INT, ok BOOLEAN)"
    return make(tmp_path_factory.mktemp("lookup") / "users.db", script, {"users": rows})


@pytest.fixture(scope="module")
def by_id(db):
    return tlo.SQLiteLookup(db, "users", "id", ["income", "age", "ok"])


@pytest.fixture(scope="module")
def by_name(db):
    return tlo.SQLiteLookup(db, "users", "name", ["age", "income"])


def expected(db, keys, key, columns):
    """One query for each key: the slow way, by sqlite3."""
    found = [rows_of(db, f"SELECT {', '.join(columns)} FROM users WHERE {key} = ?", (k,)) for k in keys]
    return np.array([row[0] if row else [None] * len(columns) for row in found], float).astype(np.float32)


def test_integers(db, by_id):
    keys = np.random.default_rng(0).integers(-5, 3600, 1000)
    result = by_id(tf.constant(keys))
    assert result.dtype == tf.float32
    np.testing.assert_array_equal(result, expected(db, keys.tolist(), "id", by_id.columns))
    table = by_id.read(keys)
    known = {row[0] for row in rows_of(db, "SELECT id FROM users")}
    assert int(table.counts["unknown_keys"]) == sum(key not in known for key in keys.tolist())
    assert int(table.counts["rows"]) == 1000
    assert int(table.counts["missing"]) == int(np.isnan(result).sum())


def test_text(db, by_name):
    keys = [*NAMES, "no such", "n77", "tea", "Tea", "x' OR '1'='1", "*", "n7%"]
    np.testing.assert_array_equal(by_name(tf.constant(keys)), expected(db, keys, "name", by_name.columns))
    assert int(by_name.read(keys).counts["unknown_keys"]) == 5
    assert len(rows_of(db, "SELECT * FROM users")) == 500


@pytest.mark.parametrize("keys", [[], [7], [7, 7, 7], [-1], [2**63 - 1, -(2**63), 0]])
def test_few_keys(db, by_id, keys):
    result = by_id(tf.constant(keys, tf.int64)).numpy()
    assert result.shape == (len(keys), 3)
    if keys:
        np.testing.assert_array_equal(result, expected(db, keys, "id", by_id.columns))


def test_many_keys(db, by_name):
    keys = [f"n{i % 700}" for i in range(20_000)]
    once = dict(zip(keys[:700], expected(db, keys[:700], "name", by_name.columns), strict=True))
    np.testing.assert_array_equal(by_name(tf.constant(keys)), [once[key] for key in keys])


def test_columns(db):
    columns = [tlo.Column("name", "string"), tlo.Column("age", "int64", default=-1), tlo.Column("ok", "bool")]
    schema = tlo.Schema(columns)
    layer = tlo.SQLiteLookup(db, "users", "id", ["age", "name"], schema=schema, output="columns")
    result = layer(tf.constant([14, 1, 0]))
    assert list(result) == ["age", "name"]
    assert result["age"].numpy().tolist() == [2, -1, 0]
    assert result["name"].numpy().tolist() == ["Bø".encode(), b"", b"tea"]
    table = layer.read([14, 1, 0])
    assert {name: mask.numpy().tolist() for name, mask in table.validity.items()} == {
        "age": [True, False, True], "name": [True, False, True],
    }  # fmt: skip
    # three int64, 5 bytes of text beside the stand-in of none
    assert {name: int(count) for name, count in table.counts.items()} == {
        "rows": 3, "bad_rows": 0, "missing": 2, "bytes": 30, "unknown_keys": 1,
    }  # fmt: skip
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        tlo.SQLiteLookup(db, "users", "id", ["ok"], schema=schema, output="columns").read([7, 1])
    assert caught.value.message == (
        f"{db}: key 1 (unknown), column 'ok': the value is NULL, and no bool stands for that. Declare a default, "
        "Column('ok', 'bool', default=...), or a float dtype, or pass on_bad_row=\"skip\" or \"null\"."
    )


def test_functional_model_and_round_trip(db, by_id, tmp_path):
    keys = keras.Input(shape=(), dtype="int64", name="keys")
    model = keras.Model(keys, by_id(keys))
    assert model.output_shape == (None, 3)
    sample = tf.constant([7, 3, 0], tf.int64)
    np.testing.assert_array_equal(model(sample), by_id(sample))
    model.save(tmp_path / "m.keras")
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "m.keras")(sample), by_id(sample))
    again = tlo.SQLiteLookup.from_config(json.loads(json.dumps(by_id.get_config())))
    assert again.get_config() == by_id.get_config()
    predicted = model.predict(np.arange(70), batch_size=32, verbose=0)
    np.testing.assert_array_equal(predicted, expected(db, range(70), "id", by_id.columns))


def test_integers_at_the_ends_of_int64(tmp_path):
    ends = [2**63 - 1, -(2**63), 2**53 + 1, 0]
    db = make(tmp_path / "t.db", "CREATE TABLE t (k PRIMARY KEY, v)", {"t": [(k, i) for i, k in enumerate(ends)]})
    keys = [*reversed(ends), 2**63 - 2, 2**53]
    result = tlo.SQLiteLookup(db, "t", "k", ["v"])(tf.constant(keys, tf.int64)).numpy()
    np.testing.assert_array_equal(result[:, 0], [3, 2, 1, 0, np.nan, np.nan])


def test_columns_named_as_what_a_lookup_adds(tmp_path):
    db = make(tmp_path / "t.db", "CREATE TABLE tlo_keys (key INTEGER PRIMARY KEY, tlo_unknown REAL, value REAL)",
              {"tlo_keys": [(1, 5.5, 2.5)]})  # fmt: skip
    found = tlo.SQLiteLookup(db, "tlo_keys", "key", ["tlo_unknown", "value"]).read([1, 2])
    assert lists(found) == {"tlo_unknown": [5.5, None], "value": [2.5, None]}
    assert counts(found)["unknown_keys"] == 1


def test_changes_are_seen(tmp_path):
    script = "CREATE TABLE t (k PRIMARY KEY, v); INSERT INTO t VALUES (1, 2.0)"
    db = make(tmp_path / "t.db", script)
    layer = tlo.SQLiteLookup(db, "t", "k", ["v"])
    function = tf.function(lambda: layer(tf.constant([1])), input_signature=[])
    assert function().numpy().tolist() == [[2.0]]
    make(db, script.replace("2.0", "3.0"))
    assert function().numpy().tolist() == [[3.0]]


def test_bad_values(tmp_path):
    rows = [("a", 1.5), ("b", "x'y"), ("c", 1), ("c", 2)]
    db = make(tmp_path / "t.db", "CREATE TABLE t (k, v)", {"t": rows})
    schema = tlo.Schema([tlo.Column("v", "float32")])
    layer = tlo.SQLiteLookup(db, "t", "k", ["v"], schema=schema)
    assert layer(tf.constant(["a"])).numpy().tolist() == [[1.5]]
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        layer.read(["a", "b"])
    assert caught.value.message == (
        f"{db}: key 'b', column 'v': cannot read text 'x''y' as float32. Correct the value, CAST it in the query, or "
        'pass on_bad_row="skip" or "null".'
    )
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        layer.read(["z", "c", "a"])
    assert caught.value.message == (
        f"{db}: key 'c': the table 't' has it more than once in column 'k', and nobody can tell which row is meant. "
        "Look up a column of unique keys."
    )
    nulled = tlo.SQLiteLookup(db, "t", "k", ["v"], schema=schema, on_bad_row="null").read(["b", "a", "z"])
    assert math.isnan(nulled.columns["v"][0]) and nulled.columns["v"][1] == 1.5
    counts = {name: int(count) for name, count in nulled.counts.items()}
    assert counts == {"rows": 3, "bad_rows": 1, "missing": 2, "bytes": 12, "unknown_keys": 1}


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"table": "nobody"}, "{db}: SQLite says: no such table: nobody. Correct the query, or the path: SELECT `age`, "
         "`id` FROM `nobody`"),
        ({"columns": ["agee"]}, "{db}: SQLite says: no such column: agee. Correct the query, or the path: SELECT "
         "`agee`, `id` FROM `users`"),
        ({"key": "income"}, "{db}: column 'income' holds float64, or NULL, and keys are integers or text. Name another "
         "column, or pass key_dtype."),
        ({"columns": []}, "columns is a sequence of at least one name. Received: columns=[]."),
        ({"columns": "age"}, "columns is a sequence of at least one name. Received: columns='age'."),
        ({"columns": ["name"]}, "A matrix holds numbers only, but 'name' hold text. Name the numeric columns, or ask "
         'for output="columns".'),
        ({"output": "rows"}, "Expected one of matrix, columns. Received: output='rows'."),
        ({"on_bad_row": "skip"}, "Each key has a row in the result, so none can be left out. Received: "
         'on_bad_row="skip".'),
        ({"source": "none.db"}, "none.db: no such file. Check the path; a relative one starts at the working directory "
         "of the process."),
    ],
)  # fmt: skip
def test_arguments_that_make_no_sense(db, arguments, text):
    with pytest.raises(tlo.LoadError) as caught:
        tlo.SQLiteLookup(**{"source": db, "table": "users", "key": "id", "columns": ["age"], **arguments})
    assert str(caught.value) == text.replace("{db}", str(db))


def test_keys_of_another_type(by_id, by_name):
    with pytest.raises(tlo.LoadError) as caught:
        by_id.read(["a"])
    assert str(caught.value) == "The keys are a vector of int64, as column 'id' is. Received: string of shape (1,)."
    with pytest.raises(tlo.LoadError) as caught:
        by_name.read([[1]])
    assert str(caught.value) == "The keys are a vector of string, as column 'name' is. Received: int32 of shape (1, 1)."
