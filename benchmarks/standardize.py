"""Standardizing a matrix in memory, and learning the statistics of a CSV file, beside what people use for it today.

Run from the repository's root: `python -m benchmarks.standardize --rows 10000000 --megabytes 1000 2000`.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import tempfile
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

import tf_loadops as tlo
from benchmarks import timing
from benchmarks.csv_cold import fresh
from benchmarks.csv_read import write_file
from tf_loadops.standardize import standardize

COLUMNS = 10
OURS = "tf_loadops"

_ADAPT_MEMORY = """
tlo.Standardize().adapt(tlo.CSVDataLoader(small, schema=schema, dtype="float64"), verbose=False)
status, before = begin_memory()
tlo.Standardize().adapt(tlo.CSVDataLoader(path, schema=schema, dtype="float64"), verbose=False)
print(json.dumps(status("VmHWM:") - before))
"""


def in_memory(x: Any) -> dict[str, Callable[[], Any]]:
    """Contenders that take the statistics of `x` and standardize it with them, and one that just copies it."""
    from sklearn.preprocessing import StandardScaler

    tensor, target = tf.constant(x), np.empty_like(x)

    def ours() -> Any:
        return standardize(tensor, tlo.Moments.of(tensor))

    def normalization() -> Any:
        layer = keras.layers.Normalization()
        layer.adapt(x)
        return layer(tensor)

    def copy() -> None:
        np.copyto(target, x)

    return {
        OURS: ours,
        "sklearn StandardScaler": lambda: StandardScaler().fit_transform(x),
        "keras Normalization": normalization,
        "numpy float32": lambda: (x - x.mean(0)) / x.std(0),
        "numpy, sums in float64": lambda: (x - x.mean(0, dtype="f8").astype("f4")) / x.std(0, dtype="f8").astype("f4"),
        "read and write once": copy,
    }


def check_standardized(x: Any) -> Callable[[str, Any], str | None]:
    """Compares with float64 NumPy on a sample of the rows."""
    sample = slice(None, None, max(1, len(x) // 100_000))
    expected = (x[sample].astype(np.float64) - x.mean(0, dtype=np.float64)) / x.std(0, dtype=np.float64)

    def check(name: str, result: Any) -> str | None:
        if result is None:
            return None
        worst = float(np.abs(np.asarray(result)[sample] - expected).max())
        # Sums in float32 are off by so much, and people do use them.
        return None if worst < (1e-5 if name == OURS else 1e-2) else f"off by up to {worst:.1e}"

    return check


def from_csv(path: pathlib.Path) -> dict[str, Callable[[], Any]]:
    """Contenders that learn mean and standard deviation from a file that need not fit into memory."""

    def ours() -> Any:
        layer = tlo.Standardize()
        layer.adapt(str(path), verbose=False)
        return layer.moments.mean.numpy(), layer.moments.std().numpy()

    def chunks() -> Any:
        import pandas as pd
        from sklearn.preprocessing import StandardScaler

        scaler = StandardScaler()
        for chunk in pd.read_csv(path, chunksize=100_000):
            scaler.partial_fit(chunk.to_numpy())
        return scaler.mean_, np.sqrt(scaler.var_)

    return {OURS: ours, "pandas chunks + partial_fit": chunks}


def check_statistics(path: pathlib.Path) -> Callable[[str, Any], str | None]:
    """Compares with NumPy: the file repeats its first 2000 rows."""
    rows = np.loadtxt(path, np.float64, delimiter=",", skiprows=1, max_rows=2000)

    def check(name: str, result: Any) -> str | None:
        mean, std = result
        close = np.allclose(mean, rows.mean(0), rtol=1e-9) and np.allclose(std, rows.std(0), rtol=1e-9)
        return None if close else "mean or standard deviation differ from numpy's"

    return check


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000, help="rows in memory; 0 to leave it out")
    parser.add_argument("--megabytes", type=float, nargs="*", default=[1000], help="sizes of CSV files")
    parser.add_argument("--memory", type=float, default=2000, help="megabytes of the file that memory is measured with")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    reports: dict[str, Any] = {}
    if options.rows:
        x = np.random.default_rng(0).standard_normal((options.rows, COLUMNS), dtype=np.float32) * 3 + 100
        title = f"{options.rows} x {COLUMNS} float32, {x.nbytes / 1e6:.0f} MB in memory"
        reports[title] = timing.compare(in_memory(x), OURS, check_standardized(x), options.rounds)
        timing.show(title, reports[title])
        del x
    with tempfile.TemporaryDirectory() as folder:
        for size in options.megabytes:
            path = pathlib.Path(folder) / f"{size:g}.csv"
            write_file(path, "numeric10", size)
            title = f"statistics of a CSV file of {size:g} MB"
            reports[title] = timing.compare(from_csv(path), OURS, check_statistics(path), options.rounds, slow=60)
            timing.show(title, reports[title])
            path.unlink()
        if options.memory:
            small, large = (pathlib.Path(folder) / f"{name}.csv" for name in ("small", "large"))
            write_file(small, "numeric10", 150)
            write_file(large, "numeric10", options.memory)
            peak = fresh(_ADAPT_MEMORY, large, small)
            reports["memory"] = {"file": options.memory * 1e6, "peak": peak}
            print(f"adapt over {options.memory:g} MB: peak {peak / 1e6:.0f} MB above TensorFlow's own")
    print(f"Figures: {timing.save('standardize', reports)}")


if __name__ == "__main__":
    main()
