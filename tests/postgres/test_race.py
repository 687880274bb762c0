"""Callers at the same time: none gets another one's rows, none waits for ever, and the connections are few."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import tensorflow as tf

import tf_loadops as tlo
from tf_loadops.sql.postgres.connection import SLOTS

pytestmark = pytest.mark.io

THREADS, CALLS = 16, int(os.environ.get("TLO_RACE_CALLS", "6"))
SCHEMA = tlo.Schema([tlo.Column("k", "int64"), tlo.Column("i", "int64"), tlo.Column("s", "string")])
QUERY = "SELECT :k AS k, i, repeat(:k::text, 20) AS s FROM generate_series(1, :k % 50) AS i"
SPECS = [tf.TensorSpec([], tf.string), tf.TensorSpec([], tf.string), tf.TensorSpec([], tf.int64)]


def read(dsn, query, k):
    return tlo.read_postgres(dsn, query, SCHEMA, params={"k": k}).columns


class Model(tf.Module):
    @tf.function(input_signature=SPECS, autograph=False)
    def read(self, dsn, query, k):
        return read(dsn, query, k)


@pytest.fixture(scope="module")
def made():
    return Model()


@pytest.fixture(scope="module")
def saved(made, tmp_path_factory):
    """The folder of two SavedModels."""
    folder = tmp_path_factory.mktemp("race")
    for name in "ab":
        tf.saved_model.save(made, folder / name)
    return folder


@pytest.fixture(scope="module")
def ways(made, saved):
    """From the address, a query and a key to columns."""
    loaded = {name: tf.saved_model.load(saved / name).read for name in "ab"}
    return {"eager": read, "function": made.read, "loaded": loaded["a"], "two loaded": [loaded["a"], loaded["b"]]}


@pytest.mark.parametrize("way", ["eager", "function", "loaded", "two loaded"])
def test_every_caller_gets_its_own_rows(server, ways, way):
    functions = ways[way] if isinstance(ways[way], list) else [ways[way]]
    dsn, good, bad = (tf.constant(text) for text in (server.dsn, QUERY, "SELECT 1 / (:k - :k) AS k"))
    for function in functions:
        function(dsn, good, tf.constant(1, tf.int64))
    start = threading.Barrier(THREADS)

    def work(thread):
        wrong = failed = 0
        start.wait()
        for call in range(CALLS):
            function, key = functions[(thread + call) % len(functions)], thread * 1000 + call
            if call % 5 == 4:  # an error does not keep the others waiting
                try:
                    function(dsn, bad, tf.constant(key, tf.int64))
                except tf.errors.InvalidArgumentError as error:
                    failed += "PostgreSQL says: division by zero (22012)" in error.message
            result = function(dsn, good, tf.constant(key, tf.int64))
            rows = key % 50
            same = result["k"].numpy().tolist() == [key] * rows
            same &= result["i"].numpy().tolist() == [*range(1, rows + 1)]
            wrong += not (same and result["s"].numpy().tolist() == [str(key).encode() * 20] * rows)
        return wrong, failed

    with ThreadPoolExecutor(THREADS) as pool:
        results = list(pool.map(work, range(THREADS)))
    assert [wrong for wrong, _ in results] == [0] * THREADS
    assert [failed for _, failed in results] == [CALLS // 5] * THREADS
    assert server.quiet()


MANY = """
import json, sys, threading
from concurrent.futures import ThreadPoolExecutor
import tensorflow as tf
from tensorflow_io.python.ops import core_ops
core_ops.io_sql_iterable_init, core_ops.io_sql_iterable_read  # this registers them

folder, dsn, port, calls, threads = sys.argv[1], tf.constant(sys.argv[2]), *map(int, sys.argv[3:])
QUERY = tf.constant(
    "SELECT :k AS k, count(*) AS i, pg_sleep(0.01)::text AS s FROM pg_stat_activity "
    "WHERE usename = current_user AND state = 'active'"
)
read = tf.saved_model.load(folder).read

def connections():
    with open("/proc/net/tcp") as table:
        rows = [line.split() for line in list(table)[1:]]
    return {(row[1], row[9]) for row in rows if row[2].endswith(f":{port:04X}") and row[3] == "01"}

# The kernel lists connections one after the other while they come and go. One that two lists in a row hold was there
# all the time between them, so what both hold was there at once.
at_once, done = [], threading.Event()
others = connections()  # some that another process has not closed yet

def watch():
    before = set()
    while not done.wait(0.002):
        now = connections() - others
        at_once.append(len(before & now))
        before = now

watcher = threading.Thread(target=watch)
watcher.start()
try:
    with ThreadPoolExecutor(threads) as pool:
        results = list(pool.map(lambda k: read(dsn, QUERY, tf.constant(k, tf.int64)), range(calls)))
finally:
    done.set()
    watcher.join()
keys, active = ([result[name].numpy().tolist() for result in results] for name in "ki")
print(json.dumps({"keys": keys, "active": max(active)[0], "open": max(at_once)}))
"""


@pytest.mark.skipif(not os.path.exists("/proc/net/tcp"), reason="connections are listed in /proc, which is not here")
def test_connections_over_1000_calls(server, saved):
    calls, threads = 1000, 2 * SLOTS
    server.sql("CREATE ROLE many LOGIN", user="admin")
    dsn = server.dsn.replace("clerk@", "many@")
    # As many threads of TensorFlow's own as callers: two cores would never ask for more than two connections.
    environment = {**os.environ, "TF_NUM_INTEROP_THREADS": str(threads), "TF_CPP_MIN_LOG_LEVEL": "3"}
    arguments = [str(argument) for argument in (saved / "a", dsn, server.port, calls, threads)]
    command = [sys.executable, "-W", "ignore", "-c", MANY, *arguments]
    done = subprocess.run(command, env=environment, cwd=saved, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["keys"] == [[k] for k in range(calls)]
    assert 1 < said["active"] <= SLOTS  # queries that run, says the server
    assert 1 < said["open"] <= SLOTS  # connections, says the kernel
    assert server.quiet("many")


def test_a_slow_query_holds_up_few(server, ways):
    slow = tf.constant("SELECT :k AS k, 1 AS i, pg_sleep(3)::text AS s")
    dsn, one = tf.constant(server.dsn), tf.constant(1, tf.int64)
    with ThreadPoolExecutor(2) as pool:
        waiting = pool.submit(ways["function"], dsn, slow, one)
        for k in range(SLOTS - 1):  # the slots come one after the other
            result = ways["function"](dsn, tf.constant(QUERY), tf.constant(k + 1, tf.int64))
            assert result["k"].numpy().tolist() == [k + 1] * (k + 1)
        assert not waiting.done()
        assert waiting.result()["k"].numpy().tolist() == [1]
