"""What comes back: every type, exactly, whatever the size of the result."""

from __future__ import annotations

import hashlib
import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from sql.databases import counts, lists, plain

import tf_loadops as tlo

pytestmark = pytest.mark.io

NUMBERS = tlo.Schema([tlo.Column("a", "float64"), tlo.Column("b", "float32"), tlo.Column("c", "int64", default=-1),
                      tlo.Column("d", "int32", default=-1)])  # fmt: skip
MIXED = tlo.Schema([tlo.Column("s", "string"), tlo.Column("x", "float64"), tlo.Column("ok", "bool", default=False),
                    tlo.Column("t", "string")])  # fmt: skip
PRICE = tlo.Schema([tlo.Column("price", "float32")])


def numbers(server, value, on_bad_row="raise"):
    """One value as each dtype."""
    query = "SELECT v AS a, v AS b, v AS c, v AS d FROM (SELECT " + value + " AS v) AS x"
    table = tlo.read_postgres(server.dsn, query, NUMBERS, on_bad_row=on_bad_row)
    return [plain(table.columns[name])[0] for name in "abcd"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("(-32768)::smallint", [-32768.0, -32768.0, -32768, -32768]),
        ("2147483647", [2147483647.0, 2147483648.0, 2147483647, 2147483647]),
        ("16777217::bigint", [16777217.0, 16777216.0, 16777217, 16777217]),
        ("1.5::real + 0.5::real", [2.0, 2.0, 2, 2]),
        ("'-0'::double precision", [-0.0, -0.0, 0, 0]),
        ("-7.0::numeric(5,2)", [-7.0, -7.0, -7, -7]),
        ("true", [1.0, 1.0, 1, 1]),
        ("date '1970-01-02'", [86400.0, 86400.0, 86400, 86400]),
        ("timestamp '2001-09-09 01:46:40'", [1e9, 1e9, 10**9, 10**9]),
        ("timestamptz '1969-12-31 23:59:59+00'", [-1.0, -1.0, -1, -1]),
        ("NULL::integer", [None, None, -1, -1]),
        ("NULL::numeric", [None, None, -1, -1]),
    ],
)
def test_numbers(server, value, expected):
    assert numbers(server, value) == expected


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("2.5::double precision", "column 'c': cannot read a double precision 2.5 as int64"),
        ("timestamp '1970-01-01 00:00:00.25'",
         "column 'c': cannot read a date or timestamp 1970-01-01 00:00:00.25 as int64"),
        ("3e9::bigint", "column 'd': an integer 3000000000 is out of range for int32"),
        ("1e39::double precision", "column 'b': a double precision 1e+39 is out of range for float32"),
        ("'1e400'::numeric", "column 'a': a numeric 1" + "0" * 69 + "... is out of range for float64"),
        ("'NaN'::real", "column 'c': cannot read a real NaN as int64"),
        ("'-Infinity'::double precision", "column 'c': a double precision -Infinity is out of range for int64"),
    ],
)  # fmt: skip
def test_numbers_that_do_not_fit(server, value, text):
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        numbers(server, value)
    advice = "Correct the value, CAST it in the query"
    if "range" in text:
        advice = "Declare a wider dtype, correct the value"
    assert caught.value.message == (
        f"{server.where}: row 1, {text}. {advice}, or pass on_bad_row=\"skip\" or \"null\"."
    )


def test_what_does_not_fit_is_missing_if_so_chosen(server):
    assert numbers(server, "2.5::double precision", "null") == [2.5, 2.5, -1, -1]
    query = "SELECT v AS a, v AS b, v AS c, v AS d FROM (VALUES (1.0::float8), (1e300), (3.5), (NULL), (4)) AS x(v)"
    null = tlo.read_postgres(server.dsn, query, NUMBERS, on_bad_row="null")
    assert lists(null)["b"] == [1.0, None, 3.5, None, 4.0]
    assert lists(null)["c"] == [1, -1, -1, -1, 4]
    assert counts(null) == {"rows": 5, "bad_rows": 2, "missing": 9, "bytes": 5 * 24}
    skip = tlo.read_postgres(server.dsn, query, NUMBERS, on_bad_row="skip")
    assert lists(skip)["d"] == [1, -1, 4]
    assert counts(skip) == {"rows": 3, "bad_rows": 2, "missing": 4, "bytes": 3 * 24}


def test_the_first_bad_value_is_named(server):
    query = (
        "SELECT i AS a, i AS b, CASE i WHEN 40 THEN 0.5 WHEN 30 THEN 2.0 END AS c, CASE WHEN i > 33 THEN 1e10 END AS d "
        "FROM generate_series(1, 50) AS i"
    )
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        tlo.read_postgres(server.dsn, query, NUMBERS)
    assert "row 34, column 'd': a numeric 10000000000 is out of range for int32. Declare" in caught.value.message


def nearest(value: Fraction) -> float:
    """The float32 that is nearest to a fraction, an even one of two."""
    with np.errstate(over="ignore"):
        guess = np.float32(float(value))
        around = [np.nextafter(guess, np.float32(-np.inf)), guess, np.nextafter(guess, np.float32(np.inf))]
    around = [one for one in around if np.isfinite(one)]
    return min(around, key=lambda one: (abs(Fraction(float(one)) - value), int(one.view(np.uint32)) & 1))


HARD = ["0.1", "-0.1", "1e-45", "7.0064923216240853e-46", "7.0064923216240854e-46", "3.4028235677973366e38", "16777217",
        "16777219", "1.00000005960464477539062500000001", "9007199254740993", "9007199254740992.99999999999999999",
        "123456789.123456789123456789", "1e-320", "2.2250738585072011e-308", "1e22", "1e23", "0",
        "3.40282356779733661637539395458142568447e38"]  # fmt: skip


def test_numerics_are_correctly_rounded(server):
    rows = ", ".join(f"('{text}'::numeric)" for text in HARD)
    query = f"SELECT v AS a, v AS b, 0 AS c, 0 AS d FROM (VALUES {rows}) AS x(v)"
    table = tlo.read_postgres(server.dsn, query, NUMBERS, on_bad_row="null")
    assert table.columns["a"].numpy().tolist() == [float(text) for text in HARD]
    limit = (2**25 - 1) * Fraction(2) ** 103
    exact = [Fraction(Decimal(text)) for text in HARD]
    expected = [math.nan if value >= limit else nearest(value) for value in exact]
    np.testing.assert_array_equal(table.columns["b"], np.array(expected, np.float32))


ECHO = "SELECT x AS a, x AS b, 0 AS c, 0 AS d FROM (SELECT :x AS x) AS y"
EDGES = [5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 1e22, 1e-45, 3e-46, 3.4028235677973366e38]


@settings(max_examples=40)
@given(value=st.floats() | st.sampled_from(EDGES))
def test_reals_are_exact(server, value):
    params = {"x": value}
    table = tlo.read_postgres(server.dsn, ECHO, NUMBERS, params=params, on_bad_row="null")
    got = table.columns["a"].numpy()[0]
    assert got.tobytes() == np.float64(value).tobytes() or (math.isnan(value) and math.isnan(got))
    with np.errstate(over="ignore"):
        rounded = np.float32(value)
    if np.isinf(rounded) and not math.isinf(value):
        assert counts(table)["bad_rows"] == 1
    else:
        np.testing.assert_array_equal(table.columns["b"].numpy(), [rounded])


def mixed(server, rows):
    return tlo.read_postgres(server.dsn, f"SELECT * FROM (VALUES {rows}) AS x(s, x, ok, t)", MIXED)


def test_texts(server):
    rows = "('tea', 1, true, ''), (NULL, NULL, NULL, E'it''s\\n\\t\\\\ \"q\"'), ('', 2, false, 'ÆØ 🫖'), "
    rows += "('NULL', 3, true, NULL)"
    table = mixed(server, rows)
    assert lists(table) == {
        "s": ["tea", "", "", "NULL"], "x": [1.0, None, 2.0, 3.0], "ok": [True, False, False, True],
        "t": ["", "it's\n\t\\ \"q\"", "ÆØ 🫖", ""],
    }  # fmt: skip
    assert table.validity["s"].numpy().tolist() == [True, False, True, True]
    assert table.validity["t"].numpy().tolist() == [True, True, True, False]
    assert table.validity["ok"].numpy().tolist() == [True, False, True, True]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("'ab'::varchar(5)", b"ab"),
        ("'ab'::char(4)", b"ab"),
        ("'ab'::name", b"ab"),
        ("'a'::\"char\"", b"a"),
        ("'{\"b\": [1, null], \"a\": 2}'::jsonb", b'{"a": 2, "b": [1, null]}'),
        ("'{\"b\":1}'::json", b'{"b":1}'),
        ("'123E4567-e89b-12d3-a456-426614174000'::uuid", b"123e4567-e89b-12d3-a456-426614174000"),
        ("'\\x00ff0a27'::bytea", b"\x00\xff\n'"),
        ("'\\x'::bytea", b""),
    ],
)
def test_kinds_of_text(server, value, expected):
    table = mixed(server, f"({value}, 0, true, 'x')")
    assert table.columns["s"].numpy().tolist() == [expected]


def test_text_as_numbers(server):
    """README's two expressions; the hash is md5's of hashlib."""
    cities = ["Oslo", "Rome", "Bergen", None, "Rome"]
    rows = ", ".join("(NULL)" if city is None else f"('{city}')" for city in cities)
    query = "SELECT array_position(ARRAY['Oslo', 'Rome'], city) AS a, ('x' || left(md5(city), 8))::bit(32)::bigint % "
    query += f"1000 AS b FROM (VALUES {rows}) AS x(city)"
    schema = tlo.Schema([tlo.Column("a", "int64", default=0), tlo.Column("b", "int64", default=-1)])
    table = tlo.read_postgres(server.dsn, query, schema)
    hashed = [-1 if c is None else int(hashlib.md5(c.encode()).hexdigest()[:8], 16) % 1000 for c in cities]
    assert lists(table) == {"a": [1, 2, 0, 0, 2], "b": hashed}


def test_enum_and_domain(server):
    server.sql("CREATE TYPE mood AS ENUM ('glad', 'sad'); CREATE DOMAIN coin AS integer; "
               "CREATE DOMAIN cents AS coin CHECK (VALUE >= 0)")  # fmt: skip
    table = mixed(server, "('sad'::mood, 5::cents, true, 'x')")
    assert (lists(table)["s"], lists(table)["x"]) == (["sad"], [5.0])
    assert tlo.infer_schema((server.dsn, "SELECT 'sad'::mood AS m, 5::cents AS c")).names == ["m", "c"]


# An answer of up to 72,000 bytes comes in another way than a longer one; 32 bytes are its head.
@pytest.mark.parametrize("size", [71_900, 71_940, 71_947, 71_948, 71_949, 71_950, 71_955, 72_001, 1_000_003])
def test_sizes_of_answers(server, size):
    table = mixed(server, f"(repeat('ab', {size // 2}) || '{'c' * (size % 2)}', 1, true, 'end')")
    assert table.columns["s"].numpy()[0] == b"ab" * (size // 2) + b"c" * (size % 2)
    assert lists(table)["t"] == ["end"]


def test_no_rows(server):
    table = tlo.read_postgres(server.dsn, "SELECT NULL::text AS s, 1 AS x, true AS ok, 'x' AS t WHERE false", MIXED)
    assert lists(table) == {"s": [], "x": [], "ok": [], "t": []}
    assert counts(table) == {"rows": 0, "bad_rows": 0, "missing": 0, "bytes": 0}


def test_100_000_rows(server):
    query = (
        "SELECT CASE WHEN i % 7 <> 0 THEN 'n' || i END AS s, i / 8.0::float8 AS x, i % 2 = 0 AS ok, chr(65 + i % 26) "
        "AS t "
        "FROM generate_series(0, 99999) AS i ORDER BY i DESC"
    )
    table = tlo.read_postgres(server.dsn, query, MIXED)
    i = np.arange(99_999, -1, -1)
    np.testing.assert_array_equal(table.columns["x"], i / 8)
    np.testing.assert_array_equal(table.columns["ok"], i % 2 == 0)
    np.testing.assert_array_equal(table.validity["s"], i % 7 != 0)
    assert table.columns["s"].numpy().tolist() == [b"n%d" % k if k % 7 else b"" for k in i.tolist()]
    assert table.columns["t"].numpy().tolist() == [b"%c" % (65 + k % 26) for k in i.tolist()]
    assert counts(table)["missing"] == 14_286


def test_many_columns(server):
    names = [f"c{i}" for i in range(70)]
    schema = tlo.Schema([tlo.Column(name, "float32") for name in names])
    values = ", ".join(f"NULLIF({i}, 33 + r) AS {name}" for i, name in enumerate(names))
    table = tlo.read_postgres(server.dsn, f"SELECT {values} FROM generate_series(0, 1) AS r", schema)
    for i, name in enumerate(names):
        assert lists(table)[name] == [None if i == 33 + r else float(i) for r in range(2)]


def test_odd_names(server):
    names = ['we"ird', "Ünï 'q' \\ $tlo$", "SELECT", "a.b", "x\ny"]
    schema = tlo.Schema([tlo.Column(name, "float64") for name in names])
    values = ", ".join(f"{i} AS " + '"' + name.replace('"', '""') + '"' for i, name in enumerate(names))
    assert lists(tlo.read_postgres(server.dsn, f"SELECT {values}", schema)) == {n: [i] for i, n in enumerate(names)}


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("SELECT interval '1 day' AS price", "column 'price': the query gives interval, which is not read as float32. "
         "Declare another dtype, or CAST it in the query: SELECT interval '1 day' AS price"),
        ("SELECT ARRAY[1] AS price", "column 'price': the query gives integer[], which is not read as float32. Declare "
         "another dtype, or CAST it in the query: SELECT ARRAY[1] AS price"),
        ("SELECT 'x' AS price", "column 'price': the query gives text, which is not read as float32. Declare another "
         "dtype, or CAST it in the query: SELECT 'x' AS price"),
        ("SELECT 1 AS prise", "column 'price': the query does not return it. Correct the schema, or the query: "
         "SELECT 1 "
         "AS prise"),
        ("SELECT 1 AS price, 2 AS price", "column 'price': the query returns it more than once, and nobody can tell "
         "which "
         "is meant. Rename the others with AS: SELECT 1 AS price, 2 AS price"),
        ("SELECT prise FROM items", "PostgreSQL says: column \"prise\" does not exist (42703). Correct the query: "
         "SELECT "
         "prise FROM items"),
        ("SELEC 1", "PostgreSQL says: syntax error at or near \"SELEC\" (42601). Correct the query: SELEC 1"),
        ("SELECT 1/(id-2) AS price FROM items", "PostgreSQL says: division by zero (22012). Correct the query: SELECT "
         "1/(id-2) AS price FROM items"),
        ("", "PostgreSQL says: cannot open multi-query plan as cursor (42P11). Give one SELECT, and nothing else: "),
        ("SELECT 1 AS price\0", "the query is not UTF-8 text, or holds a NUL. Correct it: SELECT 1 AS price\\0"),
        (b"SELECT '\xff' AS price", "the query is not UTF-8 text, or holds a NUL. Correct it: SELECT '?' AS price"),
    ],
)  # fmt: skip
def test_queries_that_are_refused(server, query, text):
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        tlo.read_postgres(server.dsn, query, PRICE)
    assert caught.value.message == f"{server.where}: {text}"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT 1.5 AS price;  ", [1.5]),
        ("TABLE items", [4.5, None, 20.0]),
        ("SELECT 1 AS price -- ;", [1.0]),
        ("WITH x AS (SELECT 2 AS price) SELECT * FROM x", [2.0]),
        ("(SELECT 1 AS price)", [1.0]),
        ("SELECT price FROM (VALUES (7)) AS x(price)", [7.0]),
    ],
)
def test_forms_of_queries(server, query, expected):
    assert lists(tlo.read_postgres(server.dsn, query, PRICE))["price"] == expected


def test_infer_schema(server):
    query = "SELECT *, price IS NULL AS free, now() AS at, NULLIF(id, 1) AS gap FROM items"
    schema = tlo.infer_schema((server.dsn, query))
    assert [(c.name, c.dtype) for c in schema] == [
        ("id", "int64"), ("name", "string"), ("price", "float64"), ("count", "int64"), ("free", "bool"),
        ("at", "float64"), ("gap", "float64"),
    ]  # fmt: skip
    assert schema.origin == f"inferred from all 3 rows of {query} in {server.where}"
    assert tlo.infer_schema((server.dsn, "SELECT count FROM items"), sample_rows=1).origin == (
        f"inferred from the first 1 rows of SELECT count FROM items in {server.where}"
    )
    empty = tlo.infer_schema((server.dsn, "SELECT * FROM items WHERE false"))
    assert [c.dtype for c in empty] == ["int64", "string", "float64", "int64"]


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("SELECT interval '1 day' AS i", "column 'i': the query gives interval, which no dtype stands for. CAST it "
         "in the "
         "query: to text, or to a number."),
        ("VALUES (NULL), (9007199254740993)", "column 'column1': it holds integers beyond 2^53 beside NULL, and a "
         "float64 "
         "would round them. Declare Column(..., 'int64', default=...), or leave the NULLs out in the query."),
        ("SELECT 1 AS a, 2 AS a", "column 'a': the query returns it more than once, and nobody can tell which is "
         "meant. "
         "Rename the others with AS: SELECT 1 AS a, 2 AS a"),
        ("SELECT", "the query returns no columns. Name some: SELECT"),
    ],
)  # fmt: skip
def test_infer_schema_refuses(server, query, text):
    with pytest.raises(tlo.LoadError) as caught:
        tlo.infer_schema((server.dsn, query))
    assert str(caught.value) == f"{server.where}: {text}"
