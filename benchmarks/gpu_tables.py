"""What is no text to standardized float32 on a device: SQLite's pages, Parquet files, and PLAIN pages by themselves."""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

import tf_loadops as tlo
from benchmarks import cudf_peer, parquet_files, sqlite_read, trace
from benchmarks.device_csv import done
from benchmarks.suite import Case, Figures, Plan
from tf_loadops.standardize import standardize

_NAMES = [f"f{i}" for i in range(10)]


def cases(device: str, plan: Plan) -> Iterator[Case | Figures]:
    """A table of each, read by the package's engines with their compiled programs on the device."""
    rows = plan.pick(1000, 100_000, 5_000_000, 50_000_000)
    yield plain(device, np.random.default_rng(0).normal(size=(len(_NAMES), rows)))
    rows = plan.pick(100, 100_000, 1_000_000, 1_000_000)
    if plan.size != "smoke":  # the graph of a scan takes long to build, and its own suite has one
        path = plan.file(f"reals-{rows}.db", functools.partial(sqlite_read.write, kind="reals", rows=rows))
        yield from with_kernels(sqlite(device, path, rows), f"SQLite scan, {rows} rows", "tf_loadops, scan")
    if hasattr(tlo, "ParquetDataLoader"):
        write = functools.partial(parquet_files.write, kind="reals", rows=rows)
        case = parquet(device, plan.file(f"reals-{rows}-none.parquet", write), rows)
        yield from with_kernels(case, f"Parquet, {rows} rows", "tf_loadops, native")


def with_kernels(case: Case, what: str, name: str) -> Iterator[Case | Figures]:
    """A case, and how much of one candidate's time the device is at work: the rest is reading, host and upload."""
    yield case
    yield Figures(f"kernels, {what}", functools.partial(trace.rows, case.candidates[name]))


def plain(device: str, columns: np.ndarray) -> Case:
    """The bytes of a PLAIN page of float64 for each column: what is in a file without compression and nulls."""
    pages = columns.view(np.uint64)

    def read(words: Any) -> Any:
        x = tf.transpose(tf.bitcast(words, tf.float64))
        return standardize(x, tlo.Moments.of(x))

    def compiled(function: Callable[[Any], Any]) -> Any:
        return tf.function(function, jit_compile=True, autograph=False)

    def narrow(words: Any) -> Any:
        return tf.cast(tf.bitcast(words, tf.float64), tf.float32)

    programs = {"standardized": compiled(read), "read": compiled(narrow)}
    with tf.device(device):
        ready = tf.constant(pages)

    def on_device(program: str) -> Any:
        with tf.device(device):
            return done(programs[program](ready))

    def with_upload() -> Any:
        with tf.device(device):
            return done(programs["standardized"](tf.constant(pages)))

    work = {
        "tf_loadops, pages on the device": lambda: on_device("standardized"),
        "tf_loadops, upload included": with_upload,
        "read, and write as float32": lambda: on_device("read"),
    }
    title = f"PLAIN pages of float64 to standardized float32 on the device, {columns.nbytes / 1e6:g} MB"
    judge = check(columns.T)
    return Case(
        title, work, "tf_loadops, pages on the device",
        lambda name, result: None if name.startswith("read") else judge(name, result), size=columns.nbytes,
    )  # fmt: skip


def sqlite(device: str, path: pathlib.Path, rows: int) -> Case:
    """A whole table."""
    schema = tlo.Schema([tlo.Column(name, "float32") for name in _NAMES])
    query = "SELECT * FROM t"
    layer = tlo.DatabaseDataLoader(str(path), query, schema=schema, engine="scan")

    def connectorx() -> Any:
        import connectorx as cx

        return upload(device, cx.read_sql(f"sqlite://{path}", query)[_NAMES].to_numpy("float32"))

    work = {"connectorx, numpy, upload": connectorx, "tf_loadops, scan": graph(device, layer, path)}
    expected = np.array(sqlite_read.values_of("reals", rows)).T.astype(np.float32)
    title = f"SQLite table to standardized float32 on the device, {rows} x {len(_NAMES)}"
    return Case(title, work, "connectorx, numpy, upload", check(expected), size=path.stat().st_size)


def parquet(device: str, path: pathlib.Path, rows: int) -> Case:
    """PLAIN pages without compression."""
    schema = tlo.infer_schema(str(path))

    def arrow() -> Any:
        import pyarrow.parquet

        table = pyarrow.parquet.read_table(path)
        return upload(device, np.stack([column.to_numpy() for column in table.columns], axis=1).astype(np.float32))

    work = {
        "pyarrow, numpy, upload": arrow,
        "tf_loadops, native": graph(device, lambda file: tlo.read_parquet(file, schema).matrix(), path),
        "cuDF": lambda: cudf_peer.parquet(path),
    }
    title = f"Parquet to standardized float32 on the device, {rows} x {len(_NAMES)}"
    expected = parquet_files.matrix_of("reals", rows)
    return Case(title, work, "pyarrow, numpy, upload", check(expected), size=path.stat().st_size)


def graph(device: str, read: Callable[[Any], Any], path: pathlib.Path) -> Callable[[], Any]:
    """Reads and standardizes as one graph; what has no kernel on the device runs on the host."""

    @tf.function(input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
    def load(file: Any) -> Any:
        x = read(file)
        return standardize(x, tlo.Moments.of(x))

    source = tf.constant(str(path))

    def work() -> Any:
        with tf.device(device):
            return done(load(source))

    return work


def upload(device: str, x: np.ndarray) -> Any:
    """Standardizes on the host and uploads."""
    mean, std = x.mean(0, dtype=np.float64), x.std(0, dtype=np.float64)
    with tf.device(device):
        return done(tf.constant((x - mean.astype(np.float32)) / std.astype(np.float32)))


def check(x: np.ndarray) -> Callable[[str, Any], str | None]:
    """Compares with NumPy's float64."""
    wide = x.astype(np.float64)
    expected = (wide - wide.mean(0)) / wide.std(0)

    def judge(name: str, result: Any) -> str | None:
        result = np.asarray(result)
        if result.shape != expected.shape:
            return f"shape {result.shape}, expected {expected.shape}"
        worst = float(np.abs(result - expected).max())
        return None if worst < 1e-5 else f"off by up to {worst:.1e}"

    return judge
