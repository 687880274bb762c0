"""CSV file to standardized float32 tensor in TensorFlow: the engines here and the usual readers, side by side.

Run from the repository's root: `python -m benchmarks.csv_read --sizes 1 10 100`.
"""

from __future__ import annotations

import argparse
import pathlib
import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

import tf_loadops as tlo
from benchmarks import timing

BASELINE = "pandas"


def write_file(path: pathlib.Path, kind: str, megabytes: float) -> list[str]:
    """Writes a file of about this size, the same on every run, and returns the names of its numeric columns."""
    rng = np.random.default_rng(0)
    columns = 100 if kind == "numeric100" else 10
    names = [f"f{i}" for i in range(columns)]
    rows = 2000
    cells: list[list[str]] = []
    for i in range(columns):
        if kind == "integers":
            cells.append([str(v) for v in rng.integers(-(10**6), 10**6, rows)])
        elif kind == "repr":
            cells.append([repr(float(v)) for v in rng.normal(size=rows)])
        elif kind == "mixed" and i % 2:
            cells.append([f"item {v} of a list" for v in rng.integers(0, 999, rows)])
        else:
            cells.append([f"{v:.6f}" for v in rng.normal(size=rows) * 100])
    block = "".join(",".join(row) + "\n" for row in zip(*cells, strict=True)).encode()
    with path.open("wb") as file:
        file.write((",".join(names) + "\n").encode())
        for _ in range(max(1, round(megabytes * 1e6 / len(block)))):
            file.write(block)
    return [name for i, name in enumerate(names) if kind != "mixed" or i % 2 == 0]


def standardized(x: np.ndarray) -> Any:
    """What numpy users do: float64 statistics, then one pass, then into TensorFlow."""
    x = np.asarray(x, np.float32)
    mean, std = x.mean(0, dtype=np.float64), x.std(0, dtype=np.float64)
    return tf.convert_to_tensor(((x - mean.astype(np.float32)) / std.astype(np.float32)).astype(np.float32, copy=False))


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

    def pyarrow() -> Any:
        import pyarrow as pa
        import pyarrow.csv

        table = pyarrow.csv.read_csv(path, convert_options=pyarrow.csv.ConvertOptions(include_columns=names))
        del pa
        return standardized(np.column_stack([column.to_numpy() for column in table.columns]).astype(np.float32))

    with open(path) as file:
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
        "pandas": pandas("c"),
        "pandas, pyarrow engine": pandas("pyarrow"),
        "polars": polars,
        "pyarrow.csv": pyarrow,
        "tf_loadops, numeric": ours("numeric"),
        "tf_loadops, general": ours("general"),
        "tf.data CsvDataset": csv_dataset,
        "make_csv_dataset": make_csv_dataset,
    }


def run(kind: str, megabytes: float, folder: pathlib.Path, rounds: int, only: list[str]) -> dict[str, Any]:
    """Writes one file and compares all candidates on it."""
    path = folder / f"{kind}-{megabytes:g}.csv"
    names = write_file(path, kind, megabytes)
    work = candidates(str(path), names)
    if megabytes > 200:  # minutes a run: their time grows linearly, see the smaller files
        work = {name: w for name, w in work.items() if "Dataset" not in name and "csv_dataset" not in name}
    if only:
        work = {name: w for name, w in work.items() if name == BASELINE or any(part in name for part in only)}
    expected = standardized(np.loadtxt(path, np.float64, delimiter=",", skiprows=1, max_rows=2000, usecols=range(1)))
    reference: dict[str, Any] = {}

    def check(name: str, result: Any) -> str | None:
        result = result.numpy()
        if not reference:
            # The file repeats 2000 rows, so its first column standardizes as theirs does.
            if not np.allclose(result[:2000, 0], expected.numpy(), rtol=1e-4, atol=1e-4):
                return "the first column differs from numpy.loadtxt's"
            reference["pandas"] = result
            return None
        if result.shape != reference["pandas"].shape:
            return f"shape {result.shape}, expected {reference['pandas'].shape}"
        worst = float(np.max(np.abs(result - reference["pandas"])))
        return None if worst < 1e-4 else f"differs from pandas' by up to {worst:g}"

    report = timing.compare(work, BASELINE, check, rounds)
    timing.show(f"{kind}, {megabytes:g} MB", report)
    path.unlink()
    return report


def plot(reports: dict[str, Any], path: pathlib.Path) -> None:
    """Draws the medians, if matplotlib is there."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        print(f"No plot: {error}.")
        return
    figure, axes = plt.subplots(1, len(reports), figsize=(4 * len(reports), 4), squeeze=False)
    for axis, (title, report) in zip(axes[0], reports.items(), strict=True):
        rows = {name: row for name, row in report.items() if "median" in row}
        axis.barh(list(rows), [row["median"] for row in rows.values()])
        axis.set_title(title)
        axis.set_xlabel("seconds (median)")
        axis.set_xscale("log")
        axis.invert_yaxis()
    figure.tight_layout()
    figure.savefig(path)
    print(f"Plot: {path}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=float, nargs="+", default=[0.25, 1, 10, 100], help="megabytes")
    parser.add_argument("--kinds", nargs="+", default=["numeric10", "numeric100", "integers", "mixed", "repr"])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", nargs="*", default=[], help="parts of the names of candidates to time beside pandas")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        reports = {
            f"{kind}, {size:g} MB": run(kind, size, pathlib.Path(folder), options.rounds, options.only)
            for kind in options.kinds
            for size in options.sizes
        }
    print(f"Figures: {timing.save('csv_read', reports)}")
    plot(reports, timing.RESULTS / "csv_read.png")


if __name__ == "__main__":
    main()
