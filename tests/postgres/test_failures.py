"""A server that goes away, ends a session, or locks: said clearly, and the next call works."""

from __future__ import annotations

import pathlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
import tensorflow as tf
from sql.databases import lists

import tf_loadops as tlo
from tf_loadops.errors import message_of
from tf_loadops.sql.postgres import connection

from . import server as servers

pytestmark = pytest.mark.io

PRICE = tlo.Schema([tlo.Column("price", "float32")])
QUERY = "SELECT price FROM items WHERE id = 1"
CALL_AGAIN = (
    "the connection was lost while the query ran: the server ended it, or is starting anew. Nothing was changed. Call "
    "again. (It also ends like this where PostgreSQL is older than 12, or has no PL/pgSQL.)"
)


@pytest.fixture(scope="module")
def frail(server):
    """A server that these tests may stop; the other one goes on."""
    made, folder = servers.started()
    made.sql("CREATE TABLE items (id bigint, price float8); INSERT INTO items VALUES (1, 4.5)")
    try:
        yield made
    finally:
        made.stop("immediate")
        folder.cleanup()


@tf.function(input_signature=[tf.TensorSpec([], tf.string), tf.TensorSpec([], tf.string)], autograph=False)
def read(dsn, query):
    return tlo.read_postgres(dsn, query, PRICE).columns["price"]


def said(dsn, query=QUERY):
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        read(tf.constant(dsn), tf.constant(query))
    return message_of(caught.value)


def works(frail):
    return read(tf.constant(frail.dsn), tf.constant(QUERY)).numpy().tolist() == [4.5]


def test_down_at_first_then_up_then_down_and_up(frail):
    down = (
        f"{frail.where}: no connection was made: could not connect to server: ECONNREFUSED Is the server running on "
        f'host "127.0.0.1" and accepting TCP/IP connections on port {frail.port}? Check the address, the server, and '
        "what lets this user in."
    )
    frail.stop()
    assert said(frail.dsn) == down
    with pytest.raises(tf.errors.InvalidArgumentError) as eager:
        tlo.read_postgres(frail.dsn, QUERY, PRICE)
    assert eager.value.message == down
    frail.start()
    assert works(frail)
    frail.stop()
    assert said(frail.dsn) == down
    frail.start()
    assert works(frail)


def test_a_restart_is_waited_for(frail, monkeypatch):
    """Connecting is tried again after 0.2 and 0.5 seconds; here ten times that, as a start may take a second."""
    monkeypatch.setattr(connection, "PAUSE", 10 * connection.PAUSE)
    frail.stop()
    up = threading.Thread(target=frail.start)
    up.start()
    # A timeout that no other test has makes a graph of its own.
    found = tlo.read_postgres(frail.dsn, QUERY, PRICE, timeout=29.0)
    up.join()
    assert found.columns["price"].numpy().tolist() == [4.5]


def cut(frail, function):
    """Does something to the session that sleeps for the tests."""
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(said, frail.dsn, "SELECT pg_sleep(30)::text, 1 AS price")
        for _ in range(2500):
            pids = frail.sql("SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'", user="admin")
            if pids:
                break
            time.sleep(0.01)
        function(pids[0][0])
        return running.result(20)


def test_a_session_that_is_ended(frail):
    ended = cut(frail, lambda pid: frail.sql("SELECT pg_terminate_backend(%s)", [pid], user="admin"))
    assert ended == f"{frail.where}: {CALL_AGAIN}"
    assert works(frail)


def test_a_query_that_is_cancelled(frail):
    ended = cut(frail, lambda pid: frail.sql("SELECT pg_cancel_backend(%s)", [pid], user="admin"))
    assert ended == (
        f"{frail.where}: PostgreSQL says: canceling statement due to user request (57014). Call again: SELECT "
        "pg_sleep(30)::text, 1 AS price"
    )
    assert works(frail)


def test_a_server_that_is_stopped_in_the_middle(frail):
    ended = cut(frail, lambda pid: frail.stop("immediate"))
    assert "no connection was made: could not connect to server: ECONNREFUSED" in ended
    frail.start()
    assert works(frail)


def test_deadlock(frail):
    query = "SELECT pg_advisory_xact_lock(1)::text, pg_sleep(0.3)::text, pg_advisory_xact_lock(2)::text, 1 AS price"
    with psycopg.connect(f"postgresql://admin@127.0.0.1:{frail.port}/shop") as other, ThreadPoolExecutor(1) as pool:
        other.execute("SET deadlock_timeout = '20s'")
        other.execute("SELECT pg_advisory_xact_lock(2)")
        running = pool.submit(said, frail.dsn, query)
        first = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 1"
        while not other.execute(first).fetchone()[0]:
            time.sleep(0.01)
        other.execute("SELECT pg_advisory_xact_lock(1)")
        assert running.result(20) == f"{frail.where}: PostgreSQL says: deadlock detected (40P01). Call again: {query}"
    assert works(frail)


def test_no_such_database_and_no_such_user(frail):
    assert said(frail.dsn.replace("/shop", "/none")) == (
        f"{frail.where.replace('/shop', '/none')}: no connection was made: the server lets this user in, but not into "
        "this database. Check that it exists, and that the user may CONNECT to it."
    )
    # Here libpq forgets what it said before: in a graph the place is missing.
    nobody = frail.dsn.replace("clerk@", "nobody@")
    reason = 'connection was made: FATAL: role "nobody" does not exist. Check the address, the server, and what lets '
    reason += "this user in."
    assert said(nobody) == f"No {reason}"
    with pytest.raises(tf.errors.InvalidArgumentError) as eager:
        tlo.read_postgres(nobody, QUERY, PRICE)
    assert eager.value.message == f"{frail.where}: no {reason}"
    assert works(frail)


def attempts(frail, function):
    """How many connections a server counts while something is done."""
    frail.sql("ALTER SYSTEM SET log_connections = on", user="admin")
    frail.sql("SELECT pg_reload_conf()", user="admin")
    log = pathlib.Path(frail.folder, "log")
    while frail.sql("SHOW log_connections", user="admin") != [("on",)]:
        time.sleep(0.01)
    size = log.stat().st_size
    function()
    time.sleep(0.2)
    return log.read_bytes()[size:].count(b"connection received")


def test_a_wrong_password_is_tried_four_times(frail):
    wrong = frail.dsn.replace("clerk@", "locked:Wr0ng@")
    assert attempts(frail, lambda: said(wrong)) == 4
    assert attempts(frail, lambda: said(frail.dsn.replace("/shop", "/none"))) <= 5
    assert attempts(frail, lambda: works(frail)) == 1


def test_a_session_that_is_ended_at_the_second_attempt(frail, monkeypatch):
    """A query that runs when the server is back at last, and is cut then, is not said to lack its database."""
    monkeypatch.setattr(connection, "PAUSE", 10 * connection.PAUSE)
    frail.stop()
    query = "SELECT pg_terminate_backend(pg_backend_pid())::text, 1 AS price"
    up = threading.Thread(target=frail.start)
    up.start()
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        tlo.read_postgres(frail.dsn, query, PRICE, timeout=28.0)
    up.join()
    assert caught.value.message == f"{frail.where}: {CALL_AGAIN}"


def test_after_many_failures_no_connection_is_left(frail):
    for query in ("SELEC", "SELECT 1 / (id - 1) AS price FROM items", "SELECT 'x' AS price"):
        for _ in range(5):
            said(frail.dsn, query)
    assert lists(tlo.read_postgres(frail.dsn, QUERY, PRICE)) == {"price": [4.5]}
    assert frail.quiet()
