"""Databases that another process writes: waited for, read as of the last commit, or refused with the limit stated."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tensorflow as tf

import tf_loadops as tlo

from .databases import PRICES, lists, make, shop

HOLDER = """
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], isolation_level=None)
for statement in sys.argv[2].split(";"):
    db.execute(statement)
print("held", flush=True)
time.sleep(float(sys.argv[3]))
"""


BUSY_WRITER = """
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], timeout=0)
state = 0
print("held", flush=True)
while True:
    state += 1
    try:
        db.execute("UPDATE t SET v = ?", (state,))
        db.commit()
    except sqlite3.OperationalError:
        db.rollback()
    time.sleep(0.002)
"""


@contextlib.contextmanager
def held(db, statements, seconds=600.0, program=HOLDER):
    """Another process that runs statements and keeps its connection; in this one it would share the locks."""
    command = [sys.executable, "-c", program, str(db), statements, str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def test_threads_read_whole_states_while_another_process_writes(tmp_path):
    """A file that one thread closes must not take away the lock under which another one reads."""
    db = make(tmp_path / "t.db", "CREATE TABLE t (id INTEGER, v REAL)", {"t": [(i, 0) for i in range(9000)]})
    schema = tlo.Schema([tlo.Column("v", "float64")])

    @tf.function(input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
    def read(path):
        return tlo.read_sqlite(path, "SELECT v FROM t", schema, engine="query", lock_timeout=60.0).columns["v"]

    read(tf.constant(str(db)))

    def work(_):
        seen = []
        while len(seen) < 8:
            try:
                seen.append(np.unique(read(tf.constant(str(db))), return_counts=True))
            except tf.errors.InvalidArgumentError as error:
                assert "Call again." in error.message
        return seen

    with held(db, "", program=BUSY_WRITER), ThreadPoolExecutor(4) as pool:
        reads = [read for thread in pool.map(work, range(4)) for read in thread]
    assert [counts.tolist() for _, counts in reads] == [[9000]] * 32
    assert len({state for states, _ in reads for state in states.tolist()}) > 1


def prices(db, **more):
    return lists(tlo.read_sqlite(db, "SELECT price FROM items ORDER BY id", PRICES, **more))["price"]


WRITES = "BEGIN EXCLUSIVE;UPDATE items SET price = 9"


def test_lock_that_stays(tmp_path):
    db = shop(tmp_path)
    with held(db, WRITES):
        start = time.monotonic()
        with pytest.raises(tf.errors.InvalidArgumentError) as caught:
            prices(db, lock_timeout=0.5)
        assert time.monotonic() - start >= 0.5
    assert caught.value.message == (
        f"{db}: locked: another process has been writing to it for 0.5 seconds, or one that died while writing left a "
        "journal beside it. Try again later, or pass a longer lock_timeout; if nobody writes, open it once with the "
        "sqlite3 shell, which brings it back to a whole state."
    )
    assert prices(db, lock_timeout=0.5) == [4.5, None, 20.0]


def test_lock_that_goes_is_waited_for(tmp_path):
    db = shop(tmp_path)
    prices(db)  # so that the wait is not over before the graph is built
    with held(db, WRITES, 1.0):
        assert prices(db) == [4.5, None, 20.0]  # the other process dies without a commit


def test_reserved_lock_is_none_for_readers(tmp_path):
    db = shop(tmp_path)
    with held(db, "BEGIN IMMEDIATE;UPDATE items SET price = 9"):
        assert prices(db, lock_timeout=0.5) == [4.5, None, 20.0]


def test_log_is_read_and_kept(tmp_path):
    db = shop(tmp_path)
    with held(db, "PRAGMA journal_mode=WAL;PRAGMA wal_autocheckpoint=0;UPDATE items SET price = 2 WHERE id = 1"):
        content = db.read_bytes()
        assert prices(db) == [2.0, None, 20.0]
        assert db.read_bytes() == content
        copy = tmp_path / "copy"
        shutil.copytree(tmp_path, copy)
    assert prices(copy / db.name) == [2.0, None, 20.0]  # a log that its writer left behind


def test_uncommitted_log_is_not_read(tmp_path):
    db = shop(tmp_path)
    with held(db, "PRAGMA journal_mode=WAL;UPDATE items SET price = 2;BEGIN;UPDATE items SET price = 3"):
        assert prices(db) == [2.0, 2.0, 2.0]


def test_database_with_log_but_without_log_file(tmp_path):
    db = shop(tmp_path)
    with held(db, "PRAGMA journal_mode=WAL;UPDATE items SET price = 2;PRAGMA wal_checkpoint(TRUNCATE)"):
        os.mkdir(tmp_path / "alone")
        shutil.copy(db, tmp_path / "alone")
    assert prices(tmp_path / "alone" / db.name) == [2.0, 2.0, 2.0]




def test_hot_journal_is_not_passed_over(tmp_path):
    db = shop(tmp_path)
    spill = "PRAGMA cache_size=1;BEGIN;CREATE TABLE big (x);INSERT INTO big SELECT zeroblob(3000) FROM " + ", ".join(
        f"(SELECT 1 UNION ALL SELECT 2) AS a{i}" for i in range(8)
    )
    with held(db, spill + ";UPDATE items SET price = 9"):
        shutil.copytree(tmp_path, tmp_path / "crashed")
    crashed = tmp_path / "crashed" / db.name
    assert os.path.getsize(f"{crashed}-journal") > 0
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"locked: another process has been writing to it for 0.5"):
        prices(crashed, lock_timeout=0.5)
