"""What is refused, in which words; the process goes on, and nothing on the disk has changed."""

from __future__ import annotations

import os
import sqlite3

import pytest
import tensorflow as tf

import tf_loadops as tlo
from tf_loadops.errors import message_of

from .databases import PRICES, fingerprint, lists, make, shop

OR_ELSE = 'or pass on_bad_row="skip" or "null".'


def refusal(db, query="SELECT price FROM items", schema=PRICES, **more):
    """The text of a refusal: the same eagerly and, after TensorFlow's own words, in a graph."""
    with pytest.raises(tf.errors.InvalidArgumentError) as eager:
        tlo.read_sqlite(db, query, schema, **more)
    return str(eager.value.message).replace(str(db), "DB")


def refusal_in_graph(db, query="SELECT price FROM items"):
    with pytest.raises(tf.errors.OpError) as caught:
        in_graph(tf.constant(str(db)), tf.constant(query))
    return message_of(caught.value).replace(str(db), "DB")


@tf.function(input_signature=[tf.TensorSpec([], tf.string)] * 2, autograph=False)
def in_graph(db, query):
    return tlo.read_sqlite(db, query, PRICES).columns


@pytest.fixture
def db(tmp_path):
    return shop(tmp_path)


def said(reason, query):
    return f"{reason}: /* said SQLite of DB, asked: {query}. Correct the query, or the path. */"


QUERIES = {
    "SELECT price FROM item": said("[1] no such table: item", "SELECT price FROM item"),
    "SELECT prise FROM items": said("[1] no such column: prise", "SELECT prise FROM items"),
    'SELECT "prise" AS price FROM items': said("[1] no such column: prise", 'SELECT "prise" AS price FROM items'),
    "SELEC price FROM items": "DB: the query is no SELECT, and nothing else is run. Give one: SELEC price FROM items",
    "SELECT price FROM\n items WHERE": said('[1] near ")": syntax error', "SELECT price FROM items WHERE"),
    "": "DB: the query is no SELECT, and nothing else is run. Give one: ",
    "SELECT price FROM items; SELECT 1": "DB: the query holds more than one statement. Give one SELECT: "
    "SELECT price FROM items; SELECT 1",
    "DELETE FROM items RETURNING price": "DB: the query is no SELECT, and nothing else is run. Give one: DELETE FROM "
    "items RETURNING price",
    "WITH x AS (SELECT 1) DELETE FROM items RETURNING price": said(
        '[1] near "DELETE": syntax error', "WITH x AS (SELECT 1) DELETE FROM items RETURNING price"
    ),
    "PRAGMA user_version": "DB: the query is no SELECT, and nothing else is run. Give one: PRAGMA user_version",
    "SELECT id FROM items": "DB: column 'price': the query does not return it. Correct the schema, or the query: "
    "SELECT id FROM items",
    "SELECT price, id AS Price FROM items": "DB: column 'price': the query returns it more than once, and nobody can "
    "tell which is meant. Rename the others with AS: SELECT price, id AS Price FROM items",
    "SELECT abs(-9223372036854775807 - id) AS price FROM items": said(
        "[1] integer overflow", "SELECT abs(-9223372036854775807 - id) AS price FROM items"
    ),
    "SELECT price FROM items WHERE id = :id": "DB: the query has the parameter :id, and params holds nothing. Pass "
    "params={name: value} for parameters that are written :name: SELECT price FROM items WHERE id = :id",
    "SELECT price FROM items WHERE id = ?1": "DB: the query has the parameter ?1, and params holds nothing. Pass "
    "params={name: value} for parameters that are written :name: SELECT price FROM items WHERE id = ?1",
    "SELECT price FROM items WHERE id = @a": "DB: the query has the parameter @a, and params holds nothing. Pass "
    "params={name: value} for parameters that are written :name: SELECT price FROM items WHERE id = @a",
    "SELECT 1 AS price\0": "DB: the query is not UTF-8 text, or holds a NUL. Correct it: SELECT 1 AS price\\0",
    b"SELECT '\xff' AS price": "DB: the query is not UTF-8 text, or holds a NUL. Correct it: SELECT '?' AS price",
    "SELECT name AS price FROM items": "DB: row 1, column 'price': cannot read text 'tea' as float32. Correct the "
    f"value, CAST it in the query, {OR_ELSE}",
    "SELECT zeroblob(2) AS price": "DB: row 1, column 'price': cannot read blob X'0000' as float32. Correct the value, "
    f"CAST it in the query, {OR_ELSE}",
    "SELECT max(price, 1e39) AS price FROM items": "DB: row 1, column 'price': real 1.0e+39 is out of range for "
    f"float32. Declare a wider dtype, correct the value, {OR_ELSE}",
    "SELECT load_extension('x') AS price": said("[1] not authorized", "SELECT load_extension('x') AS price"),
    "SELECT readfile('x') AS price": said("[1] no such function: readfile", "SELECT readfile('x') AS price"),
    "ATTACH 'other.db' AS o": "DB: the query is no SELECT, and nothing else is run. Give one: ATTACH 'other.db' AS o",
    "SELECT 'it": said("[1] unrecognized token: \"'it) LIMIT -1) AS tlo_rows LIMIT -1\"", "SELECT 'it"),
    "SELECT 1) AS price, (2": said('[1] near "2": syntax error', "SELECT 1) AS price, (2"),
}


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: repr(query)[:40])
def test_query(db, query):
    before = fingerprint(db.parent)
    assert refusal(db, query) == QUERIES[query]
    assert refusal_in_graph(db, query) == QUERIES[query]
    assert fingerprint(db.parent) == before
    assert lists(tlo.read_sqlite(db, "SELECT price FROM items", PRICES)) == {"price": [4.5, None, 20.0]}


CORRECT = f"Correct the value, CAST it in the query, {OR_ELSE}"
COUNTS = tlo.Schema([tlo.Column("n", "int32"), tlo.Column("ok", "bool", default=False)], origin="declared in a test")
DECLARED = " (The schema was declared in a test.)"


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("SELECT 3.7 AS n, 1 AS ok", f"cannot read real 3.7 as int32. {CORRECT}"),
        (
            "SELECT 1099511627776 AS n, 1 AS ok",
            f"integer 1099511627776 is out of range for int32. Declare a wider dtype, correct the value, {OR_ELSE}",
        ),
        ("SELECT '5' AS n, 1 AS ok", f"cannot read text '5' as int32. {CORRECT}"),
        (
            "SELECT NULL AS n, 1 AS ok",
            "the value is NULL, and no int32 stands for that. Declare a default, Column('n', 'int32', default=...), or "
            f"a float dtype, {OR_ELSE}",
        ),
    ],
)
def test_value(db, query, text):
    assert refusal(db, query, COUNTS) == f"DB: row 1, column 'n': {text}{DECLARED}"


def test_row_and_column_are_named(db):
    query = "SELECT id AS n, count AS ok FROM items ORDER BY id DESC"
    assert refusal(db, query, COUNTS) == (
        f"DB: row 1, column 'ok': cannot read integer 7 as bool. Correct the value, CAST it in the query, {OR_ELSE}"
        + DECLARED
    )
    query = "SELECT id AS n, id = 2 AS ok FROM items UNION ALL SELECT NULL, NULL UNION ALL SELECT 'x', 9"
    assert refusal(db, query, COUNTS).startswith("DB: row 4, column 'n': the value is NULL")


def test_long_and_odd_values_are_shortened(db):
    query = "SELECT 'two\nlines' || hex(zeroblob(500)) AS price"
    text = refusal(db, query)
    assert text.startswith("DB: row 1, column 'price': cannot read text 'two\\nlines0000")
    assert len(text) < 250


NO_FILE = "DB: no such file. Check the path; a relative one starts at the working directory of the process."
JUNK = {
    "missing": (None, NO_FILE),
    "empty": (b"", "DB: no SQLite database: it is empty. Give the path of a SQLite file."),
    "text": (
        b"id,price\n" * 100,
        "DB: no SQLite database: it begins with 'id,price\\nid,pric...'. It is of another format, or encrypted. Give "
        "the path of a SQLite file.",
    ),
    "short": (
        b"SQLite format 3\0",
        "DB: no SQLite database: it begins with 'SQLite format 3\\0'. It is of another format, or encrypted. Give the "
        "path of a SQLite file.",
    ),
    "header only": (
        b"SQLite format 3\0" + b"\x10\x00" + bytes(4078),
        "DB: the SQLite file is damaged or cut short: SQLite can read nothing of it. Fetch or write the file again.",
    ),
}


@pytest.mark.parametrize("name", JUNK)
def test_files_that_are_no_database(tmp_path, name):
    content, text = JUNK[name]
    path = tmp_path / "x.db"
    if content is not None:
        path.write_bytes(content)
    before = fingerprint(tmp_path)
    assert refusal(path) == text
    assert refusal_in_graph(path) == text
    assert fingerprint(tmp_path) == before  # above all, no database was made


PART = "DB: the SQLite file is damaged or cut short: it is no whole number of pages. Fetch or write the file again."
WHOLE = "DB: the SQLite file is damaged or cut short: SQLite can read nothing of it. Fetch or write the file again."


@pytest.mark.parametrize(("kept", "text"), [(-1, PART), (-4096, WHOLE), (4096 + 512, PART), (99, None)])
def test_truncated(tmp_path, kept, text):
    db = make(tmp_path / "t.db", "CREATE TABLE items (price)", {"items": [(i + 0.5,) for i in range(2000)]})
    db.write_bytes(db.read_bytes()[:kept])
    got = refusal(db)
    assert got == text if text else got.startswith("DB: no SQLite database: it begins with 'SQLite format 3")


def test_directory_and_missing_directory(tmp_path):
    assert refusal(tmp_path) == (
        "DB: cannot be read: it is a directory, or reading it is not permitted. Give the path of a readable file."
    )
    assert refusal(tmp_path / "none" / "x.db") == NO_FILE


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("postgresql://me:secret@host/db", "postgresql:… names a database server. Only SQLite files are read: give the "
         "path of one."),
        ("postgres+psycopg://me:secret@host/db", "postgres+psycopg:… names a database server. Only SQLite files are "
         "read: give the path of one."),
        ("gs://bucket/a.db", "gs://bucket/a.db: SQLite opens local files only. Copy the database to this machine "
         "first."),
        ("/dev/zero", "/dev/zero: no regular file: it lies in /dev or /proc, or its name holds a NUL. Give the path of "
         "a file."),
        (b"a\0.db", "a\\0.db: no regular file: it lies in /dev or /proc, or its name holds a NUL. Give the path of a "
         "file."),
        ("", "'': no such file. Check the path; a relative one starts at the working directory of the process."),
        (":memory:", ":memory:: no such file. Check the path; a relative one starts at the working directory of the "
         "process."),
        ("file:x.db?mode=rwc", "file:x.db?mode=rwc: no such file. Check the path; a relative one starts at the working "
         "directory of the process."),
    ],
)  # fmt: skip
def test_paths(path, text):
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        tlo.read_sqlite(path, "SELECT 1 AS price", PRICES)
    assert caught.value.message == text


def test_no_path():
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        tlo.read_sqlite(tf.constant([], tf.string), "SELECT 1 AS price", PRICES)
    assert caught.value.message == "No path was given: the vector of paths is empty."


@pytest.mark.parametrize("name", ["we?rd #%41 [a]*.db", "a&mode=rw;b.db", "Ünï 'q\" \\.db", "%2e.db", "x?vfs=none"])
def test_odd_file_names(tmp_path, name):
    db = make(tmp_path / name, "CREATE TABLE items (price); INSERT INTO items VALUES (1.25)")
    assert lists(tlo.read_sqlite(db, "SELECT price FROM items", PRICES)) == {"price": [1.25]}
    assert sorted(os.listdir(tmp_path)) == [name]


def test_slashes_and_file_scheme(tmp_path):
    db = shop(tmp_path)
    for path in (f"//{db}", f"file://{db}", os.path.relpath(db)):
        assert lists(tlo.read_sqlite(path, "SELECT price FROM items", PRICES)) == {"price": [4.5, None, 20.0]}


def test_collation_that_only_another_program_has(tmp_path):
    db = tmp_path / "t.db"
    connection = sqlite3.connect(db)
    connection.create_collation("mine", lambda a, b: (a > b) - (a < b))
    connection.execute("CREATE TABLE items (price REAL COLLATE mine)")
    connection.execute("INSERT INTO items VALUES (1.5)")
    connection.commit()
    connection.close()
    query = "SELECT price FROM items"
    assert refusal(db) == said("[257] no such collation sequence: mine", query)
    query = "SELECT price COLLATE BINARY AS price FROM items"
    assert lists(tlo.read_sqlite(db, query, PRICES)) == {"price": [1.5]}


def test_utf16(tmp_path):
    db = make(tmp_path / "t.db", "PRAGMA encoding='UTF-16'; CREATE TABLE items (name, price); "
              "INSERT INTO items VALUES ('Bø', 2.5)")
    assert lists(tlo.read_sqlite(db, "SELECT price FROM items WHERE name = 'Bø'", PRICES)) == {"price": [2.5]}
    schema = tlo.Schema([tlo.Column("name", "string")])
    assert refusal(db, "SELECT name FROM items", schema) == (
        "DB: columns 'name' cannot be read: the database holds its text in UTF-16. Write it anew in UTF-8: .dump it "
        "with the sqlite3 shell, and .read that into a new file."
    )
