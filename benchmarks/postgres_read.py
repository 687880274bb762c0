"""PostgreSQL: keys to features, whole results, and snapshots, beside psycopg 3, connectorx and pandas.

The server is one of this module's own on this machine, and no password is asked for: with one, every connection would
take some milliseconds of hashing on both sides.
"""

from __future__ import annotations

import filecmp
import importlib.util
import pathlib
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

import tf_loadops as tlo
from benchmarks.suite import Case, Figures, Plan

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "tests"))

COLUMNS = 10
FEATURES = 100_000
NAMES = [f"f{i}" for i in range(COLUMNS)]


def cases(plan: Plan) -> Iterator[Case | Figures]:
    """Starts the server, and ends it behind the last case."""
    import psycopg
    from postgres.server import started

    server, folder = started()
    try:
        rows = plan.pick(2_000, 100_000, 100_000, 1_000_000)
        many = plan.pick(5_000, 1_000_000, 1_000_000, 5_000_000)
        prepare(server, max(FEATURES, many))
        if importlib.util.find_spec("tensorflow_io") is not None:
            every = (1, 100, 1_000, 10_000)
            with psycopg.connect(server.dsn) as kept:
                for keys in plan.pick((1, 100), every, every, every):
                    yield lookup(server, keys, kept)
            yield result(server, rows)
        with tempfile.TemporaryDirectory() as name:
            yield snapshots(server, many, pathlib.Path(name))
    finally:
        server.stop("immediate")
        folder.cleanup()


def prepare(server: Any, rows: int) -> None:
    """A table of random numbers."""
    columns = ", ".join(f"{name} float8" for name in NAMES)
    values = ", ".join(["random()"] * COLUMNS)
    server.sql(f"CREATE TABLE t (id bigint PRIMARY KEY, {columns})")
    server.sql(f"INSERT INTO t SELECT i, {values} FROM generate_series(0, {rows - 1}) AS i")
    server.sql("VACUUM ANALYZE t")


def equals(expected: np.ndarray) -> Callable[[str, Any], str | None]:
    """Whether a result is this one, to the last bit."""
    return lambda name, found: None if np.array_equal(found, expected) else "wrong values"


def lookup(server: Any, keys: int, kept: Any) -> Case:
    """Keys to four features; one candidate has had its connection all the time."""
    import psycopg

    wanted = np.random.default_rng(1).choice(FEATURES, keys, replace=False)
    listed = wanted.tolist()
    columns = NAMES[:4]
    query = f"SELECT id, {', '.join(columns)} FROM t WHERE id = ANY (%s)"

    def ordered(rows: Any) -> np.ndarray:
        by_id = {row[0]: row[1:] for row in rows}
        return np.array([by_id[key] for key in listed], np.float32)

    def on_kept() -> np.ndarray:
        return ordered(kept.execute(query, [listed], binary=True).fetchall())

    def on_new() -> np.ndarray:
        with psycopg.connect(server.dsn) as connection:
            return ordered(connection.execute(query, [listed], binary=True).fetchall())

    written = query.replace("%s", f"'{{{','.join(map(str, listed))}}}'")

    def connectorx() -> np.ndarray:
        import connectorx as cx

        return ordered(cx.read_sql(server.dsn, written).itertuples(index=False, name=None))

    def pandas() -> np.ndarray:
        frame = _read_sql(written, kept).set_index("id").loc[listed]
        return frame.to_numpy(np.float32)

    layer = tlo.PostgresLookup(server.dsn, "t", "id", columns)
    call = tf.function(layer, input_signature=[tf.TensorSpec([None], tf.int64)], autograph=False)
    tensor = tf.constant(wanted)
    work = {
        "psycopg 3, connection kept": on_kept,
        "psycopg 3, new connection": on_new,
        "connectorx": connectorx,
        "pandas.read_sql": pandas,
        "tf_loadops, PostgresLookup": lambda: call(tensor).numpy(),
    }
    return Case(f"PostgreSQL, lookup of {keys} keys", work, "psycopg 3, new connection", equals(on_kept()))


def result(server: Any, rows: int) -> Case:
    """A whole result as float32."""
    import psycopg

    query = f"SELECT {', '.join(NAMES)} FROM t WHERE id < {rows} ORDER BY id"

    def fetchall() -> np.ndarray:
        with psycopg.connect(server.dsn) as connection:
            return np.array(connection.execute(query, binary=True).fetchall()).astype(np.float32)

    def connectorx() -> np.ndarray:
        import connectorx as cx

        return cx.read_sql(server.dsn, query).to_numpy(np.float32)

    def pandas() -> np.ndarray:
        with psycopg.connect(server.dsn) as connection:
            return _read_sql(query, connection).to_numpy(np.float32)

    layer = tlo.DatabaseDataLoader(server.dsn, query, schema=tlo.Schema([tlo.Column(n, "float32") for n in NAMES]))
    call = tf.function(lambda: layer(None), input_signature=[], autograph=False)
    work = {
        "psycopg 3, fetchall, numpy": fetchall,
        "connectorx": connectorx,
        "pandas.read_sql": pandas,
        "tf_loadops, DatabaseDataLoader": lambda: call().numpy(),
    }
    return Case(f"PostgreSQL, result of {rows} x {COLUMNS}", work, "psycopg 3, fetchall, numpy", equals(fetchall()))


def snapshots(server: Any, rows: int, folder: pathlib.Path) -> Case:
    """A query into a file."""
    import psycopg

    query = f"SELECT {', '.join(NAMES)} FROM t WHERE id < {rows}"

    def copied() -> int:
        with (
            psycopg.connect(server.dsn) as connection,
            connection.cursor().copy(f"COPY ({query}) TO STDOUT WITH (FORMAT CSV, HEADER)") as copy,
            open(folder / "copy.csv", "wb") as file,
        ):
            return sum(1 for row in copy if file.write(row)) - 1

    def taken(ending: str) -> Callable[[], int]:
        return lambda: tlo.snapshot(server.dsn, query, folder / f"snapshot.{ending}", overwrite=True, verbose=False)

    def check(name: str, found: int) -> str | None:
        if found != rows:
            return f"{found} rows"
        if not name.endswith("snapshot to .csv"):
            return None
        if not (folder / "copy.csv").exists():
            copied()
        return None if filecmp.cmp(folder / "copy.csv", folder / "snapshot.csv", shallow=False) else "another file"

    work = {"psycopg 3, COPY to CSV": copied}
    work |= {f"tf_loadops, snapshot to .{ending}": taken(ending) for ending in ("csv", "parquet", "db")}
    return Case(f"PostgreSQL, snapshot of {rows} x {COLUMNS}", work, "psycopg 3, COPY to CSV", check)


def _read_sql(query: str, connection: Any) -> Any:
    import warnings

    import pandas as pd

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas knows psycopg's connections only as "other"
        return pd.read_sql(query, connection)
