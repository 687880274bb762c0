"""CSV file to standardized float32 tensor in TensorFlow."""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

import tf_loadops as tlo
from benchmarks.suite import Case, Plan

BASELINE = "pandas"
KINDS = ("numeric10", "numeric100", "integers", "mixed", "repr")
ROWS = 2000  # a file repeats so many rows


def cases(plan: Plan) -> Iterator[Case]:
    """Files of several kinds and sizes."""
    for kind in plan.pick(KINDS[:1], KINDS, KINDS, KINDS[:1]):
        for megabytes in plan.pick([0.2], [1, 10], [10, 100], [100, 1000]):
            path = plan.file(f"{kind}-{megabytes:g}.csv", functools.partial(write_file, kind=kind, megabytes=megabytes))
            yield case(path, kind, megabytes)


def values_of(kind: str) -> tuple[list[str], list[list[str]], np.ndarray]:
    """Of the rows that a file repeats: names of columns, the columns as text, and the columns of numbers as float64."""
    rng = np.random.default_rng(0)
    names = [f"f{i}" for i in range(100 if kind == "numeric100" else 10)]
    cells: list[list[str]] = []
    for i in range(len(names)):
        if kind == "integers":
            cells.append([str(v) for v in rng.integers(-(10**6), 10**6, ROWS)])
        elif kind == "repr":
            cells.append([repr(float(v)) for v in rng.normal(size=ROWS)])
        elif kind == "mixed" and i % 2:
            cells.append([f"item {v} of a list" for v in rng.integers(0, 999, ROWS)])
        else:
            cells.append([f"{v:.6f}" for v in rng.normal(size=ROWS) * 100])
    numbers = np.array([[float(cell) for cell in cells[i]] for i in numeric(kind)]).T
    return names, cells, numbers


def numeric(kind: str) -> range:
    """Which columns hold numbers."""
    return range(0, 100 if kind == "numeric100" else 10, 2 if kind == "mixed" else 1)


def write_file(path: pathlib.Path, kind: str, megabytes: float) -> None:
    """Writes a file of about this size, the same on every run."""
    names, cells, _ = values_of(kind)
    block = "".join(",".join(row) + "\n" for row in zip(*cells, strict=True)).encode()
    with path.open("wb") as file:
        file.write((",".join(names) + "\n").encode())
        for _ in range(max(1, round(megabytes * 1e6 / len(block)))):
            file.write(block)


def standardized(x: np.ndarray) -> Any:
    """What numpy users do: float64 statistics, then one pass, then into TensorFlow."""
    x = np.asarray(x, np.float32)
    mean, std = x.mean(0, dtype=np.float64), x.std(0, dtype=np.float64)
    return tf.convert_to_tensor(((x - mean.astype(np.float32)) / std.astype(np.float32)).astype(np.float32, copy=False))


def case(path: pathlib.Path, kind: str, megabytes: float) -> Case:
    """All candidates on one file; those that take minutes on a large one are left to smaller ones."""
    work = candidates(str(path), [f"f{i}" for i in numeric(kind)])
    if megabytes > 200:
        work = {name: function for name, function in work.items() if "ataset" not in name}
    numbers = values_of(kind)[2]
    expected = (numbers - numbers.mean(0)) / numbers.std(0)
    with path.open("rb") as file:
        rows = sum(1 for _ in file) - 1

    def check(name: str, result: Any) -> str | None:
        result = result.numpy()
        if result.shape != (rows, expected.shape[1]):
            return f"shape {result.shape}, expected {(rows, expected.shape[1])}"
        worst = float(np.abs(result.reshape(-1, *expected.shape) - expected).max())
        return None if worst < 1e-4 else f"off by up to {worst:g}"

    return Case(f"CSV, {kind}, {megabytes:g} MB", work, BASELINE, check)


def candidates(path: str, names: list[str]) -> dict[str, Callable[[], Any]]:
    """Every way to do the work, each a function of nothing."""
    schema = tlo.Schema([tlo.Column(name, "float32") for name in names])

    def ours(engine: str) -> Callable[[], Any]:
        layer = tlo.PreprocessingDataLoader(schema=schema, engine=engine)

        @tf.function(input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
        def load(file: Any) -> Any:
            return layer(file)

        source = tf.constant(path)  # an argument: a path that the graph holds would be read once and folded
        return lambda: load(source)

    def pandas(engine: str) -> Callable[[], Any]:
        def load() -> Any:
            import pandas as pd

            return standardized(pd.read_csv(path, usecols=names, engine=engine).to_numpy("float32"))

        return load

    def polars() -> Any:
        import polars as pl

        return standardized(pl.read_csv(path, columns=names).cast(pl.Float32).to_numpy())

    def arrow() -> Any:
        import pyarrow.csv

        table = pyarrow.csv.read_csv(path, convert_options=pyarrow.csv.ConvertOptions(include_columns=names))
        return standardized(np.column_stack([column.to_numpy() for column in table.columns]))

    with open(path, encoding="utf-8") as file:
        header = file.readline().strip().split(",")
    select = [header.index(name) for name in names]

    def csv_dataset() -> Any:
        data = tf.data.experimental.CsvDataset(path, [tf.float32] * len(names), header=True, select_cols=select)
        batches = [tf.stack(batch, 1).numpy() for batch in data.batch(100_000)]
        return standardized(np.concatenate(batches))

    def make_csv_dataset() -> Any:
        data = tf.data.experimental.make_csv_dataset(
            path, 10_000, select_columns=names, column_defaults=[tf.float32] * len(names), num_epochs=1, shuffle=False
        )
        return standardized(np.concatenate([np.stack([batch[n].numpy() for n in names], 1) for batch in data]))

    return {
        BASELINE: pandas("c"),
        "pandas, pyarrow engine": pandas("pyarrow"),
        "polars": polars,
        "pyarrow.csv": arrow,
        "tf_loadops, numeric": ours("numeric"),
        "tf_loadops, general": ours("general"),
        "tf.data CsvDataset": csv_dataset,
        "make_csv_dataset": make_csv_dataset,
    }
