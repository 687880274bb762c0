"""What the page scan does not read it says so of, and nothing that a file holds ends the process."""

import contextlib
import random
import sqlite3

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

import tf_loadops as tlo
from tests.sql.scanning import build, layout_of, scanned, scanner, schema_of, selected
from tests.sql.test_scan_rows import INSERT, MIXED, MIXED_SCHEMA, many

LOOSE = "CREATE TABLE t (f, d, i, j, b, s)"
LOOSE_SCHEMA = schema_of(f="float32", d="float64", i="int32", j="int64", b="bool", s="string")
FITTING = {"f": 1.5, "d": 2, "i": 3, "j": 4, "b": 1, "s": "text"}


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *((column, value) for column in "fdijb" for value in ("text", "1", b"\1", "", b"")),
        *(("f", value) for value in (1e39, -3.5e38, 1e-40, 2**-149)),
        *(("i", value) for value in (2**31, -(2**31) - 1, 2**40, 3.7, 3.0, None)),
        *(("j", value) for value in (3.7, 1e300, None)),
        *(("b", value) for value in (2, -1, 0.5, None)),
        *(("s", value) for value in (1, 1.5, 0)),
    ],
)
def test_values_that_are_none_of_the_dtype(tmp_path, column, value):
    rows = [FITTING | {column: value} if i == 150 else FITTING for i in range(200)]
    path = build(tmp_path / "bad.db", LOOSE, ("INSERT INTO t VALUES (:f, :d, :i, :j, :b, :s)", rows))
    assert scanned(path, LOOSE_SCHEMA) is None


def test_a_number_that_is_none_of_the_dtype_behind_a_long_text(tmp_path):
    rows = [(i, 1, 1.0, "x" * 5000, None, 1, "text" if i == 7 else 2.0) for i in range(9)]
    assert scanned(build(tmp_path / "bad.db", MIXED, (INSERT, rows)), MIXED_SCHEMA) is None


@pytest.fixture
def good(tmp_path):
    path = build(tmp_path / "good.db", MIXED, (INSERT, many(30)))
    assert scanned(path, MIXED_SCHEMA) == selected(path, MIXED_SCHEMA)
    return path


@pytest.mark.parametrize("suffix", ["-journal", "-wal"])
def test_a_journal_or_log_with_something_in_it(good, suffix):
    layout = layout_of(good)
    beside = good.with_name(good.name + suffix)
    beside.write_bytes(b"x")
    assert scanned(good, MIXED_SCHEMA, layout) is None
    beside.write_bytes(b"")  # could as well be one that may not be read
    assert scanned(good, MIXED_SCHEMA, layout) is None
    beside.unlink()
    assert scanned(good, MIXED_SCHEMA, layout) is not None


def test_a_log_that_was_written_back(good):
    layout, before = layout_of(good), selected(good, MIXED_SCHEMA)
    db = sqlite3.connect(good)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("DELETE FROM t WHERE id > 0")
    db.commit()
    assert scanned(good, MIXED_SCHEMA, layout) is None
    db.close()
    assert scanned(good, MIXED_SCHEMA, layout) is None  # the next one might be written back while the file is read
    with contextlib.closing(sqlite3.connect(good)) as db:
        db.execute("PRAGMA journal_mode = DELETE")
    assert scanned(good, MIXED_SCHEMA, layout) == selected(good, MIXED_SCHEMA) != before


def test_a_transaction_that_is_under_way(good):
    layout = layout_of(good)
    db = sqlite3.connect(good)
    db.execute("DELETE FROM t")
    assert scanned(good, MIXED_SCHEMA, layout) is None
    db.rollback()
    db.close()
    assert scanned(good, MIXED_SCHEMA, layout) == selected(good, MIXED_SCHEMA)


def test_files_that_are_no_whole_database(good, tmp_path):
    layout, whole = layout_of(good), good.read_bytes()
    changed = {
        "empty": b"",
        "short": whole[:50],
        "header only": whole[:100],
        "junk": b"junk" * 5000,
        "truncated": whole[:-1],
        "a page less": whole[:-4096],
        "a page more": whole + bytes(4096),
        "page size 513": whole[:16] + (513).to_bytes(2, "big") + whole[18:],
        "page size 256": whole[:16] + (256).to_bytes(2, "big") + whole[18:],
        "page size 0": whole[:16] + bytes(2) + whole[18:],
        "format 3": whole[:18] + b"\3" + whole[19:],
        "no page count": whole[:28] + bytes(4) + whole[32:],
        "huge": whole[:28] + b"\x7f\xff\xff\xff" + whole[32:],
        "negative": whole[:28] + b"\xff\xff\xff\xff" + whole[32:],
        "old writer": whole[:24] + b"\0\1\0\0" + whole[28:],
    }
    for name, content in changed.items():
        good.write_bytes(content)
        assert scanned(good, MIXED_SCHEMA, layout) is None, name
    for path in (tmp_path / "missing.db", tmp_path, tmp_path / "no" / "such.db", "", "\0", good.with_name("*")):
        assert scanned(path, MIXED_SCHEMA, layout) is None
    good.write_bytes(whole)
    assert scanned(good, MIXED_SCHEMA, layout) is not None


def test_a_file_of_2_gib_is_not_even_read(good):
    layout = layout_of(good)
    pages = 2**31 // 4096
    with good.open("r+b") as file:
        file.truncate(2**31)  # takes no room on the disk
        file.seek(28)
        file.write(pages.to_bytes(4, "big"))
    assert scanned(good, MIXED_SCHEMA, layout) is None


def test_texts_in_utf_16(tmp_path):
    path = build(tmp_path / "utf16.db", MIXED, (INSERT, many(3)), encoding="'UTF-16le'")
    assert scanned(path, MIXED_SCHEMA) is None


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE t ADD COLUMN more INT",
        "ALTER TABLE t RENAME COLUMN i TO j",
        "ALTER TABLE t RENAME TO u",
        "DROP TABLE t",
        "ALTER TABLE t DROP COLUMN last",
    ],
)
def test_a_table_that_is_no_longer_what_was_described(good, change):
    layout = layout_of(good)
    with sqlite3.connect(good) as db:
        db.execute(change)
    db.close()
    assert scanned(good, MIXED_SCHEMA, layout) is None


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE t (a INTEGER PRIMARY KEY, b) WITHOUT ROWID",
        "CREATE TABLE t (a TEXT PRIMARY KEY, b) WITHOUT ROWID",
        "CREATE TABLE t (a, b AS (a + 1))",
        "CREATE TABLE t (a, b AS (a + 1) STORED)",
        "CREATE VIEW t AS SELECT 1 AS a",
        "CREATE TABLE u (a)",
    ],
)
def test_what_is_no_plain_table_is_not_described(tmp_path, statement):
    assert layout_of(build(tmp_path / "odd.db", statement)) is None


def test_a_virtual_table_is_not_described(tmp_path):
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        known = {name for (name,) in db.execute("PRAGMA module_list")} & {"fts5", "fts4", "fts3", "rtree"}
    if not known:
        pytest.skip("this SQLite library has no module for virtual tables with a content of their own")
    arguments = "id, low, high" if "rtree" in known else "a"
    module = "rtree" if "rtree" in known else max(known)
    path = build(tmp_path / "odd.db", f"CREATE VIRTUAL TABLE t USING {module}({arguments})")
    assert layout_of(path) is None


def test_a_column_that_the_table_lacks(good):
    with pytest.raises(tlo.LoadError) as refusal:
        scanned(good, schema_of(nope="int64"))
    assert str(refusal.value) == (
        "Table 't' has no column 'nope'. It has: 'id', 'i', 'r', 's', 'b', 'n', 'last'."
    )


@pytest.mark.parametrize(
    ("declared", "is_rowid"),
    [
        ("a INTEGER PRIMARY KEY", True),
        ("a integer primary key asc", True),
        ("a, b, PRIMARY KEY (a)", False),
        ("a INTEGER, b, PRIMARY KEY (a)", True),
        ("a INTEGER, b INTEGER, PRIMARY KEY (a, b)", False),
        ("a INTEGER PRIMARY KEY DESC", False),
        ("a INT PRIMARY KEY", False),
        ("a INTEGER PRIMARY KEY AUTOINCREMENT", True),
        ("a INTEGER UNIQUE", False),
    ],
)
def test_which_column_is_the_rowid(tmp_path, declared, is_rowid):
    path = build(tmp_path / "key.db", f"CREATE TABLE t ({declared})", "INSERT INTO t (rowid, a) VALUES (5, 5)")
    with sqlite3.connect(path) as db:
        db.execute("UPDATE t SET rowid = 7")
        assert (db.execute("SELECT a FROM t").fetchone()[0] == 7) == is_rowid
    db.close()
    assert layout_of(path).columns[0].is_rowid == is_rowid


def test_the_file_is_read_again_on_each_call(good):
    layout = layout_of(good)
    path = str(good)
    constant = tf.function(lambda: scanner(layout, MIXED_SCHEMA)(tf.constant(path))[0].counts["rows"], autograph=False)
    assert constant().numpy() == 30
    with sqlite3.connect(good) as db:
        db.execute("DELETE FROM t WHERE id > 0")
    db.close()
    assert constant().numpy() == len(selected(good, MIXED_SCHEMA)) < 30


def _as_sqlite(path):
    try:
        return selected(path, MIXED_SCHEMA)
    except (sqlite3.Error, UnicodeDecodeError):  # its messages quote damaged names
        return "refused"


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    path = tmp_path_factory.mktemp("fuzz") / "sample.db"
    rows = [*many(60), (1, 2, 3.0, "x" * 3000, b"y" * 700, 4, 5.0)]
    build(path, MIXED, "CREATE TABLE other (a)", (INSERT, rows), page_size=512)
    whole = path.read_bytes()
    return path, layout_of(path), lambda: bytearray(whole)  # a function, since a failing property shows its arguments


@settings(max_examples=100)
@given(st.data())
def test_bytes_changed_at_random(sample, data):
    path, layout, fresh = sample
    raw = fresh()
    for _ in range(data.draw(st.integers(1, 4))):
        # Half of the changes go where structures are: headers of pages and pointers to cells.
        page = 512 * data.draw(st.integers(0, len(raw) // 512 - 1))
        at = page + data.draw(st.integers(0, 40) | st.integers(0, 511))
        raw[at] = data.draw(st.sampled_from([0, 1, 2, 5, 10, 13, 127, 128, 255]) | st.integers(0, 255))
    path.write_bytes(raw)
    found = scanned(path, MIXED_SCHEMA, layout)
    # A page that SQLite reads though it is damaged may be left to it, but not the other way round: only where the row
    # of another table in sqlite_schema is damaged SQLite refuses all tables, and a scan need not.
    if found is not None and found != _as_sqlite(path):
        path.write_bytes(fresh()[:512] + raw[512:])
        assert found == _as_sqlite(path)


def test_pages_in_a_circle_and_out_of_the_file(sample):
    path, layout, fresh = sample
    whole = bytes(fresh())
    interior = [i for i in range(1, len(whole) // 512) if whole[512 * i] == 5]
    assert interior
    rng = random.Random(0)
    for page in interior:
        for target in (page + 1, 0, 1, 2**31, 2**32 - 1, len(whole) // 512 + 1, rng.randrange(len(whole) // 512)):
            raw = fresh()
            raw[512 * page + 8 : 512 * page + 12] = target.to_bytes(4, "big")
            path.write_bytes(raw)
            found = scanned(path, MIXED_SCHEMA, layout)
            assert found is None or found == _as_sqlite(path)


def test_counts_that_lie(sample):
    path, layout, fresh = sample
    whole = bytes(fresh())
    for page in range(1, len(whole) // 512):
        for count in (0xFFFF, 0x7FFF, 300, 100):
            raw = fresh()
            raw[512 * page + 3 : 512 * page + 5] = count.to_bytes(2, "big")
            path.write_bytes(raw)
            found = scanned(path, MIXED_SCHEMA, layout)
            assert found is None or found == _as_sqlite(path)
