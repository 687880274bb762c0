"""PostgresLookup: keys of any kind, in any order, known or not; one query a call."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

import tf_loadops as tlo

from .test_params import TEXTS

pytestmark = pytest.mark.io

NAMES = [*TEXTS, *(f"n{i}" for i in range(500))]
ROWS = [(i * 7, name, None if i % 5 == 4 else i / 3, i, i % 2 == 0, f"{i:032x}") for i, name in enumerate(NAMES)]


@pytest.fixture(scope="module")
def users(server):
    server.sql("CREATE TABLE users (id integer PRIMARY KEY, name text UNIQUE, income float8, age int, ok boolean, "
               "uid uuid UNIQUE)")  # fmt: skip
    marks = ", ".join(["(%s, %s, %s, %s, %s, %s::uuid)"] * len(ROWS))
    server.sql(f"INSERT INTO users VALUES {marks}", [value for row in ROWS for value in row])
    return server


def expected(keys, at, columns):
    """The slow way, in Python."""
    by_key = {row[at]: row for row in ROWS}
    found = [[by_key[key][c] for c in columns] if key in by_key else [None] * len(columns) for key in keys]
    return np.array(found, float).astype(np.float32).reshape(-1, len(columns))


@pytest.fixture(scope="module")
def by_id(users):
    return tlo.PostgresLookup(users.dsn, "users", "id", ["income", "age", "ok"])


def test_integers(by_id):
    keys = np.random.default_rng(0).integers(-5, 4000, 1000)
    np.testing.assert_array_equal(by_id(tf.constant(keys)), expected(keys.tolist(), 0, [2, 3, 4]))
    table = by_id.read(keys)
    known = {row[0] for row in ROWS}
    counts = {name: int(count) for name, count in table.counts.items()}
    missing = int(np.isnan(expected(keys.tolist(), 0, [2, 3, 4])).sum())
    unknown = sum(key not in known for key in keys.tolist())
    assert counts == {"rows": 1000, "bad_rows": 0, "missing": missing, "bytes": 12_000, "unknown_keys": unknown}


@pytest.mark.parametrize("keys", [[], [7], [7, 7, 7], [-1], [2**63 - 1, -(2**63), 0]])
def test_few_keys(by_id, keys):
    np.testing.assert_array_equal(by_id(tf.constant(keys, tf.int64)), expected(keys, 0, [2, 3, 4]))


def test_text(users):
    layer = tlo.PostgresLookup(users.dsn, "public.users", "name", ["age", "income"])
    keys = [*TEXTS, "no such", "n77", "", "Tea"]
    np.testing.assert_array_equal(layer(tf.constant(keys)), expected(keys, 1, [3, 2]))
    assert np.isnan(layer(tf.constant([b"a\0b", b"\xff"]))).all()  # no text of PostgreSQL's
    many = [f"n{i % 700}" for i in range(10_000)]
    np.testing.assert_array_equal(layer(tf.constant(many)), expected(many, 1, [3, 2]))


def test_uuid(users):
    layer = tlo.PostgresLookup(users.dsn, "users", "uid", ["age"])
    assert (layer.key_dtype, layer.key_type) == ("string", "uuid")
    keys = [f"{3:032X}", "00000000-0000-0000-0000-000000000005", "no uuid", "", f"{10**6:032x}"]
    np.testing.assert_array_equal(layer(tf.constant(keys))[:, 0], [3, 5, np.nan, np.nan, np.nan])


def test_keys_of_other_columns(users):
    users.sql("CREATE DOMAIN ticket AS bigint; CREATE TABLE tickets (n numeric, d ticket, c char(4), v int); "
              "INSERT INTO tickets VALUES (1, 7, 'ab', 10), (2.5, 8, 'cd', 20), (NULL, NULL, NULL, 30)")  # fmt: skip
    for key, keys, more, expected in (
        ("d", [8, 9, 7], {}, [20, np.nan, 10]),
        ("n", [1, 2, -1], {"key_dtype": "int64"}, [10, np.nan, np.nan]),
        ("n", ["2.5", "1", ""], {"key_dtype": "string"}, [20, 10, np.nan]),
        ("c", ["ab", "ab  ", "a"], {}, [10, np.nan, np.nan]),
    ):
        layer = tlo.PostgresLookup(users.dsn, "tickets", key, ["v"], **more)
        np.testing.assert_array_equal(layer(tf.constant(keys))[:, 0], expected)


def test_columns_of_their_own_types(users):
    schema = tlo.Schema([tlo.Column("age", "int64", default=-1), tlo.Column("name", "string")])
    layer = tlo.PostgresLookup(users.dsn, "users", "id", ["name", "age"], schema=schema, output="columns")
    result = layer(tf.constant([14, 1, 0]))
    assert result["age"].numpy().tolist() == [2, -1, 0]
    assert result["name"].numpy().tolist() == [TEXTS[2].encode(), b"", TEXTS[0].encode()]


def test_functional_model_and_round_trip(by_id, tmp_path):
    keys = keras.Input(shape=(), dtype="int64", name="keys")
    model = keras.Model(keys, by_id(keys))
    sample = tf.constant([7, 3, 0], tf.int64)
    model.save(tmp_path / "m.keras")
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "m.keras")(sample), by_id(sample))
    again = tlo.PostgresLookup.from_config(json.loads(json.dumps(by_id.get_config())))
    assert again.get_config() == by_id.get_config()


def test_bad_values_and_keys_found_twice(users):
    users.sql("CREATE TABLE odd (k text, v float8); INSERT INTO odd VALUES ('a', 1.5), ('b', 1e39), ('c', 1), ('c', 2)")
    schema = tlo.Schema([tlo.Column("v", "float32")])
    layer = tlo.PostgresLookup(users.dsn, "odd", "k", ["v"], schema=schema)
    for keys, text in (
        (["a", "b"], "key 'b', column 'v': a double precision 1e+39 is out of range for float32. Declare a wider "
         "dtype, "
         'correct the value, or pass on_bad_row="skip" or "null".'),
        (["z", "c", "a"], "key 'c': the table 'odd' has it more than once in column 'k', and nobody can tell which "
         "row is "
         "meant. Look up a column of unique keys."),
    ):  # fmt: skip
        with pytest.raises(tf.errors.InvalidArgumentError) as caught:
            layer.read(keys)
        assert caught.value.message == f"{users.where}: {text}"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"table": "nobody"}, "{where}: PostgreSQL says: relation \"nobody\" does not exist (42P01). Correct the "
         "query: "
         'SELECT "age", "id" FROM "nobody"'),
        ({"columns": ["agee"]}, "{where}: PostgreSQL says: column \"agee\" does not exist (42703). Correct the "
         "query: SELECT "
         '"agee", "id" FROM "users"'),
        ({"key": "income"}, "{where}: column 'income' is double precision, and keys are integers or text. Name another "
         "column, or pass key_dtype."),
        ({"key": "ok", "key_dtype": "int64"}, "{where}: column 'ok' is boolean, and keys are integers or text. Name "
         "another column, or pass key_dtype='string'."),
        ({"table": '"users" WHERE false'}, "A table is written table, or schema.table; a part that holds a dot or a "
         "double quote stands in double quotes, and a double quote in it twice. Received: table='\"users\" WHERE "
         "false'."),
        ({"columns": []}, "columns is a sequence of at least one name. Received: columns=[]."),
        ({"source": "users.db"}, "The source of a PostgresLookup is an address that begins with postgresql://."),
        ({"timeout": 0}, "timeout is from 0.001 to 86400 seconds. Received: timeout=0."),
    ],
)  # fmt: skip
def test_arguments_that_make_no_sense(users, arguments, text):
    with pytest.raises(tlo.LoadError) as caught:
        tlo.PostgresLookup(**{"source": users.dsn, "table": "users", "key": "id", "columns": ["age"], **arguments})
    assert str(caught.value) == text.replace("{where}", users.where)
