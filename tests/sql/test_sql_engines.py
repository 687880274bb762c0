"""The scan and the query engine give identical tables, and "auto" takes the scan where it answers the query."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3

import numpy as np
import pytest
import tensorflow as tf

import tf_loadops as tlo
from tf_loadops import compiled
from tf_loadops.sql import reader, whole

SCHEMA = tlo.Schema([
    tlo.Column("id", "int64"),
    tlo.Column("price", "float32"),
    tlo.Column("name", "string"),
    tlo.Column("stock", "int32", default=-1),
])
ROWS = [(1, 1.5, "tea", 3), (2, None, None, None), (7, 20, "d'o\u00e9", -(2**31)), (9, 0.0, "", 2**31 - 1)]


@pytest.fixture
def db(tmp_path):
    path = tmp_path / "shop.db"
    with contextlib.closing(sqlite3.connect(path)) as shop:
        shop.execute("CREATE TABLE items (id INTEGER PRIMARY KEY, price REAL, name TEXT, stock INT)")
        shop.executemany("INSERT INTO items VALUES (?, ?, ?, ?)", ROWS)
        shop.execute("CREATE INDEX by_price ON items (price)")
        shop.execute("CREATE VIEW cheap AS SELECT * FROM items WHERE price < 10")
        shop.execute("CREATE TABLE keyed (k TEXT PRIMARY KEY, v REAL) WITHOUT ROWID")
        shop.commit()
    return path


@pytest.fixture(autouse=True, scope="module")
def without_xla():
    """What is compiled has tests of its own, and compiling takes longer than all else here."""
    before = compiled.use_xla(False)
    yield
    compiled.use_xla(before)


@pytest.fixture
def scans(monkeypatch):
    """The paths that were scanned, and whether the scan was exact, as they are traced or run."""
    found = []
    real = reader.scan_table

    def spy(path, layout, schema):
        blocks, exact = real(path, layout, schema)
        found.append(layout.name)
        return blocks, exact

    monkeypatch.setattr(reader, "scan_table", spy)
    return found


def same(a, b):
    for name in a.columns:
        left, right = a.columns[name].numpy(), b.columns[name].numpy()
        assert left.dtype == right.dtype
        assert left.tobytes() == right.tobytes() if left.dtype != object else left.tolist() == right.tolist()
        assert a.validity[name].numpy().tolist() == b.validity[name].numpy().tolist()
    assert {k: int(v) for k, v in a.counts.items()} == {k: int(v) for k, v in b.counts.items()}


def test_a_whole_table(db, scans):
    for query in ("SELECT * FROM items", "select stock, `price`,\n [name] , \"id\" from ITEMS ;"):
        table = tlo.read_sqlite(db, query, SCHEMA, engine="scan")
        assert table.columns["id"].numpy().tolist() == [1, 2, 7, 9]
        np.testing.assert_array_equal(table.columns["price"], np.array([1.5, np.nan, 20, 0], np.float32))
        assert table.columns["name"].numpy().tolist() == [b"tea", b"", "d'o\u00e9".encode(), b""]
        assert table.columns["stock"].numpy().tolist() == [3, -1, -(2**31), 2**31 - 1]
        same(table, tlo.read_sqlite(db, query, SCHEMA, engine="query"))
    assert scans == ["items"]  # traced once


def test_what_the_scan_does_not_read_is_left_to_sqlite(db, scans):
    with contextlib.closing(sqlite3.connect(db)) as shop:
        shop.execute("INSERT INTO items VALUES (10, 'a text', 'x', 1)")
        shop.commit()
    schema = SCHEMA.select(["id", "price", "stock"])
    messages = set()
    for engine in ("scan", "query"):
        with pytest.raises(tf.errors.InvalidArgumentError) as error:
            tlo.read_sqlite(db, "SELECT * FROM items", schema, engine=engine)
        messages.add(error.value.message)
    assert messages == {
        f"{db}: row 5, column 'price': cannot read text 'a text' as float32. Correct the value, CAST it in the query, "
        'or pass on_bad_row="skip" or "null".'
    }
    nulled = [
        tlo.read_sqlite(db, "SELECT * FROM items", schema, engine=engine, on_bad_row="null")
        for engine in ("scan", "query")
    ]
    assert int(nulled[0].counts["bad_rows"]) == 1
    same(*nulled)
    assert scans == ["items"]


OTHERS = [
    "SELECT price FROM items WHERE id > 1",
    "SELECT price + 1 AS price FROM items",
    "SELECT DISTINCT price FROM items",
    "SELECT price FROM items ORDER BY price",
    "SELECT price FROM items AS t",
    "SELECT price FROM cheap",
    "SELECT v AS price FROM keyed",
    "SELECT price FROM items",  # SQLite reads the index, in the order of prices
    "SELECT rowid FROM items",
    "SELECT nothing FROM items",
    "SELECT price, PRICE FROM items",
    "SELECT * FROM items\u00a0",
]


@pytest.mark.parametrize("query", OTHERS)
def test_other_queries_are_not_scanned(db, query):
    schema = tlo.Schema([tlo.Column("price", "float64")])
    assert whole.layout_of(db, query, schema) is None
    with pytest.raises(tlo.LoadError) as error:
        tlo.read_sqlite(db, query, schema, engine="scan")
    assert str(error.value) == (
        'engine="scan" reads a whole table, or columns of it: SELECT a, b FROM t. This query is none, or its table is '
        "a view, virtual, WITHOUT ROWID, or read in the order of an index; or database and query are not known when "
        'the graph is made. Pass engine="auto".'
    )


def test_a_scan_of_what_cannot_be_read_says_so(tmp_path):
    schema = tlo.Schema([tlo.Column("price", "float64")])
    missing, junk = tmp_path / "none.db", tmp_path / "junk.db"
    junk.write_text("a,b\n")
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(b"SQLite format 3\0" + b"\x10\x00\1\1\0@  " + bytes(4096 - 24))
    with pytest.raises(sqlite3.DatabaseError) as oracle, contextlib.closing(sqlite3.connect(damaged)) as shop:
        shop.execute("SELECT price FROM items")
    said = {
        missing: "no such file. Check the path; a relative one starts at the working directory of the process.",
        junk: "no SQLite database: it begins with 'a,b\\n'. It is of another format, or encrypted. Give the path of a "
        "SQLite file.",
        damaged: f"SQLite says: {oracle.value}. Correct the query, or the path: SELECT price FROM items",
    }
    for path, text in said.items():
        for make in (tlo.read_sqlite, tlo.DatabaseDataLoader):
            with pytest.raises(tlo.LoadError) as error:
                make(path, "SELECT price FROM items", schema=schema, engine="scan")
            assert str(error.value) == f"{path}: {text}"


def test_auto_scans_large_files(db, scans, monkeypatch):
    monkeypatch.setattr(compiled, "PRICE", 2.0)  # a graph holds both engines; op by op shows which one runs
    loader = tlo.DatabaseDataLoader(db, "SELECT * FROM items", features=["id", "stock"])
    expected = [[1, 3], [2, np.nan], [7, -(2**31)], [9, 2**31]]
    np.testing.assert_array_equal(loader(None), np.array(expected, np.float32))
    assert scans == []
    # Four rows of two values: too few for a file of so many bytes, and then enough.
    monkeypatch.setattr(reader, "AUTO_BYTES", 0)
    copy = type(loader).from_config(loader.get_config())
    np.testing.assert_array_equal(copy(None), np.array(expected, np.float32))
    assert scans == []
    monkeypatch.setattr(reader, "BYTES_A_VALUE", db.stat().st_size // (2 * 4) + 1)
    copy = type(loader).from_config(loader.get_config())
    np.testing.assert_array_equal(copy(None), np.array(expected, np.float32))
    assert scans == ["items"]


def test_a_layout_goes_through_json(db):
    with contextlib.closing(sqlite3.connect(db)) as shop:
        shop.execute("ALTER TABLE items ADD COLUMN raw BLOB DEFAULT x'00ff'")
        shop.commit()
        shop.execute("CREATE TABLE dated (id INT, made TEXT DEFAULT CURRENT_TIMESTAMP)")
        shop.commit()
    layout = whole.layout_of(db, "SELECT * FROM items", SCHEMA)
    assert layout is not None
    assert layout.columns[-1].default == b"\x00\xff"
    dated = whole.layout_of(db, "SELECT * FROM dated", tlo.Schema([tlo.Column("id", "int64")]))
    assert dated is not None
    for known in (layout, dated):
        assert whole.from_json(json.loads(json.dumps(whole.to_json(known)))) == known
    assert whole.from_json(whole.to_json(None)) is None


def test_an_exported_scan_reads_the_file_anew_and_sees_a_changed_table(db, tmp_path):
    path = tf.keras.Input(shape=(), dtype="string", name="path")
    loader = tlo.DatabaseDataLoader(db, "SELECT * FROM items", features=["id", "price", "stock"], engine="scan")
    tlo.export_saved_model(tf.keras.Model(path, loader(path)), tmp_path / "model")
    loaded = tf.saved_model.load(str(tmp_path / "model"))
    assert sorted(loaded.signatures) == ["baked", "path", "serving_default"]
    read = loaded.signatures["path"]
    for change in ("UPDATE items SET price = 4 WHERE id = 2", "ALTER TABLE items ADD COLUMN more TEXT"):
        with contextlib.closing(sqlite3.connect(db)) as shop:
            shop.execute(change)
            shop.commit()
        found = read(path=tf.constant([str(db)]))["output"].numpy()[:, 1].tolist()
        assert found == [1.5, 4.0, 20.0, 0.0]


def test_a_log_beside_the_target_of_a_link_is_seen(db, tmp_path):
    link = tmp_path / "links" / "x.db"
    link.parent.mkdir()
    os.symlink(db, link)
    schema = SCHEMA.select(["id", "price", "stock"])
    loader = tlo.DatabaseDataLoader(link, "SELECT * FROM items", schema=schema, engine="scan")
    writer = sqlite3.connect(db)
    writer.execute("PRAGMA journal_mode = WAL")
    writer.execute("INSERT INTO items VALUES (11, 3.5, 'new', 4)")
    writer.commit()
    assert loader(None).numpy()[:, 0].tolist() == [1, 2, 7, 9, 11]
    writer.close()


def test_a_database_does_not_send_the_scan_to_another_file(db, tmp_path):
    schema = SCHEMA.select(["id", "price", "stock"])
    copy = shutil.copy(db, tmp_path / "copy.db")
    with contextlib.closing(sqlite3.connect(copy)) as shop:
        shop.execute("CREATE TABLE pragma_database_list AS SELECT 'main' AS name, ? AS file", (str(db),))
        shop.execute("DELETE FROM items WHERE id > 2")
        shop.commit()
    found = tlo.read_sqlite(copy, "SELECT * FROM items", schema, engine="scan")
    assert found.columns["id"].numpy().tolist() == [1, 2]


def test_parameters_that_the_query_lacks_are_refused(db):
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        tlo.read_sqlite(db, "SELECT * FROM items", SCHEMA, params={"id": 5}, engine="scan")
    assert error.value.message == (
        f"{db}: params holds 'id', but the query has no parameter of this name. Correct one of them: "
        "SELECT * FROM items"
    )


def test_a_scan_in_a_tf_function_whose_database_is_known(db):
    @tf.function(autograph=False)
    def load():
        return tlo.read_sqlite(db, "SELECT * FROM items", SCHEMA.select(["id", "price", "stock"]), engine="scan")

    assert load().columns["id"].numpy().tolist() == [1, 2, 7, 9]
