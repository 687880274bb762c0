"""SQLite to float32 tensor in TensorFlow, and keys to features: the engines here and the usual readers, side by side.

Run from the repository's root: `python -m benchmarks.sqlite_read --rows 1000000`.
"""

from __future__ import annotations

import argparse
import contextlib
import pathlib
import sqlite3
import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

import tf_loadops as tlo
from benchmarks import timing

BASELINE = "sqlite3, fetchall, numpy"
COLUMNS = 10


def values_of(kind: str, rows: int) -> list[list[Any]]:
    """The table's columns, the same on every run."""
    rng = np.random.default_rng(0)
    if kind == "reals":
        return [rng.normal(size=rows).tolist() for _ in range(COLUMNS)]
    columns: list[list[Any]] = []
    for i in range(COLUMNS):
        holes = rng.random(rows) < 0.1
        if i % 5 == 4:
            cells: list[Any] = [f"item {v}" for v in rng.integers(0, 999, rows)]
        elif i % 2:
            cells = rng.integers(-(10**9), 10**9, rows).tolist()
        else:
            cells = rng.normal(size=rows).tolist()
        columns.append([None if hole else cell for hole, cell in zip(holes.tolist(), cells, strict=True)])
    return columns


def write(path: pathlib.Path, kind: str, rows: int) -> list[str]:
    """Writes the database; returns the names of its columns of numbers."""
    columns = values_of(kind, rows)
    with contextlib.closing(sqlite3.connect(path)) as db:
        kinds = ["TEXT" if kind == "mixed" and i % 5 == 4 else "INT" if kind == "mixed" and i % 2 else "REAL"
                 for i in range(COLUMNS)]  # fmt: skip
        db.execute(f"CREATE TABLE t ({', '.join(f'f{i} {k}' for i, k in enumerate(kinds))})")
        db.executemany(f"INSERT INTO t VALUES ({','.join('?' * COLUMNS)})", zip(*columns, strict=True))
        db.commit()
    return [f"f{i}" for i, k in enumerate(kinds) if k != "TEXT"]


def in_graph(path: str, query: str, schema: tlo.Schema, **more: Any) -> Callable[[], Any]:
    @tf.function(input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
    def load(db: Any) -> Any:
        table = tlo.read_sqlite(db, query, schema, **more)
        texts = [tensor for tensor in table.columns.values() if tensor.dtype == tf.string]
        return table.matrix([c.name for c in schema if c.is_numeric]), texts

    db = tf.constant(path)
    return lambda: load(db)[0]


def as_layer(path: str, query: str, schema: tlo.Schema, engine: str) -> Callable[[], Any]:
    numbers = [c.name for c in schema if c.is_numeric]
    layer = tlo.DatabaseDataLoader(path, query, schema=schema, output="columns", engine=engine)

    @tf.function(input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
    def load(db: Any) -> Any:
        columns = layer(db)
        texts = [tensor for tensor in columns.values() if tensor.dtype == tf.string]
        return tf.stack([columns[name] for name in numbers], axis=1), texts

    db = tf.constant(path)
    return lambda: load(db)[0]


def candidates(path: str, names: list[str]) -> dict[str, Callable[[], Any]]:
    """Every way to read all columns and to have the numbers as one float32 tensor."""
    query = "SELECT * FROM t"
    every = [f"f{i}" for i in range(COLUMNS)]
    schema = tlo.Schema([tlo.Column(name, "float32" if name in names else "string") for name in every])
    at = [every.index(name) for name in names]

    def fetchall() -> Any:
        with contextlib.closing(sqlite3.connect(path)) as db:
            rows = db.execute(query).fetchall()
        if len(names) == COLUMNS:
            return tf.convert_to_tensor(np.array(rows, float).astype(np.float32))
        columns = list(zip(*rows, strict=True))
        return tf.convert_to_tensor(np.array([columns[i] for i in at], float).T.astype(np.float32))

    def pandas() -> Any:
        import pandas as pd

        with contextlib.closing(sqlite3.connect(path)) as db:
            return tf.convert_to_tensor(pd.read_sql(query, db)[names].to_numpy("float32"))

    def connectorx() -> Any:
        import connectorx as cx

        return tf.convert_to_tensor(cx.read_sql(f"sqlite://{path}", query)[names].to_numpy("float32"))

    def polars() -> Any:
        import polars as pl

        frame = pl.read_database_uri(query, f"sqlite://{path}")
        return tf.convert_to_tensor(frame.select(pl.col(names).cast(pl.Float32)).to_numpy())

    def sql_dataset() -> Any:
        types = tuple(tf.float64 if name in names else tf.string for name in every)
        data = tf.data.experimental.SqlDataset("sqlite", path, query, types).batch(1 << 30)
        columns = data.get_single_element()
        return tf.cast(tf.stack([columns[i] for i in at], axis=1), tf.float32)

    return {
        BASELINE: fetchall,
        "pandas.read_sql": pandas,
        "connectorx": connectorx,
        "polars.read_database_uri": polars,
        "SqlDataset.batch": sql_dataset,
        "tf_loadops, query": in_graph(path, query, schema, engine="query"),
        "tf_loadops, scan": as_layer(path, query, schema, "scan"),
    }


def run(kind: str, rows: int, folder: pathlib.Path, rounds: int, only: list[str]) -> dict[str, Any]:
    path = folder / f"{kind}.db"
    names = write(path, kind, rows)
    columns = values_of(kind, rows)
    expected = np.array([columns[int(name[1:])] for name in names], float).T.astype(np.float32)

    def check(name: str, result: Any) -> str | None:
        result = result.numpy()
        if result.shape != expected.shape:
            return f"shape {result.shape}, expected {expected.shape}"
        wrong = int(np.sum(~((result == expected) | (np.isnan(result) & np.isnan(expected)))))
        return f"{wrong} of {expected.size} values are wrong" if wrong else None

    work = candidates(str(path), names)
    if only:
        work = {name: w for name, w in work.items() if name == BASELINE or any(part in name for part in only)}
    report = timing.compare(work, BASELINE, check, rounds)
    timing.show(f"{rows} rows of {kind}", report)
    path.unlink()
    return report


def run_lookup(keys: int, folder: pathlib.Path, rounds: int) -> dict[str, Any]:
    """Keys to four features in a table of 100,000 rows."""
    path = folder / "lookup.db"
    size = 100_000
    features = np.random.default_rng(0).normal(size=(size, 4))
    path.unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a REAL, b REAL, c REAL, d REAL)")
        db.executemany("INSERT INTO t VALUES (?,?,?,?,?)", [(i, *row) for i, row in enumerate(features.tolist())])
        db.commit()
    wanted = np.random.default_rng(1).choice(size, keys, replace=False)
    expected = features[wanted].astype(np.float32)
    layer = tlo.SQLiteLookup(path, "t", "id", ["a", "b", "c", "d"])
    call = tf.function(layer, input_signature=[tf.TensorSpec([None], tf.int64)], autograph=False)
    tensor = tf.constant(wanted)

    def python() -> Any:
        marks = ",".join("?" * keys)
        with contextlib.closing(sqlite3.connect(path)) as db:
            rows = db.execute(f"SELECT id, a, b, c, d FROM t WHERE id IN ({marks})", wanted.tolist()).fetchall()
        by_id = {row[0]: row[1:] for row in rows}
        return tf.constant([by_id[key] for key in wanted.tolist()], tf.float32)

    def check(name: str, result: Any) -> str | None:
        return None if np.array_equal(result.numpy(), expected) else "wrong values"

    report = timing.compare({"sqlite3, IN (…)": python, "SQLiteLookup": lambda: call(tensor)}, "sqlite3, IN (…)", check,
                            rounds)  # fmt: skip
    timing.show(f"lookup of {keys} keys", report)
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--kinds", nargs="*", default=["reals", "mixed"])
    parser.add_argument("--keys", type=int, nargs="*", default=[1, 1000])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", nargs="*", default=[], help="parts of the names of candidates to time beside sqlite3")
    options = parser.parse_args()
    reports: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for keys in options.keys:
            reports[f"lookup of {keys} keys"] = run_lookup(keys, folder, max(options.rounds, 21))
        for kind in options.kinds:
            reports[f"{options.rows} rows of {kind}"] = run(kind, options.rows, folder, options.rounds, options.only)
    print(f"Figures: {timing.save('sqlite_read', reports)}")


if __name__ == "__main__":
    main()
