"""snapshot: rows into files, whole or not at all; it takes no tensorflow-io."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import sys
import threading
import time

import numpy as np
import pytest
from sql.databases import lists

import tf_loadops as tlo
from tf_loadops.cli import main

from .server import SECRET

EVERY = (
    "SELECT 1::int2 AS i2, -2::int4 AS i4, 9007199254740993::int8 AS i8, 1.1::float4 AS f4, 0.1::float8 AS f8, "
    "'Infinity'::float8 AS inf, 1.25 AS num, true AS ok, 'it''s, \"x\"' || E'\\n2' AS s, timestamp '1970-01-01 "
    "00:00:01.5' AS t, "
    "'123e4567-e89b-12d3-a456-426614174000'::uuid AS u UNION ALL "
    "SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '', NULL, NULL UNION ALL "
    "SELECT 0::int2, 0, -9223372036854775808, 'NaN', '-0', 1e-320, -1e-7, false, 'Ærø', date '1970-01-02', NULL"
)
NAMES = ["i2", "i4", "i8", "f4", "f8", "inf", "num", "ok", "s", "t", "u"]
ROWS = [
    (1, -2, 9007199254740993, np.float32(1.1).item(), 0.1, float("inf"), 1.25, True, "it's, \"x\"\n2", 1.5,
     "123e4567-e89b-12d3-a456-426614174000"),
    (None, None, None, None, None, None, None, None, "", None, None),
    (0, 0, -(2**63), float("nan"), -0.0, 1e-320, -1e-7, False, "Ærø", 86400.0, None),
]  # fmt: skip


def same(got, expected):
    return repr([tuple(row) for row in got]) == repr(expected)  # tells -0.0 from 0.0, True from 1, and takes NaN


def test_parquet(server, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    query = f"SELECT *, '\\x00ff'::bytea AS b FROM ({EVERY}) AS x"
    assert tlo.snapshot(server.dsn, query, tmp_path / "a.parquet") == 3
    table = parquet.read_table(tmp_path / "a.parquet")
    assert table.column_names == [*NAMES, "b"]
    assert same([row.values() for row in table.to_pylist()], [(*row, b"\x00\xff") for row in ROWS])
    kinds = [str(kind) for kind in table.schema.types]
    assert kinds == ["int16", "int32", "int64", "float", "double", "double", "double", "bool", "large_string", "double",
                     "large_string", "large_binary"]  # fmt: skip


def test_db(server, tmp_path):
    query = f"SELECT *, '\\x00ff'::bytea AS b FROM ({EVERY}) AS x"
    assert tlo.snapshot(server.dsn, query, tmp_path / "a.db") == 3
    with contextlib.closing(sqlite3.connect(tmp_path / "a.db")) as db:
        rows = db.execute("SELECT * FROM snapshot").fetchall()
    # SQLite has no NaN, no negative zero and no bool.
    plain = [tuple(None if v != v else int(v) if isinstance(v, bool) else v or abs(v) if isinstance(v, float) else v
                   for v in row) for row in ROWS]  # fmt: skip
    assert same(rows, [(*row, b"\x00\xff") for row in plain])
    schema = tlo.infer_schema((tmp_path / "a.db", "SELECT f8, s, ok FROM snapshot WHERE ok IS NOT NULL"))
    assert [column.dtype for column in schema] == ["float64", "string", "bool"]


def test_csv(server, tmp_path):
    assert tlo.snapshot(server.dsn, EVERY, tmp_path / "a.csv") == 3
    dtypes = ["int32", "int32", "int64", "float32", *["float64"] * 3, "bool", "string", "float64", "string"]
    defaults = [-1, -1, -1, None, None, None, None, False, None, None, None]
    columns = [tlo.Column(n, dtype, default=d) for n, dtype, d in zip(NAMES, dtypes, defaults, strict=True)]
    table = tlo.read_csv(tmp_path / "a.csv", tlo.Schema(columns))
    got = lists(table)
    assert (got["i8"], got["i2"], got["ok"]) == ([9007199254740993, -1, -(2**63)], [1, -1, 0], [True, False, False])
    assert (got["f8"], got["num"], got["t"]) == ([0.1, None, 0.0], [1.25, None, -1e-7], [1.5, None, 86400.0])
    assert got["inf"] == [float("inf"), None, 1e-320]
    assert got["s"] == ["it's, \"x\"\n2", "", "Ærø"]
    assert table.validity["ok"].numpy().tolist() == [True, False, True]


@pytest.mark.parametrize("ending", ["csv", "db", "parquet"])
def test_one_column_keeps_its_missing_values(server, tmp_path, ending):
    query = "SELECT NULLIF(i % 3, 0)::float8 AS x FROM generate_series(1, 30000) AS i"
    path = tmp_path / f"a.{ending}"
    if ending == "parquet":
        pytest.importorskip("pyarrow")
    assert tlo.snapshot(server.dsn, query, path) == 30_000
    expected = [float(i % 3) or None for i in range(1, 30_001)]
    if ending == "parquet":
        import pyarrow.parquet

        got = pyarrow.parquet.read_table(path)["x"].to_pylist()
    elif ending == "db":
        got = lists(tlo.read_sqlite(path, "SELECT x FROM snapshot", tlo.Schema([tlo.Column("x", "float64")])))["x"]
    else:
        got = lists(tlo.read_csv(path, tlo.Schema([tlo.Column("x", "float64")])))["x"]
    assert got == expected


@pytest.mark.parametrize("ending", ["csv", "db", "parquet"])
def test_no_rows(server, tmp_path, ending):
    if ending == "parquet":
        pytest.importorskip("pyarrow")
    path = tmp_path / f"a.{ending}"
    assert tlo.snapshot(server.dsn, "SELECT 1.5 AS x, 'a' AS s WHERE false", path) == 0
    if ending == "csv":
        assert path.read_text() == "x,s\n"
    elif ending == "parquet":
        import pyarrow.parquet

        assert pyarrow.parquet.read_table(path).to_pydict() == {"x": [], "s": []}


def test_memory_is_bounded(server, tmp_path):
    """A hundred times as many rows take no more of it."""
    resource = pytest.importorskip("resource")
    query = "SELECT i AS a, repeat('x', 200) AS s FROM generate_series(1, {}) AS i"
    for ending in ("csv", "db"):
        tlo.snapshot(server.dsn, query.format(3_000), tmp_path / f"small.{ending}")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for ending in ("csv", "db"):  # Arrow keeps what it once had
        assert tlo.snapshot(server.dsn, query.format(300_000), tmp_path / f"large.{ending}") == 300_000
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert (tmp_path / "large.csv").stat().st_size > 60_000_000
    assert grown < 45_000_000


def test_the_file_is_there_when_it_is_whole(server, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("precious")
    with pytest.raises(tlo.LoadError) as caught:
        tlo.snapshot(server.dsn, "SELECT 1 AS x", path)
    assert str(caught.value) == f"{path}: there is such a file already. Pass overwrite=True to replace it."
    seen = set()
    done = threading.Event()

    def watch():
        while not done.is_set():
            seen.add(path.read_text()[:8])
            time.sleep(0.001)

    watcher = threading.Thread(target=watch)
    watcher.start()
    query = "SELECT i AS x FROM generate_series(1, 200000) AS i"
    assert tlo.snapshot(server.dsn, query, path, overwrite=True) == 200_000
    done.set()
    watcher.join()
    assert seen <= {"precious", "x\n1\n2\n3\n"}
    assert os.listdir(tmp_path) == ["a.csv"]
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask


PLACE = "postgresql://127.0.0.1:{port}/shop"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"query": "SELECT 1 / (3 - i) AS x FROM generate_series(1, 5) AS i"},
         f"{PLACE}: PostgreSQL says: division by zero (22012). Correct the query, or call again."),
        ({"query": "SELECT 1 AS x; SELECT 2 AS x"}, f"{PLACE}: PostgreSQL says: cannot insert multiple commands into a "
         "prepared statement. Correct the query: SELECT 1 AS x; SELECT 2 AS x"),
        ({"query": "DELETE FROM items"}, f"{PLACE}: the query returns no columns. Give one SELECT: DELETE FROM items"),
        ({"query": "DELETE FROM items RETURNING id"}, f'{PLACE}: PostgreSQL says: syntax error at or near "FROM" '
         f'(42601). '
         "Correct the query, or call again."),
        ({"query": "SELECT nextval('items_seq') AS x"}, f"{PLACE}: PostgreSQL says: cannot execute nextval() in a "
         f"read-only "
         "transaction (25006). Correct the query, or call again."),
        ({"query": "SELECT interval '1 day' AS x"}, f"{PLACE}: column 'x': the query gives interval, which no dtype "
         f"stands "
         "for. CAST it in the query: to text, or to a number."),
        ({"query": "SELECT 1 AS x, 2 AS x"}, f"{PLACE}: column 'x': the query returns it more than once, and nobody "
         f"can tell "
         "which is meant. Rename the others with AS."),
        ({"query": "SELECT 'a'::bytea AS x"}, "{path}: column 'x' is bytea, which .csv does not hold. Write .db or "
         ".parquet, "
         "or encode() it in the query."),
        ({"source": "postgresql://locked:Wr0ng@127.0.0.1:{port}/shop"}, f"{PLACE}: connection failed: connection to "
         f"server "
         'at "127.0.0.1", port {port} failed: FATAL: password authentication failed for user "locked". Check the '
         'address, '
         "the server, and what lets this user in."),
        ({"source": "postgresql://locked:Wr0%ng@127.0.0.1:{port}/shop"}, f"{PLACE}: no address that libpq could "
         f"read. Write "
         "postgresql://user@host:port/database, special characters as %XX; it is not shown whole, for it may hold a "
         "password."),
        ({"source": "shop.db"}, "The source of a snapshot is an address that begins with postgresql://."),
        ({"target": "a.txt"}, "{folder}/a.txt: a snapshot is written as one of .parquet, .db, .csv. Name the file "
         "accordingly."),
        ({"target": "none/a.csv"}, "{folder}/none/a.csv: there is no such directory. Make it first."),
    ],
)  # fmt: skip
def test_what_is_refused_leaves_nothing(server, tmp_path, arguments, text, monkeypatch):
    monkeypatch.chdir(tmp_path)
    server.sql("CREATE SEQUENCE IF NOT EXISTS items_seq")
    arguments = {"source": server.dsn, "query": "SELECT 1 AS x", "target": "a.csv", **arguments}
    arguments["source"] = arguments["source"].replace("{port}", str(server.port))
    with pytest.raises(tlo.LoadError) as caught:
        tlo.snapshot(**arguments)
    said = {"{port}": str(server.port), "{path}": str(tmp_path / "a.csv"), "{folder}": str(tmp_path)}
    for mark, value in said.items():
        text = text.replace(mark, value)
    assert str(caught.value) == text
    assert os.listdir(tmp_path) == []
    assert server.sql("SELECT count(*) FROM items") == [(3,)]
    assert server.quiet()


def test_domains_and_enums(server, tmp_path):
    server.sql("DROP DOMAIN IF EXISTS grams; CREATE DOMAIN grams AS integer; DROP TYPE IF EXISTS size; "
               "CREATE TYPE size AS ENUM ('S', 'L')")  # fmt: skip
    assert tlo.snapshot(server.dsn, "SELECT 5::grams AS g, 'L'::size AS s", tmp_path / "a.csv") == 1
    assert (tmp_path / "a.csv").read_text() == "g,s\n5,L\n"


def test_command(server, tmp_path, capsys, monkeypatch):
    path = str(tmp_path / "a.csv")
    monkeypatch.setenv("PGPASSWORD", SECRET)
    server.sql("GRANT SELECT ON items TO locked")
    address = f"postgresql://locked@127.0.0.1:{server.port}/shop"
    query = "SELECT id, name FROM items ORDER BY id"
    assert main(["snapshot", address, query, path]) == 0
    assert capsys.readouterr() == (f"{path}: 3 rows\n", "")
    assert (tmp_path / "a.csv").read_text() == "id,name\n1,tea\n2,cup\n3,pot\n"
    assert main(["snapshot", address, query, path]) == 1
    assert capsys.readouterr() == ("", f"Error: {path}: there is such a file already. Pass overwrite=True to replace "
    f"it.\n")
    assert main(["snapshot", address, query, path, "--overwrite"]) == 0
    assert capsys.readouterr().err == ""


def read_back(path):
    if path.suffix == ".csv":
        return path.read_text(encoding="utf-8")
    if path.suffix == ".parquet":
        return [tuple(row.values()) for row in pytest.importorskip("pyarrow.parquet").read_table(path).to_pylist()]
    with contextlib.closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT * FROM snapshot").fetchall()


@pytest.mark.parametrize("ending", ["csv", "db", "parquet"])
def test_params(server, tmp_path, ending):
    """The same values as psycopg finds, and texts that look like SQL are texts."""
    names = ["tea", "it's", "a\\b", "%s", "$1", "'); DROP TABLE items; --", "Ærø", "", "{a,b}", "NULL"]
    params = {"names": names, "least": 2, "price": 0.1, "is": True, "none": [], "id": [1, 3], "floats": [0.1, 1e300]}
    query = """SELECT n, :least + id AS id, :price AS price, :is AS ok, ':least' AS s, 'a%b' AS "p%" FROM items,
        unnest(ARRAY['tea', 'it''s', E'a\\\\b', '%s', '$1', chr(39) || '); DROP TABLE items; --', 'Ærø', '', '{a,b}',
        'NULL', 'other']) AS y(n) WHERE n IN (:names) AND id = ANY (:id) AND id NOT IN (:none)
        AND 1e300 = ANY (:floats) AND 0.1::float8 IN (:floats) ORDER BY id, n COLLATE "C" """
    path = tmp_path / f"a.{ending}"
    assert tlo.snapshot(server.dsn, query, path, params=params) == 20
    expected = [(name, i + 2, 0.1, True, ":least", "a%b") for i in (1, 3) for name in sorted(names, key=str.encode)]
    if ending == "csv":
        table = tlo.read_csv(path, tlo.Schema([tlo.Column("n", "string", na_values=()), tlo.Column("id", "int64")]))
        assert [*zip(lists(table)["n"], lists(table)["id"], strict=True)] == [row[:2] for row in expected]
    else:
        assert read_back(path) == expected
    assert server.sql("SELECT count(*) FROM items") == [(3,)]


@pytest.mark.parametrize(
    ("query", "params", "text"),
    [
        ("SELECT 1 AS x", {"k": 1}, f"{PLACE}: params holds 'k', but the query has no parameter of this name. Correct "
         "one of them: SELECT 1 AS x"),
        ("SELECT :k AS x", {}, f'{PLACE}: PostgreSQL says: syntax error at or near ":". Correct the query: SELECT :k '
         "AS x"),
        ("SELECT :k AS x", {"k": "a\0b"}, f"{PLACE}: parameter 'k' is not UTF-8 text, or holds a NUL. Correct it."),
        ("SELECT :k AS x", {"k": [b"a", b"\xff"]}, f"{PLACE}: parameter 'k' is not UTF-8 text, or holds a NUL. Correct "
         "it."),
        ("SELECT :k AS x", {"k": None}, "Parameter 'k' is a number, a bool or a text, or a vector of them for IN (:k). "
         "Received: NoneType None."),
        ("SELECT :k AS x FROM items WHERE name = 'a\\b'", {"k": 1}, f"{PLACE}: the server has "
         "standard_conforming_strings off, so nobody can tell what a backslash does to the texts beside the "
         "parameters. Turn it on for this role, or leave backslashes out."),
    ],
)  # fmt: skip
def test_params_that_are_refused(server, tmp_path, query, params, text):
    option = "?options=-c%20standard_conforming_strings%3Doff" if "\\" in query else ""
    with pytest.raises(tlo.LoadError) as caught:
        tlo.snapshot(server.dsn + option, query, tmp_path / "a.csv", params=params)
    assert str(caught.value) == text.replace("{port}", str(server.port))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("ending", ["csv", "db", "parquet"])
def test_settings_of_a_role_change_nothing(server, tmp_path, ending):
    options = "?options=-c%20extra_float_digits%3D-15%20-c%20bytea_output%3Descape"
    columns = "0.1::float8 + 0.2 AS x, 1 AS i" + ("" if ending == "csv" else ", 'ab12'::bytea AS b")
    path = tmp_path / f"a.{ending}"
    tlo.snapshot(server.dsn + options, f"SELECT {columns}", path)
    expected = "x,i\n0.30000000000000004,1\n" if ending == "csv" else [(0.30000000000000004, 1, b"ab12")]
    assert read_back(path) == expected


def test_names_that_sqlite_has_once(server, tmp_path):
    path = tmp_path / "a.db"
    with pytest.raises(tlo.LoadError) as caught:
        tlo.snapshot(server.dsn, 'SELECT 1 AS a, 2 AS "A"', path)
    assert str(caught.value) == (
        f"{path}: SQLite says: duplicate column name: A. Correct the query, or write .csv or .parquet."
    )
    assert os.listdir(tmp_path) == []


def test_command_with_params(server, tmp_path, capsys):
    path = str(tmp_path / "a.csv")
    query = "SELECT id, name FROM items WHERE id >= :least AND name IN (:names) AND name <> :other ORDER BY id"
    words = ["--param", "least=2", "--param", 'names=["pot", "cup", "tea"]', "--param", "other=it's=odd"]
    assert main(["snapshot", server.dsn, query, path, *words]) == 0
    assert (tmp_path / "a.csv").read_text() == "id,name\n2,cup\n3,pot\n"
    with pytest.raises(SystemExit):
        main(["snapshot", server.dsn, query, path, "--param", "least"])
    assert "expected NAME=VALUE, received 'least'" in capsys.readouterr().err


def test_progress(server, tmp_path, capsys):
    tlo.snapshot(server.dsn, "SELECT i AS x FROM generate_series(1, 25000) AS i", tmp_path / "a.csv", verbose=True)
    shown = capsys.readouterr().err
    assert "snapshot a.csv" in shown
    assert "25,000 rows" in shown


def test_without_the_driver(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(tlo.LoadError) as caught:
        tlo.snapshot("postgresql:///shop", "SELECT 1", tmp_path / "a.csv")
    assert str(caught.value) == "A snapshot takes psycopg 3 and its libpq: pip install 'tf-loadops[postgres]'."


def test_without_pyarrow(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow.csv", None)
    with pytest.raises(tlo.LoadError) as caught:
        tlo.snapshot("postgresql:///shop", "SELECT 1", tmp_path / "a.parquet")
    assert str(caught.value) == (
        "A snapshot as .parquet takes pyarrow: pip install 'tf-loadops[postgres]'. One as .db or .csv does not."
    )
