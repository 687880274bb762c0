"""Parquet file to tensor in TensorFlow: numbers with and without nulls, dictionaries, text; first calls and graphs."""

from __future__ import annotations

import functools
import importlib.util
import pathlib
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

import tf_loadops as tlo
from benchmarks import timing
from benchmarks.fresh import fresh
from benchmarks.parquet_files import matrix_of, names, values_of, write
from benchmarks.suite import Case, Figures, Plan, SkippedError

BASELINE = "pyarrow"
FILES = (("reals", "none"), ("reals", "snappy"), ("reals", "zstd"), ("mixed", "snappy"), ("dictionary", "snappy"),
         ("strings", "snappy"))  # fmt: skip

_FIRST = """
schema = tlo.infer_schema(sys.argv[1])
start = time.perf_counter()
read = tf.function(lambda path: tlo.read_parquet(path, schema).matrix(), autograph=False,
                   input_signature=[tf.TensorSpec([], tf.string)])
traced = read.get_concrete_function()
between = time.perf_counter()
traced(tf.constant(sys.argv[1]))
end = time.perf_counter()
definition = traced.graph.as_graph_def()
nodes = len(definition.node) + sum(len(function.node_def) for function in definition.library.function)
print(json.dumps([between - start, end - between, nodes]))
"""


def cases(plan: Plan) -> Iterator[Case | Figures]:
    """Files of several kinds, and first calls."""
    if not hasattr(tlo, "ParquetDataLoader"):
        raise SkippedError("this version of tf_loadops reads no Parquet.")
    rows = plan.pick(500, 100_000, 1_000_000, 1_000_000)
    for kind, codec in plan.pick(FILES[::3], FILES, FILES, FILES):
        count = min(rows, 100_000) if kind == "strings" else rows
        make = functools.partial(write, kind=kind, rows=count, codec=codec)
        yield case(plan.file(f"{kind}-{count}-{codec}.parquet", make), kind, codec, count)
    for columns in plan.pick([], [10, 100], [10, 100], [10, 100]):
        make = functools.partial(write, kind="reals", rows=1000, columns=columns)
        path = plan.file(f"reals-1000x{columns}.parquet", make)
        yield Figures(f"Parquet, first call, {columns} columns", functools.partial(first_call, path))


def case(path: pathlib.Path, kind: str, codec: str, rows: int) -> Case:
    """Everybody on one file."""
    if kind == "strings":
        expected = np.array([text.encode() for text in values_of(kind, rows)[0]], object)
    else:
        expected = matrix_of(kind, rows)

    def check(name: str, result: Any) -> str | None:
        result = result.numpy()
        if result.shape != expected.shape:
            return f"shape {result.shape}, expected {expected.shape}"
        equal = result == expected
        if kind != "strings":
            equal |= np.isnan(result) & np.isnan(expected)
        wrong = int(np.sum(~equal))
        return f"{wrong} of {expected.size} values are wrong" if wrong else None

    work = texts(path) if kind == "strings" else matrices(path, rows, bool(np.isnan(expected).any()))
    shape = f"{rows} x {len(names(kind))}"
    return Case(f"Parquet, {kind}, {codec}, {shape}", work, BASELINE, check, size=path.stat().st_size)


def ours(path: pathlib.Path) -> dict[str, Callable[[], Any]]:
    """The engines, as graphs of a path."""
    every = tlo.infer_schema(str(path))
    # Numbers of any type as float32, where a missing one is NaN.
    schema = tlo.Schema([tlo.Column(c.name, "float32") if c.is_numeric else c for c in every])
    source = tf.constant(str(path))

    def by(engine: str) -> Callable[[], Any]:
        @tf.function(input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
        def read(file: Any) -> Any:
            table = tlo.read_parquet(file, schema, engine=engine)
            return table.columns["text"] if "text" in table.columns else table.matrix()

        return lambda: read(source)

    found = {"tf_loadops, native": by("native")}
    if importlib.util.find_spec("tensorflow_io") is not None:
        found["tf_loadops, tfio"] = by("tfio")
    return found


def matrices(path: pathlib.Path, rows: int, nulls: bool) -> dict[str, Callable[[], Any]]:
    """Ways to a float32 matrix."""

    def arrow() -> Any:
        import pyarrow.parquet

        table = pyarrow.parquet.read_table(path)
        out = np.empty([table.num_rows, table.num_columns], np.float32)
        for i, column in enumerate(table.columns):
            out[:, i] = column.to_numpy()
        return tf.convert_to_tensor(out)

    def polars() -> Any:
        import polars as pl

        return tf.convert_to_tensor(pl.read_parquet(path).cast(pl.Float32).to_numpy())

    def pandas() -> Any:
        import pandas as pd

        frame = pd.read_parquet(path)
        return tf.convert_to_tensor(frame.astype("float32").to_numpy())

    layer = tlo.ParquetDataLoader(str(path))
    work = {BASELINE: arrow, "polars": polars, "pandas": pandas}
    work |= ours(path) | {"tf_loadops, ParquetDataLoader": lambda: layer(None)}
    if importlib.util.find_spec("tensorflow_io") is None:
        return work
    return work | {f"tensorflow-io, {name}": function for name, function in tensorflow_io(path, nulls, rows).items()}


def texts(path: pathlib.Path) -> dict[str, Callable[[], Any]]:
    """Ways to a vector of strings."""

    def arrow() -> Any:
        import pyarrow.parquet

        return tf.constant(pyarrow.parquet.read_table(path)["text"].to_pylist())

    def polars() -> Any:
        import polars as pl

        return tf.constant(pl.read_parquet(path)["text"].to_list())

    return {BASELINE: arrow, "polars": polars} | ours(path)


def tensorflow_io(path: pathlib.Path, nulls: bool, rows: int) -> dict[str, Callable[[], Any]]:
    """Its ways to a float32 matrix of columns of one type."""
    import tensorflow_io as tfio
    from tensorflow_io.python.ops import core_ops

    @tf.function(input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
    def read(file: Any) -> Any:
        where = {"shared": file, "container": "benchmarks"}
        _, shapes, _ = core_ops.io_parquet_readable_info(file, **where)
        columns = [
            core_ops.io_parquet_readable_read(
                input=file, component=name, shape=shapes[i][:1], start=0, stop=-1, dtype=dtype, **where
            )
            for i, name in enumerate(names("reals"))
        ]
        return tf.stack([tf.cast(column, tf.float32) for column in columns], axis=1)

    def tensors() -> Any:
        table = tfio.IOTensor.from_parquet(str(path))
        return tf.stack([tf.cast(table(name).to_tensor(), tf.float32) for name in table.columns], axis=1)

    def dataset() -> Any:
        batches = tfio.IODataset.from_parquet(str(path)).batch(10_000)
        parts = [tf.stack([tf.cast(column, tf.float32) for column in batch.values()], axis=1) for batch in batches]
        return tf.concat(parts, axis=0)

    def not_run() -> Any:
        raise RuntimeError("not run: tensorflow-io ends the process on columns with nulls")

    dtype = tf.int64 if "dictionary" in path.name else tf.float64
    source = tf.constant(str(path))
    work = {"read ops": lambda: read(source), "IOTensor": tensors}
    if rows <= 100_000:  # it takes half a minute for a million rows
        work["IODataset"] = dataset
    return dict.fromkeys(work, not_run) if nulls else work


def first_call(path: pathlib.Path, plan: Plan, advance: Callable[[str], None]) -> dict[str, Any]:
    """Building a graph and running it in fresh processes, with and without graphs that are kept; its nodes."""
    rounds = min(3, plan.rounds)
    times: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as cache:
        advance("graphs are kept")
        *_, nodes = fresh(_FIRST, path, cache=cache)
        for round_ in range(rounds):
            for what, folder in (("", ""), (", kept graphs", cache)):
                advance(f"{round_ + 1} of {rounds}{what}")
                traced, ran, _ = fresh(_FIRST, path, cache=folder)
                for step, seconds in (("traced" if not what else "read", traced), ("run for the first time", ran)):
                    times.setdefault(f"tf_loadops{what}, {step}", []).append(seconds)
    return {
        **{name: timing.summary(seconds) for name, seconds in times.items()},
        "tf_loadops, nodes of the graph": {**timing.summary([nodes]), "unit": "nodes"},
    }
