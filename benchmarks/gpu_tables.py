"""Files that are no text to standardized float32 on a device: SQLite's pages and Parquet."""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

import tf_loadops as tlo
from benchmarks import cudf_peer, parquet_files, sqlite_read
from benchmarks.suite import Case, Plan
from tf_loadops.standardize import standardize

_NAMES = [f"f{i}" for i in range(10)]


def cases(device: str, plan: Plan) -> Iterator[Case]:
    """A table of each, read by the package's engines with their compiled programs on the device."""
    rows = plan.pick(100, 100_000, 1_000_000, 1_000_000)
    path = plan.file(f"reals-{rows}.db", functools.partial(sqlite_read.write, kind="reals", rows=rows))
    yield sqlite(device, path, rows)
    if hasattr(tlo, "read_parquet"):
        write = functools.partial(parquet_files.write, kind="reals", rows=rows)
        yield parquet(device, plan.file(f"reals-{rows}-none.parquet", write), rows)


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
            result = load(source)
        tf.test.experimental.sync_devices()
        return result

    return work


def upload(device: str, x: np.ndarray) -> Any:
    """Standardizes on the host and uploads."""
    mean, std = x.mean(0, dtype=np.float64), x.std(0, dtype=np.float64)
    with tf.device(device):
        result = tf.constant((x - mean.astype(np.float32)) / std.astype(np.float32))
    tf.test.experimental.sync_devices()
    return result


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
