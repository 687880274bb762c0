"""Parameters: exact, of any value, and never anything but a value."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

import tf_loadops as tlo

from .databases import lists, make, rows_of

ANSWER = tlo.Schema([tlo.Column("n", "int64")])
INJECTIONS = [
    "'", "''", "' OR '1'='1", "x' OR 1=1 --", "'; DROP TABLE t; --", "\" OR \"\"=\"", "') UNION SELECT 99 --",
    "\\", "\\'", "%", "_", ":other", ":k", "?", "--", "/*", "*/", "/* ' */", ";", "\n", "\r\n", "\t", "\0",
    "a\0b", "\0'", "'\0", "", " ", "ÆØÅ", "日本語", "🫖", "‘’", "ʼ", "\u2028", "\ufeff", "NULL", "1", "1.0", "0x1F",
    "X'41'", "`", "[", "]", "$a", "@a", "#", "\\1", "\\0", "\x01", "\x7f", "a" * 5000, "'" * 200, "||char(0)||",
    "' || (SELECT 1) || '", "0) OR (1=1", "\x1b", "\b",
]  # fmt: skip


@pytest.fixture(scope="module")
def db(tmp_path_factory):
    values = [(value,) for value in INJECTIONS]
    return make(tmp_path_factory.mktemp("params") / "t.db", "CREATE TABLE t (k TEXT)", {"t": values})


@tf.function(input_signature=[tf.TensorSpec([], tf.string), tf.TensorSpec([], tf.string)], autograph=False)
def by_text(path, value):
    query = "SELECT rowid AS n FROM t WHERE k = :k -- ':k'\n"
    return tlo.read_sqlite(path, query, ANSWER, params={"k": value}).columns["n"]


@pytest.mark.parametrize("value", INJECTIONS, ids=lambda value: ascii(value)[:30])
def test_text_finds_itself_and_nothing_else(db, value):
    expected = [row for (row,) in rows_of(db, "SELECT rowid FROM t WHERE k = ?", (value,))]
    assert len(expected) == 1
    before = db.read_bytes()
    assert by_text(tf.constant(str(db)), tf.constant(value)).numpy().tolist() == expected
    assert db.read_bytes() == before


@settings(max_examples=60)
@given(value=st.text())
def test_text_comes_back_unchanged(db, value):
    count = by_length(tf.constant(str(db)), tf.constant(value.encode(errors="surrogatepass")))
    assert count.numpy().decode() == value


@tf.function(input_signature=[tf.TensorSpec([], tf.string), tf.TensorSpec([], tf.string)], autograph=False)
def by_length(path, value):
    schema = tlo.Schema([tlo.Column("s", "string")])
    query = "SELECT (:k) AS s WHERE 'text' = typeof(:k)"
    return tlo.read_sqlite(path, query, schema, params={"k": value}).columns["s"][0]


def test_bytes_that_are_no_text(db):
    table = by_length(tf.constant(str(db)), tf.constant(b"\xff\xfe'\x00"))
    assert table.numpy() == b"\xff\xfe'\x00"


@tf.function(input_signature=[tf.TensorSpec([], tf.string), tf.TensorSpec([], tf.float64)], autograph=False)
def real(path, value):
    schema = tlo.Schema([tlo.Column("x", "float64")])
    query = "SELECT:x AS x WHERE typeof(:x) = 'real' AND 0-:x <= 9e999"
    return tlo.read_sqlite(path, query, schema, params={"x": value}).columns["x"][0]


SMALLEST = 2.2250738585072014e-308


@settings(max_examples=100)
@given(value=st.floats(allow_nan=False, allow_subnormal=False) | st.sampled_from([0.1, 1e22, 1e23, SMALLEST, math.inf]))
def test_reals_are_exact(db, value):
    assert real(tf.constant(str(db)), tf.constant(value, tf.float64)).numpy() == value


def test_nan_is_refused(db):
    with pytest.raises(tf.errors.InvalidArgumentError, match="A parameter is NaN, which SQL knows as NULL and equals"):
        real(tf.constant(str(db)), tf.constant(math.nan, tf.float64))


@pytest.mark.parametrize("value", [0, -1, 7, 2**63 - 1, -(2**63), np.int8(-5), np.uint32(2**32 - 1), True, False])
def test_integers(db, value):
    query = "SELECT 0+:k AS n WHERE typeof(:k) = 'integer' AND -1-:k = ~:k"
    assert lists(tlo.read_sqlite(db, query, ANSWER, params={"k": value}))["n"] == [int(value)]


def test_affinity_is_that_of_a_bound_parameter(tmp_path):
    db = make(
        tmp_path / "t.db", "CREATE TABLE t (n INTEGER PRIMARY KEY, i INT, s TEXT, x)",
        {"t": [(1, 5, "5", 5), (2, 5, "5", "5"), (3, 6, "5.0", 5.0)]},
    )  # fmt: skip
    for column in ("i", "s", "x"):
        for value in (5, 5.0, "5", "5.0"):
            query = f"SELECT n FROM t WHERE {column} = :v"
            expected = [row for (row,) in rows_of(db, query, {"v": value})]
            assert lists(tlo.read_sqlite(db, query, ANSWER, params={"v": value}))["n"] == expected, (column, value)


def test_vectors(db):
    query = "SELECT rowid AS n FROM t WHERE k IN (:keys) AND rowid > :low ORDER BY n"
    keys = ["'", "日本語", "no such", "a\0b", "'"]
    got = lists(tlo.read_sqlite(db, query, ANSWER, params={"keys": keys, "low": 1}))["n"]
    assert got == [INJECTIONS.index("a\0b") + 1, INJECTIONS.index("日本語") + 1]
    none = tlo.read_sqlite(db, query, ANSWER, params={"keys": tf.constant([], tf.string), "low": 1})
    assert lists(none)["n"] == []


def test_parameters_are_told_from_text_names_and_comments(db):
    query = """SELECT :k AS n, ':k' AS "a:k", [rowid] AS `:k` /* :k ' */ FROM t -- :k "
    WHERE k <> ':k' OR :k > 0 LIMIT 1"""
    assert lists(tlo.read_sqlite(db, query, ANSWER, params={"k": 41}))["n"] == [41]


def test_names_that_begin_alike(db):
    table = tlo.read_sqlite(db, "SELECT :a + :ab * 10 AS n", ANSWER, params={"a": 1, "ab": 2})
    assert lists(table)["n"] == [21]


@pytest.mark.parametrize(
    ("query", "text"),
    [
        (
            "SELECT :b AS n",
            "the query has the parameter :b, and params holds a. Pass params={name: value} for parameters that are "
            "written :name: SELECT :b AS n",
        ),
        ("SELECT 1 AS n", "params holds 'a', but the query has no parameter of this name. Correct one of them: "
         "SELECT 1 AS n"),
    ],
)  # fmt: skip
def test_names_that_do_not_fit(db, query, text):
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        tlo.read_sqlite(db, query, ANSWER, params={"a": 1})
    assert caught.value.message == f"{db}: {text}"


def test_lists_of_numbers_keep_all_digits(tmp_path):
    db = make(tmp_path / "t.db", "CREATE TABLE t (k REAL)", {"t": [(0.1,), (2.0,), (1e300,)]})
    query = "SELECT rowid AS n FROM t WHERE k IN (:keys) ORDER BY n"
    assert lists(tlo.read_sqlite(db, query, ANSWER, params={"keys": [0.1, 1e300]}))["n"] == [1, 3]
    assert lists(tlo.read_sqlite(db, query, ANSWER, params={"keys": (2, 0.1)}))["n"] == [1, 2]
    assert lists(tlo.read_sqlite(db, query, ANSWER, params={"keys": []}))["n"] == []
    with pytest.raises(tlo.LoadError) as refused:
        tlo.read_sqlite(db, query, ANSWER, params={"keys": [2**53 + 1, 0.5]})
    assert str(refused.value) == (
        "Parameter 'keys' is a number, a bool or a text, or a vector of them for IN (:keys). Received: list "
        "[9007199254740993, 0.5]."
    )
