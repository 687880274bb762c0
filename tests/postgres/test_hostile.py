"""Names, settings, encodings and search paths that try to make another value of one."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from sql.databases import lists

import tf_loadops as tlo

pytestmark = pytest.mark.io


def schema(*columns):
    return tlo.Schema([tlo.Column(*column.split(":")) for column in columns])


def with_setting(server, setting):
    return f"{server.dsn}?options=-c%20{setting.replace('=', '%3D')}"


def refusal(dsn, query, *columns, **more):
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        tlo.read_postgres(dsn, query, schema(*columns), **more)
    return caught.value.message


# Behind a dot each of these is a function of the row, where the query has no such column.
@pytest.mark.parametrize("name", ["to_json:string", "quote_literal:string", "pg_column_size:int32", "count:int64",
                                  "hash_record:int32"])  # fmt: skip
def test_a_function_is_no_column(server, name):
    label = name.partition(":")[0]
    assert refusal(server.dsn, "SELECT 1 AS a", name) == (
        f"{server.where}: column '{label}': the query does not return it. Correct the schema, or the query: SELECT 1 "
        "AS a"
    )
    layer = tlo.PostgresLookup(server.dsn, "items", "id", [label], schema=schema(f"{label}:float32"))
    if label != "count":  # which `items` has
        with pytest.raises(tf.errors.InvalidArgumentError, match=f'column "{label}" does not exist'):
            layer.read([1])


def test_names_like_those_of_the_program(server):
    names = ["tlo_row", "tlo_q", "tlo_names", "tlo_at", "tlo_unknown", "tlo_key", "tlo_keys", "tlo_c0", "at", "value"]
    values = ", ".join(f"{i} AS {name}" for i, name in enumerate(names))
    table = tlo.read_postgres(server.dsn, f"SELECT {values}", schema(*(f"{name}:int32" for name in names)))
    assert lists(table) == {name: [i] for i, name in enumerate(names)}
    server.sql(f"DROP TABLE IF EXISTS odd_names; CREATE TABLE odd_names AS SELECT {values}")
    layer = tlo.PostgresLookup(server.dsn, "odd_names", "tlo_at", names)
    np.testing.assert_array_equal(layer(tf.constant([3, 4])), [[*range(10)], [np.nan] * 10])


def test_a_name_that_postgresql_cuts_short_is_none_of_the_query(server):
    long = "a" * 64
    said = refusal(server.dsn, f"SELECT 1 AS {long[:63]}", f"{long}:int32")
    assert said.startswith(f"{server.where}: column '{long}': the query does not return it.")


@pytest.mark.parametrize(
    "setting",
    ["standard_conforming_strings=off", "bytea_output=escape", "array_nulls=off", "quote_all_identifiers=on",
     "extra_float_digits=-15", "plpgsql.extra_errors=all", "DateStyle=German", "IntervalStyle=sql_standard"],
)  # fmt: skip
def test_settings_of_a_role_change_nothing(server, setting):
    dsn = with_setting(server, setting)
    columns = schema("id:int64", "price:float64", "b:string", "t:float64")
    columns = tlo.Schema((*columns, tlo.Column("bad", "int32", default=-1)))
    query = "SELECT id, price / 3 AS price, decode('00ff5c27', 'hex') AS b, timestamp '1970-01-02' AS t, CASE id WHEN "
    query += "3 THEN 0.5 END AS bad FROM items WHERE name = ANY (:names) ORDER BY id"
    table = tlo.read_postgres(dsn, query, columns, params={"names": ["tea", "pot", "it's"]}, on_bad_row="null")
    assert {name: values.numpy().tolist() for name, values in table.columns.items()} == {
        "id": [1, 3], "price": [4.5 / 3, 20 / 3], "b": [b"\x00\xff\\'"] * 2, "t": [86400.0] * 2, "bad": [-1, -1],
    }  # fmt: skip
    assert int(table.counts["bad_rows"]) == 1
    keys = tf.constant([b"tea", b"a\0b", b"\xff", b"NULL", b"x\\'"])
    prices = tlo.PostgresLookup(dsn, "items", "name", ["price"])(keys)
    np.testing.assert_array_equal(prices[:, 0], [4.5, *[np.nan] * 4])


def test_backslashes_beside_parameters(server):
    dsn = with_setting(server, "standard_conforming_strings=off")
    query = r"SELECT 'it\'s :k' AS s, :k AS k"
    assert refusal(dsn, query, "k:int64", params={"k": 1}) == (
        f"{server.where}: the server has standard_conforming_strings off, so nobody can tell what a backslash does to "
        f"the texts beside the parameters. Turn it on for this role, or leave backslashes out: {query}"
    )


SHADOWS = """
DROP SCHEMA IF EXISTS other CASCADE; CREATE SCHEMA other;
CREATE FUNCTION other.substr(text, int) RETURNS text LANGUAGE sql AS $$ SELECT 'other'::text $$;
CREATE FUNCTION other.replace(text, text, text) RETURNS text LANGUAGE sql AS $$ SELECT 'other'::text $$;
CREATE FUNCTION other.octet_length(bytea) RETURNS int LANGUAGE sql AS $$ SELECT 0 $$;
CREATE FUNCTION other.float8send(float8) RETURNS bytea LANGUAGE sql AS $$ SELECT 'otherone'::bytea $$;
CREATE FUNCTION other.trunc(numeric) RETURNS numeric LANGUAGE sql AS $$ SELECT $1 $$;
CREATE FUNCTION other.decode(text, text) RETURNS bytea LANGUAGE sql AS $$ SELECT 'SELECT 7 AS price'::bytea $$;
CREATE FUNCTION other.lower(text) RETURNS text LANGUAGE sql AS $$ SELECT 'theirs'::text $$;
"""


def test_functions_of_a_search_path_take_no_part(server):
    server.sql(SHADOWS)
    dsn = with_setting(server, "search_path=other,public,pg_catalog")
    query = "SELECT price, lower(name) AS name FROM items WHERE name <> :name ORDER BY id"
    table = tlo.read_postgres(dsn, query, schema("price:float64", "name:string"), params={"name": "x"})
    assert lists(table) == {"price": [4.5, None, 20.0], "name": ["theirs"] * 3}  # the query's own means what it says
    assert "cannot read a numeric 0.5 as int64" in refusal(dsn, "SELECT 0.5 AS v", "v:int64")
    assert tlo.infer_schema((dsn, "SELECT price FROM items")).names == ["price"]
    assert tlo.PostgresLookup(dsn, "items", "name", ["price"])(tf.constant(["tea"])).numpy().tolist() == [[4.5]]


@pytest.fixture(scope="module")
def encodings(server):
    """Databases whose text is not UTF-8."""
    for name, encoding in (("latin", "LATIN1"), ("bytes", "SQL_ASCII")):
        server.sql(f"DROP DATABASE IF EXISTS {name}", user="admin", db="postgres")
        server.sql(f"CREATE DATABASE {name} OWNER clerk ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0",
                   user="admin", db="postgres")  # fmt: skip
    server.sql("CREATE TABLE t AS SELECT 'café' AS k, 1 AS v", db="latin")
    # An é of Latin-1, which is no UTF-8; the database does not know better.
    server.sql("CREATE TABLE t AS SELECT E'caf\\351' AS k, 1 AS v", db="bytes")
    return {name: server.dsn.replace("/shop", f"/{name}") for name in ("latin", "bytes")}


def test_text_of_another_encoding(server, encodings):
    table = tlo.read_postgres(encodings["latin"], "SELECT k, v FROM t WHERE k = :k", schema("k:string", "v:int64"),
                              params={"k": "café"})  # fmt: skip
    assert lists(table) == {"k": ["café"], "v": [1]}
    where = server.where.replace("/shop", "/latin")
    assert refusal(encodings["latin"], "SELECT k FROM t", "日:string") == (
        f'{where}: PostgreSQL says: character with byte sequence 0xe6 0x97 0xa5 in encoding "UTF8" has no equivalent '
        'in encoding "LATIN1" (22P05). Correct the query: SELECT k FROM t'
    )


def test_bytes_that_are_no_text(server, encodings):
    where = server.where.replace("/shop", "/bytes")
    assert refusal(encodings["bytes"], "SELECT k FROM t", "k:string") == (
        f'{where}: PostgreSQL says: invalid byte sequence for encoding "UTF8": 0xe9 (22021). Correct the query: SELECT '
        "k FROM t"
    )
    assert refusal(encodings["bytes"], "SELECT k::int AS v FROM t", "v:int64") == (
        f'{where}: PostgreSQL says: invalid input syntax for type integer: "caf?" (22P02). Correct the query: SELECT '
        "k::int AS v FROM t"
    )


TIMES = [
    ("'9999-12-31 23:59:59'::timestamp", 253402300799),
    ("date '0044-03-15 BC'", -63517824000),
    ("timestamptz '2020-01-01 00:00:01+05:45'", 1577816101),
    ("date '5874897-12-31'", 185331706992000),
]


@pytest.mark.parametrize(("value", "seconds"), TIMES)
def test_times_far_away(server, value, seconds):
    table = tlo.read_postgres(server.dsn, f"SELECT {value} AS a, {value} AS b", schema("a:int64", "b:float64"))
    assert lists(table) == {"a": [seconds], "b": [float(seconds)]}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("timestamp '9999-12-31 23:59:59.999999'", "cannot read a date or timestamp 9999-12-31 23:59:59.999999 as"),
        ("'infinity'::date", "a date or timestamp infinity is out of range for"),
        ("'-infinity'::timestamptz", "a date or timestamp -infinity is out of range for"),
        ("9223372036854775807.5", "cannot read a numeric 9223372036854775807.5 as"),
    ],
)
def test_what_no_integer_stands_for(server, value, text):
    assert f"row 1, column 'v': {text} int64. " in refusal(server.dsn, f"SELECT {value} AS v", "v:int64")


def test_1600_columns(server):
    values = ", ".join(f"'t{i}' AS c{i}" if i % 2 else f"{i} AS c{i}" for i in range(1600))
    columns = schema(*(f"c{i}:string" if i % 2 else f"c{i}:float32" for i in range(1600)))
    table = tlo.read_postgres(server.dsn, f"SELECT {values}", columns)
    for i in (0, 1, 31, 32, 798, 799, 1598, 1599):
        assert lists(table)[f"c{i}"] == [f"t{i}" if i % 2 else float(i)]
