"""Parameters: exact, of any value, and never anything but a value."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from sql.databases import lists
from sql.test_sql_params import INJECTIONS

import tf_loadops as tlo

pytestmark = pytest.mark.io

ANSWER = tlo.Schema([tlo.Column("n", "int64")])
TEXTS = [*dict.fromkeys([text for text in INJECTIONS if "\0" not in text] + [
    "$1", "$$", "$tlo$", "$tlo$; DROP TABLE corpus; --", "E'\\''", "');", "}'::text[])", "{a,b}", "\\x41", "TlVMTA==",
    "', 'base64'), 'UTF8'); DROP TABLE corpus; --", "U&'\\0041'", "{v}", "||", "pg_sleep(10)",
])]  # fmt: skip


@pytest.fixture(scope="module")
def corpus(server):
    rows = ", ".join(["(%s, %s)"] * len(TEXTS))
    server.sql("CREATE TABLE corpus (n bigint, k text)")
    server.sql(f"INSERT INTO corpus VALUES {rows}", [value for pair in enumerate(TEXTS) for value in pair])
    return server


@tf.function(input_signature=[tf.TensorSpec([], tf.string), tf.TensorSpec([], tf.string)], autograph=False)
def by_text(dsn, value):
    query = "SELECT n FROM corpus WHERE k = :k -- ':k'\n ORDER BY n"
    return tlo.read_postgres(dsn, query, ANSWER, params={"k": value}).columns["n"]


def test_text_finds_itself_and_nothing_else(corpus):
    for n, text in enumerate(TEXTS):
        assert by_text(tf.constant(corpus.dsn), tf.constant(text)).numpy().tolist() == [n], text
    assert corpus.sql("SELECT count(*) FROM corpus") == [(len(TEXTS),)]


def test_vectors(corpus):
    query = "SELECT n FROM corpus WHERE k IN (:keys) AND n = ANY (:n) ORDER BY n"
    table = tlo.read_postgres(corpus.dsn, query, ANSWER, params={"keys": TEXTS, "n": [*range(len(TEXTS))]})
    assert lists(table)["n"] == [*range(len(TEXTS))]
    none = tlo.read_postgres(corpus.dsn, query, ANSWER, params={"keys": tf.constant([], tf.string), "n": [0]})
    assert lists(none)["n"] == []


@tf.function(input_signature=[tf.TensorSpec([], tf.string), tf.TensorSpec([], tf.string)], autograph=False)
def echo(dsn, value):
    schema = tlo.Schema([tlo.Column("s", "string")])
    return tlo.read_postgres(dsn, "SELECT :k AS s", schema, params={"k": value}).columns["s"][0]


@settings(max_examples=25)
@given(value=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_text_comes_back_unchanged(server, value):
    assert echo(tf.constant(server.dsn), tf.constant(value.encode())).numpy().decode() == value


@pytest.mark.parametrize("value", [b"a\0b", b"\xff"])
def test_what_postgresql_has_no_text_for(server, value):
    with pytest.raises(tf.errors.InvalidArgumentError, match=r'PostgreSQL says: invalid byte sequence for encoding '
    r'"UTF8"'):
        echo(tf.constant(server.dsn), tf.constant(value))


@pytest.mark.parametrize(
    ("value", "written"),
    [(0, "0"), (-1, "-1"), (2**63 - 1, "9223372036854775807"), (-(2**63), "-9223372036854775808"),
     (np.uint32(2**32 - 1), "4294967295"), (True, "true"), (1.5, "1.5"),
     (float("-inf"), "-Infinity"), (float("nan"), "NaN"), (1e-7, "1e-07")],
)  # fmt: skip
def test_numbers(server, value, written):
    schema = tlo.Schema([tlo.Column("s", "string")])
    table = tlo.read_postgres(server.dsn, "SELECT (:k)::text AS s", schema, params={"k": value})
    assert lists(table)["s"] == [written]


def test_parameters_are_told_from_text_names_casts_and_comments(server):
    query = """SELECT :k::int AS n, ':k' AS ":k", E'\\':k' AS e /* :k ' */, (ARRAY[7,8])[1:1] AS "q"":k" -- :k "
    WHERE ':k' <> :k::text OR :kk > 0"""
    table = tlo.read_postgres(server.dsn, query, ANSWER, params={"k": 41, "kk": 0})
    assert lists(table)["n"] == [41]


ODD = "the query has parameters beside $quoted$ texts, or a comment inside a comment. Write '…' and plain comments: "


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("SELECT 1 AS n", "params holds 'k', but the query has no parameter of this name. Correct one of them: "),
        ("SELECT :k + :b AS n", 'PostgreSQL says: syntax error at or near ":" (42601). Correct the query: '),
        ("SELECT :k AS n, $$it's :k$$", ODD),
        ("SELECT :k AS n /* /* ' */ */", ODD),
    ],
)
def test_parameters_that_do_not_fit(server, query, text):
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        tlo.read_postgres(server.dsn, query, ANSWER, params={"k": 1})
    assert caught.value.message == f"{server.where}: {text}{query}"
