"""SQLite to float32 tensor in TensorFlow, and keys to features."""

from __future__ import annotations

import contextlib
import functools
import pathlib
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

import tf_loadops as tlo
from benchmarks.suite import Case, Plan

BASELINE = "sqlite3, fetchall, numpy"
COLUMNS = 10
FEATURES = 100_000  # rows of the table that keys are looked up in


def cases(plan: Plan) -> Iterator[Case]:
    """Lookups, and whole tables of reals and of everything."""
    for keys in plan.pick([3], [1, 1000], [1, 1000], [1, 1000]):
        yield lookup(plan.file(f"lookup-{FEATURES}.db", write_features), keys)
    rows = plan.pick(100, 100_000, 1_000_000, 3_000_000)
    for kind in plan.pick(["mixed"], *[["reals", "mixed"]] * 3):
        yield table(plan.file(f"{kind}-{rows}.db", functools.partial(write, kind=kind, rows=rows)), kind, rows)


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


def kinds_of(kind: str) -> list[str]:
    """The columns' declared types."""
    return ["TEXT" if kind == "mixed" and i % 5 == 4 else "INT" if kind == "mixed" and i % 2 else "REAL"
            for i in range(COLUMNS)]  # fmt: skip


def write(path: pathlib.Path, kind: str, rows: int) -> None:
    """Writes the database."""
    columns = values_of(kind, rows)
    declared = ", ".join(f"f{i} {k}" for i, k in enumerate(kinds_of(kind)))
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute(f"CREATE TABLE t ({declared})")
        db.executemany(f"INSERT INTO t VALUES ({','.join('?' * COLUMNS)})", zip(*columns, strict=True))
        db.commit()


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


def table(path: pathlib.Path, kind: str, rows: int) -> Case:
    """A whole table."""
    names = [f"f{i}" for i, k in enumerate(kinds_of(kind)) if k != "TEXT"]
    columns = values_of(kind, rows)
    expected = np.array([columns[int(name[1:])] for name in names], float).T.astype(np.float32)

    def check(name: str, result: Any) -> str | None:
        result = result.numpy()
        if result.shape != expected.shape:
            return f"shape {result.shape}, expected {expected.shape}"
        wrong = int(np.sum(~((result == expected) | (np.isnan(result) & np.isnan(expected)))))
        return f"{wrong} of {expected.size} values are wrong" if wrong else None

    return Case(f"SQLite, table of {kind}, {rows} x {COLUMNS}", candidates(str(path), names), BASELINE, check)


def features() -> np.ndarray:
    """What is looked up."""
    return np.random.default_rng(0).normal(size=(FEATURES, 4))


def write_features(path: pathlib.Path) -> None:
    """Writes the table that keys are looked up in."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a REAL, b REAL, c REAL, d REAL)")
        db.executemany("INSERT INTO t VALUES (?,?,?,?,?)", [(i, *row) for i, row in enumerate(features().tolist())])
        db.commit()


def lookup(path: pathlib.Path, keys: int) -> Case:
    """Keys to four features."""
    wanted = np.random.default_rng(1).choice(FEATURES, keys, replace=False)
    expected = features()[wanted].astype(np.float32)
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

    work = {"sqlite3, IN (…)": python, "tf_loadops, SQLiteLookup": lambda: call(tensor)}
    return Case(f"SQLite, lookup of {keys} keys", work, "sqlite3, IN (…)", check)
