"""The page scan gives the rows that sqlite3 gives."""

import random
import sqlite3
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tf_loadops as tlo
from tests.sql.scanning import build, layout_of, scanned, schema_of, selected

MIXED = "CREATE TABLE t (id INTEGER PRIMARY KEY, i INT, r REAL, s TEXT, b BLOB, n INT, last REAL)"
MIXED_SCHEMA = tlo.Schema(
    [
        tlo.Column("s", "string"),
        tlo.Column("last", "float64"),
        tlo.Column("i", "int64", default=-7),
        tlo.Column("r", "float64"),
        tlo.Column("id", "int64", default=0),
        tlo.Column("b", "string"),
        tlo.Column("n", "int32", default=-1),
    ]
)
INSERT = "INSERT INTO t VALUES (?, ?, ?, ?, ?, ?, ?)"

BORDERS = [s * (2**k + d) for k in (0, 7, 15, 23, 31, 47, 63) for d in (-1, 0, 1) for s in (1, -1)]
int64s = st.sampled_from([b for b in BORDERS if -(2**63) <= b < 2**63]) | st.integers(-(2**63), 2**63 - 1)
int32s = st.integers(-(2**31), 2**31 - 1)
reals = st.floats(allow_nan=False) | st.integers(-1000, 1000).map(float)
sizes = st.sampled_from([0, 1, 56, 57, 58, 450, 480, 500, 4000, 5000, 70000])
blobs = st.binary(max_size=20) | sizes.map(lambda n: bytes((n + i) % 256 for i in range(n)))
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | sizes.map(lambda n: "tëxt"[: n % 5] + "x" * n)


def row(key):
    return st.tuples(st.just(key), *(st.none() | kind for kind in (int64s, reals, texts, blobs, int32s, reals)))


@st.composite
def tables(draw):
    keys = draw(st.lists(int64s, unique=True, max_size=30))
    return [draw(row(key)) for key in keys]


@settings(max_examples=60)
@given(
    rows=tables(),
    page_size=st.sampled_from([512, 1024, 4096, 65536]),
    vacuum=st.sampled_from(["NONE", "FULL"]),
    dropped=st.sets(st.integers(0, 29), max_size=8),
    changed=st.dictionaries(st.integers(0, 29), texts, max_size=8),
)
def test_rows_of_all_types_and_widths(tmp_path_factory, rows, page_size, vacuum, dropped, changed):
    path = tmp_path_factory.getbasetemp() / "property.db"
    keys = [row[0] for row in rows]
    updates = [(text, keys[i]) for i, text in changed.items() if i < len(keys)]
    deletes = [(keys[i],) for i in dropped if i < len(keys)]
    changes = [("UPDATE t SET s = ? WHERE id = ?", updates), ("DELETE FROM t WHERE id = ?", deletes)]
    build(path, MIXED, (INSERT, rows), *changes, page_size=page_size, auto_vacuum=vacuum)
    assert scanned(path, MIXED_SCHEMA) == selected(path, MIXED_SCHEMA)


def many(count, seed=0):
    rng = random.Random(seed)
    keys = rng.sample(range(-(2**40), 2**40), count)
    pick = lambda *choices: rng.choice(choices)  # noqa: E731
    return [
        (
            key,
            pick(None, 0, 1, rng.getrandbits(7), rng.getrandbits(40) - 2**39),
            pick(None, rng.gauss(0, 1), float(rng.getrandbits(20)), 0.0),
            pick(None, "", "köln", "x" * rng.randrange(300)),
            pick(None, b"\0\xff", rng.randbytes(rng.randrange(100))),
            pick(None, rng.getrandbits(30)),
            rng.random(),
        )
        for key in keys
    ]


@pytest.mark.parametrize("page_size", [512, 2048, 8192, 16384, 32768])
def test_several_levels_of_pages_and_blocks_of_rows(tmp_path, page_size):
    rows = many(40_000 if page_size == 2048 else 3_000)
    random_half = ("DELETE FROM t WHERE id = ?", [(row[0],) for row in rows[::2]])
    pragmas = {"page_size": page_size, "auto_vacuum": "INCREMENTAL"}
    path = build(tmp_path / "many.db", MIXED, (INSERT, rows), random_half, **pragmas)
    found = scanned(path, MIXED_SCHEMA)
    assert found == selected(path, MIXED_SCHEMA)
    assert len(found) == len(rows) // 2


def test_numbers_behind_long_texts_and_over_the_edges_of_overflow_pages(tmp_path):
    rows = [(i, 2**40 + i, 0.1 * i, "x" * (380 + i), b"y" * (i % 7), i, i / 7) for i in range(1200)]
    path = build(tmp_path / "edges.db", MIXED, (INSERT, rows), page_size=512)
    assert scanned(path, MIXED_SCHEMA) == selected(path, MIXED_SCHEMA)


def test_a_payload_of_thousands_of_overflow_pages(tmp_path):
    rows = [(1, 1, 1.5, "x", random.Random(0).randbytes(3_000_000), 3, 2.5), (2, 1, 1.5, "y", b"", 3, 2.5)]
    path = build(tmp_path / "long.db", MIXED, (INSERT, rows), page_size=512)
    assert scanned(path, MIXED_SCHEMA) == selected(path, MIXED_SCHEMA)


def test_an_empty_table(tmp_path):
    assert scanned(build(tmp_path / "empty.db", MIXED), MIXED_SCHEMA) == []


def test_columns_that_were_added_later(tmp_path):
    added = ["a INT", "b INT DEFAULT 5", "c REAL DEFAULT 2", "d TEXT DEFAULT 'it''s ü'", "e REAL DEFAULT -1.5e3"]
    added += ["f TEXT DEFAULT 12", "g INT DEFAULT (CAST('7' AS INT))", "É INT DEFAULT 1", "é INT DEFAULT 2"]
    path = build(
        tmp_path / "added.db",
        "CREATE TABLE t (first INT)",
        ("INSERT INTO t VALUES (?)", [(1,), (2,)]),
        *(f"ALTER TABLE t ADD COLUMN {column}" for column in added),
        "INSERT INTO t VALUES (3, 4, 6, 7.5, 'd', 8, 'f', 9, 10, 11)",
        "INSERT INTO t (first) VALUES (9)",
    )
    later = schema_of(b="int64", c="float64", d="string", e="float32", f="string", g="int64", é="int64")
    schema = tlo.Schema([tlo.Column("a", "int32", default=0), *later])
    assert scanned(path, schema) == selected(path, schema)
    assert scanned(path, schema)[0] == (None, 5, 2.0, "it's ü".encode(), -1500.0, b"12", 7, 2)


def test_more_columns_than_a_byte_counts_and_strange_names(tmp_path):
    names = [f"c{i}" for i in range(300)]
    names[7] = 'ü"x Y'
    quoted = ['"' + name.replace('"', '""') + '"' for name in names]
    rows = [[float(i * j) if (i + j) % 3 else "x" * i for j in range(300)] for i in range(60)]
    for line in rows:
        line[7] = line[250] = 1.5
    insert = (f"INSERT INTO t VALUES ({','.join('?' * 300)})", rows)
    path = build(tmp_path / "wide.db", f"CREATE TABLE T ({','.join(quoted)})", insert)
    schema = tlo.Schema([tlo.Column("C250", "float64"), tlo.Column('ü"x y', "float64")])
    assert layout_of(path, "t").name == "T"
    assert scanned(path, schema) == selected(path, schema)


def test_floats_and_bools_and_a_statement_longer_than_a_page(tmp_path):
    smallest = struct.unpack(">f", b"\0\x80\0\0")[0]
    rows = [(0.1, 1), (1e300 * 1e10, 0), (-(2.0**53) - 2, None), (16777217, 1), (smallest, 0), (None, 1), (-0.0, 1)]
    rows = [(x, x, flag) for x, flag in rows]
    statement = f"CREATE TABLE t (x /* {'why ' * 1000} */, y, flag)"
    path = build(tmp_path / "f.db", statement, ("INSERT INTO t VALUES (?, ?, ?)", rows), page_size=512)
    schema = tlo.Schema([*schema_of(x="float32", y="float64"), tlo.Column("flag", "bool", default=False)])
    as_float32 = lambda x: None if x is None else float(np.float32(x))  # noqa: E731
    assert scanned(path, schema) == [(as_float32(x), y, None if f is None else bool(f)) for x, y, f in rows]


def test_reserved_bytes_at_the_end_of_pages(tmp_path):
    path = build(tmp_path / "reserved.db", page_size=1024, user_version=1)
    raw = bytearray(path.read_bytes())
    assert raw[105:107] == (1024).to_bytes(2, "big")  # where the content of the empty first page begins
    raw[20], raw[105:107] = 40, (1024 - 40).to_bytes(2, "big")
    path.write_bytes(raw)
    with sqlite3.connect(path) as db:
        db.execute(MIXED)
        db.executemany(INSERT, many(500, seed=1))
        db.execute("INSERT INTO t (id, s) VALUES (0, ?)", ("x" * 5000,))
    db.close()
    assert path.read_bytes()[20] == 40
    assert scanned(path, MIXED_SCHEMA) == selected(path, MIXED_SCHEMA)


def test_a_schema_of_many_pages(tmp_path):
    others = [f"CREATE TABLE other{i} (a, b, c, d, e)" for i in range(300)]
    indexes = [f"CREATE INDEX i{i} ON other{i} (a)" for i in range(50)]
    path = build(tmp_path / "tables.db", *others, MIXED, *indexes, (INSERT, many(20)), page_size=512)
    assert scanned(path, MIXED_SCHEMA) == selected(path, MIXED_SCHEMA)
