"""What a query gives: every type, NULL, order, bad values, several databases."""

from __future__ import annotations

import math
import sqlite3
from unittest import mock

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

import tf_loadops as tlo
from tf_loadops import compiled

from .databases import PRICES, counts, lists, make, rows_of, shop

EVERYTHING = tlo.Schema(
    [
        tlo.Column("f", "float64"),
        tlo.Column("i", "int64", default=-1),
        tlo.Column("b", "bool", default=True),
        tlo.Column("s", "string", default="?"),
        tlo.Column("g", "float32", default=0.5),
        tlo.Column("j", "int32", default=0),
    ]
)
TABLE = "CREATE TABLE t (f, i, b, s, g, j)"  # without affinity: every value stays what it is


def test_types(tmp_path):
    rows = [
        (1.5, 2**62, 1, "Bø\0x", 16777217, -(2**31)),
        (None, None, None, None, None, None),
        (9007199254740993, 3.0, 0, b"\x00\xff", -0.0, 2147483647),
        (float("inf"), -(2**63), 0.0, "", 1e-45, 0),
    ]
    db = make(tmp_path / "t.db", TABLE, {"t": rows})
    table = tlo.read_sqlite(db, "SELECT * FROM t", EVERYTHING)
    assert table.columns["f"].numpy()[[0, 2, 3]].tolist() == [1.5, 9007199254740992.0, math.inf]
    assert np.isnan(table.columns["f"].numpy()[1])
    assert table.columns["i"].numpy().tolist() == [2**62, -1, 3, -(2**63)]
    assert table.columns["b"].numpy().tolist() == [True, True, False, False]
    assert table.columns["s"].numpy().tolist() == ["Bø\0x".encode(), b"?", b"\x00\xff", b""]
    assert table.columns["g"].numpy().tolist() == [16777216.0, 0.5, -0.0, np.float32(1e-45)]
    assert table.columns["j"].numpy().tolist() == [-(2**31), 0, 2147483647, 0]
    assert all(mask.numpy().tolist() == [True, False, True, True] for mask in table.validity.values())
    # 4 rows of 8 + 8 + 1 + 4 + 4 bytes, and texts of 5, 1, 2 and 0
    assert counts(table) == {"rows": 4, "bad_rows": 0, "missing": 6, "bytes": 108}


def test_order_of_query_is_kept(tmp_path):
    db = make(tmp_path / "t.db", TABLE, {"t": [(i, 1, 1, "", 1, 1) for i in range(5000)]})
    for order in ("f DESC", "abs(f - 2500), f", "-f % 7, f"):
        query = f"SELECT * FROM t ORDER BY {order}"
        expected = [row[0] for row in rows_of(db, query)]
        assert tlo.read_sqlite(db, query, EVERYTHING).columns["f"].numpy().tolist() == expected


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM t WHERE f > 1 LIMIT 2 OFFSET 1",
        "SELECT DISTINCT i % 2 AS i, 0 AS f, 1 AS b, 'x' AS s, 1 AS g, 1 AS j FROM t",
        "WITH u AS (SELECT * FROM t) SELECT * FROM u WHERE i < 3;  -- a comment; with 'quotes",
        "/* ; */ SELECT i AS f, sum(i) OVER (ORDER BY i) AS i, 1 AS b, 'it''s; --' AS s, 2 AS g, 3 AS j FROM t",
        'SELECT "t"."f", [i], `b`, s, g AS "g", j FROM "t"',
        "SELECT * FROM t UNION ALL SELECT * FROM t ORDER BY f DESC",
        "SELECT f, i, b, s || ' \"x\" /* y */' AS s, g, j FROM t WHERE s <> ';'",
        "SELECT * FROM t WHERE 0",
    ],
)
def test_queries(tmp_path, query):
    rows = [(i * 0.5, i, i % 2, f"n{i}", i, -i) for i in range(6)]
    db = make(tmp_path / "t.db", TABLE, {"t": rows})
    table = tlo.read_sqlite(db, query, EVERYTHING)
    with sqlite3.connect(db) as connection:
        cursor = connection.execute(query)
        names = [column[0] for column in cursor.description]
        expected = cursor.fetchall()
    connection.close()
    for i, name in enumerate(names):
        assert lists(table)[name] == [row[i] for row in expected], name


def test_zero_rows_have_shape_and_type(tmp_path):
    db = make(tmp_path / "t.db", TABLE)
    table = tlo.read_sqlite(db, "SELECT * FROM t", EVERYTHING)
    assert [(t.dtype.name, t.shape.as_list()) for t in table.columns.values()] == [
        ("float64", [0]), ("int64", [0]), ("bool", [0]), ("string", [0]), ("float32", [0]), ("int32", [0]),
    ]  # fmt: skip
    assert counts(table) == {"rows": 0, "bad_rows": 0, "missing": 0, "bytes": 0}


SPECIAL = [2.0**63, -(2.0**63), 2**31, -(2**31) - 1, 1e39, 0.5, 2.0**-149, 3 * 2.0**-150, "1", "", b""]
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3) | st.floats(allow_nan=False, allow_subnormal=False)
ANY = st.none() | NUMBERS | st.text(max_size=5) | st.binary(max_size=5) | st.sampled_from(SPECIAL)


def expected_of(value, column):
    """What the documentation of read_sqlite says, in Python: the value, and whether it is bad."""
    if value is None:
        return None, False
    if column.dtype == "string":
        bad = not isinstance(value, (str, bytes))
        return (None if bad else value.encode() if isinstance(value, str) else value), bad
    if isinstance(value, (str, bytes)):
        return None, True
    if column.dtype == "float64":
        return float(value), False
    if column.dtype == "float32":
        with np.errstate(over="ignore"):
            narrow = float(np.float32(value))
        bad = math.isinf(narrow) and not math.isinf(value)
        return (None if bad else narrow), bad
    if isinstance(value, float) and not value.is_integer():
        return None, True
    low, high = {"int64": (-(2**63), 2**63), "int32": (-(2**31), 2**31), "bool": (0, 2)}[column.dtype]
    inside = low <= value < high
    return (int(value) if inside else None), not inside


@mock.patch.object(compiled, "PRICE", 0.0)  # graphs at once: what many small reads need
@settings(max_examples=60)
@given(rows=st.lists(st.tuples(*[ANY] * 6), max_size=5))
def test_any_values(tmp_path_factory, rows):
    db = make(tmp_path_factory.getbasetemp() / "any" / "any.db", TABLE, {"t": rows})
    kept = tlo.read_sqlite(db, "SELECT * FROM t", EVERYTHING, on_bad_row="null")
    bad = np.zeros(len(rows), bool)
    for i, column in enumerate(EVERYTHING):
        expected = [expected_of(row[i], column) for row in rows]
        bad |= np.array([is_bad for _, is_bad in expected], bool)
        assert kept.validity[column.name].numpy().tolist() == [value is not None for value, _ in expected]
        stand_in = math.nan if column.default is None else column.default
        stand_in = stand_in.encode() if isinstance(stand_in, str) else stand_in
        values = [stand_in if value is None else value for value, _ in expected]
        got = kept.columns[column.name].numpy().tolist()
        assert [repr(v) for v in got] == [repr(type(g)(v)) for v, g in zip(values, got, strict=True)]
    assert int(kept.counts["bad_rows"]) == bad.sum()
    skipped = tlo.read_sqlite(db, "SELECT * FROM t", EVERYTHING, on_bad_row="skip")
    assert int(skipped.counts["rows"]) == len(rows) - bad.sum()
    assert int(skipped.counts["bad_rows"]) == bad.sum()


def test_many_columns(tmp_path):
    """More than the marks of one integer hold, and NULL in each of them once."""
    width = 70
    names = [f"c{i}" for i in range(width)]
    rows = [[None if i == j else i + j for j in range(width)] for i in range(width)]
    db = make(tmp_path / "t.db", f"CREATE TABLE t ({','.join(names)})", {"t": rows})
    table = tlo.read_sqlite(db, "SELECT * FROM t", tlo.Schema([tlo.Column(name, "float32") for name in names]))
    got = table.matrix().numpy()
    np.testing.assert_array_equal(got, np.array(rows, np.float32))
    assert int(table.counts["missing"]) == width


def test_names_that_sqlite_gives_to_second_columns(tmp_path):
    """Of two columns "a" it calls the second one "a:1" from outside, where it may have a column of this name."""
    db = make(tmp_path / "t.db", "CREATE TABLE t (a, `a:1`, `A:2`)", {"t": [(1, 2, 3)]})
    schema = tlo.Schema([tlo.Column(name, "int64") for name in ("a", "a:1", "A:2")])
    for columns in (None, ["a"], ["a:1", "A:2"]):
        got = lists(tlo.read_sqlite(db, "SELECT * FROM t", schema, columns=columns))
        assert got == {name: [value] for name, value in zip(("a", "a:1", "A:2"), (1, 2, 3), strict=True) if name in got}
        assert list(got) == (columns or schema.names)
    for query, columns, name in (
        ("SELECT *, 4 AS a FROM t", ["a"], "a"),
        ("SELECT 1 AS `c:1`, 2 AS `C:1`", ["c:1"], "c:1"),
        ("SELECT 1 AS `:`, 2 AS `:`", [":"], ":"),
    ):
        known = schema if name == "a" else tlo.Schema([tlo.Column(name, "int64")])
        with pytest.raises(tf.errors.InvalidArgumentError) as caught:
            tlo.read_sqlite(db, query, known, columns=columns)
        assert caught.value.message == (
            f"{db}: column {name!r}: the query returns it more than once, and nobody can tell which is meant. Rename "
            f"the others with AS: {query}"
        )


def test_random_numbers_of_a_view_are_drawn_once(tmp_path):
    """Not once for the value and once for what says that it is NULL."""
    view = "CREATE VIEW v AS SELECT id, iif(random() % 2, NULL, 5) AS price FROM t"
    db = make(tmp_path / "t.db", f"CREATE TABLE t (id INTEGER PRIMARY KEY); {view}", {"t": [(i,) for i in range(200)]})
    table = tlo.read_sqlite(db, "SELECT price FROM v", PRICES)
    looked_up = tlo.SQLiteLookup(db, "v", "id", ["price"], schema=PRICES, key_dtype="int64").read(range(200))
    for found in (table, looked_up):
        assert {(value, bool(valid)) for value, valid in zip(
            lists(found)["price"], found.validity["price"].numpy(), strict=True
        )} == {(5.0, True), (None, False)}


def test_strange_names(tmp_path):
    names = ["a b", "`tick`", 'say "x"', "[y]", "select", "c:1", "Ünï", "it's", "--", "rowid"]
    quoted = ["`" + name.replace("`", "``") + "`" for name in names]
    db = make(tmp_path / "t.db", f"CREATE TABLE t ({','.join(quoted)})", {"t": [range(len(names))]})
    table = tlo.read_sqlite(db, "SELECT * FROM t", tlo.Schema([tlo.Column(name, "int64") for name in names]))
    assert [values[0] for values in lists(table).values()] == list(range(len(names)))


def test_random_values_are_drawn_once(tmp_path):
    db = make(tmp_path / "t.db", "CREATE TABLE t (id)", {"t": [(i,) for i in range(400)]})
    query = "SELECT CASE WHEN random() % 2 THEN 7 ELSE 'x' END AS price FROM t"
    table = tlo.read_sqlite(db, query, PRICES, on_bad_row="null")
    values = table.columns["price"].numpy()
    assert set(values[~np.isnan(values)].tolist()) == {7.0}  # and never the 0 that a text would give
    assert int(table.counts["bad_rows"]) == np.isnan(values).sum()


def test_float32_subnormals_are_rounded_as_numpy_does(tmp_path):
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.integers(0, 2**26, 400) * 2.0**-152, 2.0 ** np.arange(-152.0, -120.0), [5e-324]])
    values = np.concatenate([values, -values])
    db = make(tmp_path / "t.db", "CREATE TABLE t (price)", {"t": [(value,) for value in values.tolist()]})
    got = tlo.read_sqlite(db, "SELECT price FROM t", PRICES).columns["price"].numpy()
    assert got.view(np.int32).tolist() == values.astype(np.float32).view(np.int32).tolist()


def test_several_databases(tmp_path):
    first = shop(tmp_path / "a")
    second = make(tmp_path / "b" / "b.db", "CREATE TABLE items (price); INSERT INTO items VALUES (0.25)")
    table = tlo.read_sqlite([first, second, first], "SELECT price FROM items", PRICES)
    assert lists(table) == {"price": [4.5, None, 20.0, 0.25, 4.5, None, 20.0]}
    assert counts(table) == {"rows": 7, "bad_rows": 0, "missing": 2, "bytes": 28}


def test_path_query_and_data_are_looked_at_on_every_call(tmp_path):
    db = shop(tmp_path / "a")
    constant = tf.function(lambda: tlo.read_sqlite(str(db), "SELECT price FROM items", PRICES).columns["price"])
    of_query = tf.function(
        lambda query: tlo.read_sqlite(str(db), query, PRICES).columns["price"],
        input_signature=[tf.TensorSpec([], tf.string)],
    )
    assert constant().shape == (3,)
    with sqlite3.connect(db) as connection:
        connection.execute("DELETE FROM items WHERE id > 1")
    connection.close()
    assert constant().numpy().tolist() == [4.5]
    assert of_query(tf.constant("SELECT 2 AS price")).numpy().tolist() == [2.0]
    assert of_query(tf.constant("SELECT price + 1 AS price FROM items")).numpy().tolist() == [5.5]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"on_bad_row": "drop"}, "Expected one of raise, skip, null. Received: on_bad_row='drop'."),
        ({"engine": "fast"}, "Expected one of auto, scan, query. Received: engine='fast'."),
        ({"lock_timeout": -1}, "lock_timeout is from 0 to 3600 seconds. Received: lock_timeout=-1."),
        ({"columns": "price"}, "columns is a sequence of names. Received: columns='price'."),
        ({"columns": []}, "At least one column is read. Received: columns=[]."),
        ({"params": [1]}, "params is a dict of name to value. Received: list."),
        ({"params": {"a b": 1}}, "A parameter's name is an identifier, written :name in the query. Received: 'a b'."),
        (
            {"params": {"a": None}},
            "Parameter 'a' is a number, a bool or a text, or a vector of them for IN (:a). Received: NoneType None.",
        ),
        (
            {"params": {"a": 2**63}},
            "Parameter 'a' is a number, a bool or a text, or a vector of them for IN (:a). "
            "Received: int 9223372036854775808.",
        ),
        (
            {"params": {"a": [[1]]}},
            "Parameter 'a' is a number, a bool or a text, or a vector of them for IN (:a). Received: int32 (1, 1).",
        ),
        ({"schema": 3}, "schema is a tf_loadops.Schema; tlo.infer_schema makes one. Received: int."),
        ({"query": ["SELECT 1"]}, "A query is one text. Received: string of shape (1,)."),
        (
            {"schema": tlo.Schema([tlo.Column("a\0b", "float32")])},
            "A database has no column with a NUL in its name. Received: 'a\\x00b'.",
        ),
    ],
)
def test_arguments_that_make_no_sense(arguments, text):
    with pytest.raises(tlo.LoadError) as caught:
        tlo.read_sqlite(**{"db": "a.db", "query": "SELECT 1", "schema": PRICES, **arguments})
    assert str(caught.value) == text


def test_a_loader_made_in_a_function_looks_at_its_database_while_that_is_traced(tmp_path):
    db = make(tmp_path / "t.db", "CREATE TABLE t (a REAL, b INT)", {"t": [(1.5, 2)]})
    made = tf.function(lambda: tlo.DatabaseDataLoader(db, "SELECT a, b FROM t")(None), autograph=False)
    assert made().numpy().tolist() == [[1.5, 2.0]]
