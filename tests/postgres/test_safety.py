"""Read-only, one statement, and no secret in any message, config or file."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import warnings

import keras
import pytest
import tensorflow as tf
from sql.databases import lists

import tf_loadops as tlo
from tf_loadops.errors import message_of
from tf_loadops.sql.postgres.dsn import is_local

from .server import SECRET

pytestmark = pytest.mark.io

PRICE = tlo.Schema([tlo.Column("price", "float32")])
FUNCTIONS = """
CREATE FUNCTION eraser() RETURNS float8 LANGUAGE sql AS 'DELETE FROM items; SELECT 1.0::float8';
CREATE FUNCTION unlocker() RETURNS float8 LANGUAGE plpgsql AS $$ BEGIN
  PERFORM set_config('transaction_read_only', 'off', true); DELETE FROM items; RETURN 1; END $$;
CREATE FUNCTION setter() RETURNS float8 LANGUAGE plpgsql AS $$ BEGIN
  SET transaction_read_only = off; DELETE FROM items; RETURN 1; END $$;
CREATE FUNCTION committer() RETURNS float8 LANGUAGE plpgsql AS $$ BEGIN COMMIT; DELETE FROM items; RETURN 1; END $$;
CREATE FUNCTION swallower() RETURNS float8 LANGUAGE plpgsql AS $$ BEGIN
  BEGIN DELETE FROM items; EXCEPTION WHEN OTHERS THEN END;
  BEGIN PERFORM unlocker(); EXCEPTION WHEN OTHERS THEN END; RETURN 1; END $$;
CREATE PROCEDURE called() LANGUAGE sql AS 'DELETE FROM items';
CREATE SEQUENCE counter;
"""
READ_ONLY = "in a read-only transaction (25006). Queries are read-only here, and nothing was changed. Give one SELECT: "
NO_CURSOR = "(42P11). Give one SELECT, and nothing else: "
INSIDE = "cannot set transaction read-write mode inside a read-only transaction (25001). Correct the query: "
WRITES = {
    "DELETE FROM items": f"cannot open DELETE query as cursor {NO_CURSOR}",
    "UPDATE items SET price = 1": f"cannot open UPDATE query as cursor {NO_CURSOR}",
    "INSERT INTO items VALUES (9)": f"cannot open INSERT query as cursor {NO_CURSOR}",
    "DELETE FROM items RETURNING price": 'syntax error at or near "FROM" (42601). Correct the query: ',
    "WITH x AS (DELETE FROM items RETURNING price) SELECT * FROM x": "WITH clause containing a "
    "data-modifying statement must be at the top level (0A000). Correct the query: ",
    "SELECT price INTO other FROM items": f"cannot open SELECT INTO query as cursor {NO_CURSOR}",
    "CREATE TABLE other AS SELECT 1 AS price": f"cannot open CREATE TABLE AS query as cursor {NO_CURSOR}",
    "DROP TABLE items": f"cannot open DROP TABLE query as cursor {NO_CURSOR}",
    "TRUNCATE items": f"cannot open TRUNCATE TABLE query as cursor {NO_CURSOR}",
    "COPY items TO STDOUT": f"cannot open COPY query as cursor {NO_CURSOR}",
    "COMMIT": f"cannot open COMMIT query as cursor {NO_CURSOR}",
    "SET transaction_read_only = off": f"cannot open SET query as cursor {NO_CURSOR}",
    "DO $$ BEGIN DELETE FROM items; END $$": f"cannot open DO query as cursor {NO_CURSOR}",
    "SELECT 1 AS price; DELETE FROM items": f"cannot open multi-query plan as cursor {NO_CURSOR}",
    "SELECT 1 AS price; COMMIT; DELETE FROM items": f"cannot open multi-query plan as cursor {NO_CURSOR}",
    "SELECT 1) AS x; DELETE FROM items; SELECT (1": 'syntax error at or near ")" (42601). Correct the query: ',
    "SELECT 1 AS price) AS x, (SELECT eraser()": 'syntax error at or near ")" (42601). Correct the query: ',
    "SELECT price FROM items FOR UPDATE": f"cannot execute SELECT FOR UPDATE {READ_ONLY}",
    "SELECT nextval('counter') AS price": f"cannot execute nextval() {READ_ONLY}",
    "SELECT eraser() AS price": f"cannot execute DELETE {READ_ONLY}",
    "SELECT setter() AS price": INSIDE,
    "SELECT unlocker() AS price": INSIDE,
    "SELECT committer() AS price": "invalid transaction termination (2D000). Correct the query: ",
}


@pytest.fixture(scope="module")
def guarded(server):
    server.sql(FUNCTIONS)
    return server


def contents(server):
    tables = server.sql("SELECT relname::text FROM pg_class WHERE relkind = 'r' AND relnamespace = "
    "'public'::regnamespace ORDER BY 1")
    return tables, server.sql("SELECT * FROM items ORDER BY id"), server.sql("SELECT last_value, is_called FROM "
    "counter")


def refusal(dsn, query="SELECT price FROM items", **more):
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        tlo.read_postgres(dsn, query, PRICE, **more)
    return str(caught.value.message)


@pytest.mark.parametrize("query", WRITES)
def test_nothing_is_written(guarded, query):
    before = contents(guarded)
    assert refusal(guarded.dsn, query) == f"{guarded.where}: PostgreSQL says: {WRITES[query]}{query}"
    assert contents(guarded) == before


def test_a_function_that_hides_its_failures_writes_nothing(guarded):
    before = contents(guarded)
    assert lists(tlo.read_postgres(guarded.dsn, "SELECT swallower() AS price", PRICE)) == {"price": [1.0]}
    # What it sets is gone with the connection.
    query = "SELECT set_config('default_transaction_read_only', 'off', false) IS NULL, 2 AS price"
    assert lists(tlo.read_postgres(guarded.dsn, query, PRICE)) == {"price": [2.0]}
    assert refusal(guarded.dsn, "SELECT eraser() AS price").endswith("Give one SELECT: SELECT eraser() AS price")
    assert contents(guarded) == before


def test_timeout(server):
    query = "SELECT pg_sleep(20)::text, 1 AS price"
    assert refusal(server.dsn, query, timeout=0.2) == (
        f"{server.where}: the query took longer than 0.2 seconds and was ended. Make it faster, or pass a longer "
        f"timeout: "
        + query
    )
    assert lists(tlo.read_postgres(server.dsn, "SELECT 2 AS price", PRICE, timeout=0.2)) == {"price": [2.0]}


def test_environment(server, monkeypatch, tmp_path):
    """What the address leaves out."""
    locked = f"postgresql://locked@127.0.0.1:{server.port}/shop"
    query = "SELECT 7 AS price WHERE current_user = 'locked'"
    said = refusal(locked, query)
    assert said == (
        f"{server.where}: no connection was made: fe_sendauth: no password supplied. Check the address, the server, "
        f"and what "
        "lets this user in."
    )
    monkeypatch.setenv("PGPASSWORD", SECRET)
    assert lists(tlo.read_postgres(locked, query, PRICE)) == {"price": [7.0]}
    rest = {"PGHOST": "127.0.0.1", "PGPORT": str(server.port), "PGUSER": "locked", "PGDATABASE": "shop"}
    for name, value in rest.items():
        monkeypatch.setenv(name, value)
    assert lists(tlo.read_postgres("postgresql://", query, PRICE)) == {"price": [7.0]}
    for name in ("PGHOST", "PGPORT", "PGUSER", "PGDATABASE", "PGPASSWORD"):
        monkeypatch.delenv(name)
    passes = tmp_path / "passes"
    passes.write_text(f"127.0.0.1:{server.port}:*:locked:{SECRET}\n")
    passes.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(passes))
    assert lists(tlo.read_postgres(locked, query, PRICE)) == {"price": [7.0]}
    monkeypatch.setenv("PGPASSFILE", "/nonexistent")
    services = tmp_path / "services"
    services.write_text(f"[s]\nhost=127.0.0.1\nport={server.port}\nuser=locked\ndbname=shop\npassword={SECRET}\n")
    monkeypatch.setenv("PGSERVICEFILE", str(services))
    assert lists(tlo.read_postgres("postgresql:///?service=s", query, PRICE)) == {"price": [7.0]}


WRONG = "Check the address, the server, and what lets this user in."
NO_URI = (
    "no address that libpq could read. Write postgresql://user@host:port/database?option=value, special characters "
    "as %XX; "
    "it is not shown whole, for it may hold a password."
)


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("postgresql://locked:Wr0ng@{place}", 'postgresql://{place}: no connection was made: FATAL: password '
         'authentication '
         f'failed for user "locked". {WRONG}'),
        ("postgresql://locked:Wr0%ng@{place}", f"postgresql://{{place}}: {NO_URI}"),
        ("postgresql://locked:Wr0/ng@{place}", f"postgresql://{{place}}: {NO_URI}"),
        ("postgresql://locked:Wr0@ng@{place}", f"postgresql://{{place}}: {NO_URI}"),
        ("postgresql://locked:Wr0?ng@{place}", f"postgresql://{{place}}: {NO_URI}"),
        ("postgresql://locked:Wr0 ng@{place}", f"postgresql://{{place}}: {NO_URI}"),
        ("postgresql://locked@{place}?password=Wr0=ng", f"postgresql://{{place}}: {NO_URI}"),
        ("postgresql://locked@{place}?passwort=Wr0ng", f"postgresql://{{place}}: {NO_URI}"),
        ("postgresql://locked@{place}?replication=database&password=Wr0ng", f"postgresql://{{place}}: {NO_URI}"),
        ("postgresql://locked@{place}?Wr0ng", f"postgresql://{{place}}: {NO_URI}"),
        ("postgresql://locked@{place}?sslmode=require&password=Wr0ng", "postgresql://{place}: sslmode asks for TLS, "
         "which the "
         "in-graph client does not have. Take a snapshot, which has, or use a tunnel and leave sslmode out."),
        ("host=x password=Wr0ng", "No address of a PostgreSQL server: one begins with postgresql://. What is left "
         "out of it, "
         "libpq takes from its environment (PGHOST, PGUSER, PGPASSWORD, PGPASSFILE, PGSERVICE)."),
    ],
)  # fmt: skip
def test_no_password_in_a_message(server, address, text):
    place = f"127.0.0.1:{server.port}/shop"
    address = address.replace("{place}", place)
    said = refusal(address)
    assert said == text.replace("{place}", place)
    with pytest.raises(tf.errors.OpError) as caught:
        in_graph(tf.constant(address))
    assert message_of(caught.value) == said
    for piece in ("Wr0", "ng@", SECRET):
        assert piece not in caught.value.message


@tf.function(input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
def in_graph(dsn):
    return tlo.read_postgres(dsn, "SELECT price FROM items", PRICE).columns


def test_hosts_elsewhere_are_warned_of():
    for address in ("postgresql://db.example.org/shop", "postgresql://me:pw@10.1.2.3:5432/shop", "postgresql://a,b/x",
                    "postgresql:///x?host=db.example.org", "postgresql://localhost.example.org"):  # fmt: skip
        assert not is_local(address)
    for address in ("postgresql://", "postgresql:///shop", "postgresql://me@localhost:5432/shop", "postgresql://[::1]:5432/x",
                    "postgresql://127.0.0.1", "postgresql://%2Fvar%2Frun/x", "postgresql:///x?host=/tmp"):  # fmt: skip
        assert is_local(address)
    schema = tlo.Schema([tlo.Column("a", "float32")])
    with pytest.warns(UserWarning, match=r"^postgresql://db.example.org/shop: the in-graph client has no TLS: "
    r"queries and "):
        tlo.DatabaseDataLoader("postgresql://me:pw@db.example.org/shop", "SELECT 1 AS a", schema=schema)


def held_in(folder):
    return b"".join(path.read_bytes() for path in pathlib.Path(folder).rglob("*") if path.is_file())


ONLY_TFIO = """
import json, os, sys
sys.modules["tf_loadops"] = None
import tensorflow as tf
tf.config.experimental.enable_op_determinism()  # which forbids clocks and random numbers
from tensorflow_io.python.ops import core_ops
core_ops.io_sql_iterable_init, core_ops.io_sql_iterable_read  # this registers them
loaded = tf.saved_model.load(sys.argv[1])
for name, inputs in json.loads(sys.argv[2]):
    if name == "forget":
        del os.environ["PGPASSWORD"]
        continue
    fed = {key: tf.constant(v, tf.int64) if isinstance(v, int) else tf.constant(v) for key, v in inputs.items()}
    try:
        print(json.dumps(loaded.signatures[name](**fed)["output"].numpy().tolist()))
    except tf.errors.OpError as error:
        print(error.message.replace("\\n", " "))
"""


def elsewhere(folder, calls, **environment):
    """What a process says that has TensorFlow and tensorflow-io, and not this package."""
    command = [sys.executable, "-W", "ignore", "-c", ONLY_TFIO, str(folder), json.dumps(calls)]
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment = {**kept, "TF_CPP_MIN_LOG_LEVEL": "3", **environment}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True, env=environment, cwd=folder)
    return done.stdout.splitlines()


def test_exports_hold_no_password(guarded, tmp_path, monkeypatch):
    with_password = f"postgresql://locked:{SECRET}@127.0.0.1:{guarded.port}/shop"
    guarded.sql("GRANT SELECT ON items TO locked")
    query = "SELECT price, count FROM items WHERE id >= :least ORDER BY id"
    unsafe = tlo.DatabaseDataLoader(with_password, query, params={"least": 1})
    assert unsafe(None).numpy().tolist()[0] == [4.5, 3.0]
    with pytest.raises(tlo.LoadError) as caught:
        tlo.export_saved_model(unsafe, tmp_path / "refused", allow_custom_ops=True)
    assert str(caught.value) == (
        f"{guarded.where}: the address holds a password, and everybody who has the SavedModel could read it. Leave "
        f"it out: "
        "libpq takes it from PGPASSWORD, PGPASSFILE or PGSERVICE where the model runs. Or pass allow_password=True."
    )
    with pytest.raises(tlo.LoadError, match="holds IO>SqlIterableInit, IO>SqlIterableRead: ops that plain TensorFlow "
    "does"):
        tlo.export_saved_model(unsafe, tmp_path / "refused", allow_password=True)
    with pytest.raises(tlo.LoadError) as caught:
        tlo.export_saved_model(unsafe, tmp_path / "refused", signatures=("embedded",), allow_password=True)
    assert str(caught.value) == (
        f"{guarded.where}: a SavedModel cannot carry a server's data. Take a snapshot of the query with "
        f"tlo.snapshot, and "
        "export a loader of that file."
    )
    assert not (tmp_path / "refused").exists()

    assert SECRET not in json.dumps(unsafe.get_config())
    path = keras.Input(shape=(), dtype="string", name="path")
    keras.Model(path, unsafe(path)).save(tmp_path / "model.keras")
    assert SECRET.encode() not in held_in(tmp_path)
    safe = tlo.DatabaseDataLoader.from_config(unsafe.get_config())
    assert safe.source == with_password.replace(f":{SECRET}", "")

    signatures = ("params", "baked", "path")
    tlo.export_saved_model(safe, tmp_path / "safe", signatures=signatures, allow_custom_ops=True)
    assert SECRET.encode() not in held_in(tmp_path)
    tlo.export_saved_model(unsafe, tmp_path / "told", signatures=("baked",), allow_custom_ops=True, allow_password=True)
    assert SECRET.encode() in held_in(tmp_path / "told")

    calls = [("params", {"least": 3}), ("baked", {}), ("path", {"path": [guarded.dsn]}), ("forget", {}), ("baked", {})]
    *answers, said = elsewhere(tmp_path / "safe", calls, PGPASSWORD=SECRET)
    assert [json.loads(line.replace("NaN", "null")) for line in answers] == [
        [[20.0, 7.0]], [[4.5, 3.0], [None, 0.0], [20.0, 7.0]], [[4.5, 3.0], [None, 0.0], [20.0, 7.0]],
    ]  # fmt: skip
    assert "fe_sendauth: no password supplied" in said


def test_loader(server):
    query = "SELECT * FROM items WHERE id <> ALL (ARRAY[:without]) ORDER BY id"
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # this machine is no network
        features = ["price", "count"]
        loader = tlo.DatabaseDataLoader(server.dsn, query, params={"without": 2}, features=features, label="name")
    x, y = loader(None)
    assert (x.numpy().tolist(), y.numpy().tolist()) == ([[4.5, 3.0], [20.0, 7.0]], [b"tea", b"pot"])
    x, y = loader({"without": tf.constant(3)})
    assert y.numpy().tolist() == [b"tea", b"cup"]
    x, y = loader([server.dsn, server.dsn])
    assert y.numpy().tolist() == [b"tea", b"pot"] * 2
    columns = tlo.DatabaseDataLoader(server.dsn, "SELECT id, name FROM items", output="columns")(None)
    assert columns["id"].numpy().tolist() == [1, 2, 3]
    batches = [x.numpy().tolist() for x in tlo.DatabaseDataLoader(server.dsn, "SELECT count FROM items").dataset(2)]
    assert batches == [[[3.0], [0.0]], [[7.0]]]
    with pytest.raises(tlo.LoadError) as caught:
        tlo.DatabaseDataLoader([server.dsn, "my.db"], query)
    assert str(caught.value) == "The sources are files or servers, not both."
    with pytest.raises(tlo.LoadError) as caught:
        tlo.DatabaseDataLoader(server.dsn, "SELECT count FROM items", engine="scan")
    assert str(caught.value) == (
        'engine="scan" reads the pages of a SQLite file, and a server has none. Pass engine="auto".'
    )


def test_read_again_on_every_call(server):
    server.sql("CREATE TABLE changing (price float8); INSERT INTO changing VALUES (1)")
    loader = tlo.DatabaseDataLoader(server.dsn, "SELECT price FROM changing")
    function = tf.function(lambda: loader(None), input_signature=[], autograph=False)
    assert function().numpy().tolist() == [[1.0]]
    server.sql("UPDATE changing SET price = 2")
    assert function().numpy().tolist() == [[2.0]]
