"""Standardizing a matrix in memory, and learning the statistics of a CSV file, beside what people use for it today.

    python benchmarks/standardize.py [--rows 10000000] [--repeats 7] [--csv-rows 0]

Every contender's result is checked against float64 NumPy before anything is timed. Contenders run in turn, so that a
slow moment of the machine hits all of them; medians are shown, and the ratio of each to tf_loadops.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

import tf_loadops as tlo
from tf_loadops.standardize import standardize

COLUMNS = 10
OURS = "tf_loadops"


def in_memory(x: Any) -> dict[str, Callable[[], Any]]:
    """Contenders that take the statistics of `x` and standardize it with them."""
    from sklearn.preprocessing import StandardScaler

    tensor = tf.constant(x)

    def normalization() -> Any:
        layer = keras.layers.Normalization()
        layer.adapt(x)
        return layer(tensor)

    return {
        OURS: lambda: standardize(tensor, tlo.Moments.of(tensor)),
        "sklearn StandardScaler": lambda: StandardScaler().fit_transform(x),
        "keras Normalization": normalization,
        "numpy float32": lambda: (x - x.mean(0)) / x.std(0),
        "numpy, sums in float64": lambda: (x - x.mean(0, dtype="f8").astype("f4")) / x.std(0, dtype="f8").astype("f4"),
    }


def floor(x: Any) -> dict[str, Callable[[], Any]]:
    """What reading and writing the data once costs at least."""
    tensor, target = tf.constant(x), np.empty_like(x)
    double = tf.function(lambda: tensor * 2.0)
    return {"copy to warm memory": lambda: np.copyto(target, x), "TensorFlow x * 2": double}


def from_csv(path: str) -> dict[str, Callable[[], Any]]:
    """Contenders that learn mean and standard deviation from a file."""
    import pandas as pd
    from sklearn.preprocessing import StandardScaler

    def ours() -> Any:
        layer = tlo.Standardize()
        layer.adapt(path, verbose=False)
        return layer.moments.mean.numpy(), layer.moments.std().numpy()

    def chunks() -> Any:
        scaler = StandardScaler()
        for chunk in pd.read_csv(path, chunksize=100_000):
            scaler.partial_fit(chunk.to_numpy())
        return scaler.mean_, np.sqrt(scaler.var_)

    return {OURS: ours, "pandas chunks + partial_fit": chunks}


def measure(title: str, runs: dict[str, Callable[[], Any]], repeats: int) -> dict[str, float]:
    """Runs the contenders in turn and prints medians and ratios; the first turn warms up and is shown by itself."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats + 1):
        for name, run in runs.items():
            start = time.perf_counter()
            result = run()
            if tf.is_tensor(result):
                result[-1].numpy()
            times[name].append(time.perf_counter() - start)
            del result
    medians = {name: statistics.median(values[1:]) for name, values in times.items()}
    base = medians.get(OURS)
    print(f"\n{title}: median of {repeats}\n{'':30}{'first':>9}{'median':>9}{'best':>9}{'ratio':>8}")
    for name, values in times.items():
        ratio = f"{medians[name] / base:7.2f}x" if base else ""
        print(f"{name:30}{values[0]:8.3f}s{medians[name]:8.3f}s{min(values[1:]):8.3f}s {ratio}", flush=True)
    return medians


def check(x: Any, runs: dict[str, Callable[[], Any]]) -> None:
    """Compares each contender's result with float64 NumPy on a sample of rows; prints the largest difference."""
    mean, std = x.mean(0, dtype=np.float64), x.std(0, dtype=np.float64)
    sample = slice(None, None, max(1, len(x) // 100_000))
    expected = (x[sample].astype(np.float64) - mean) / std
    for name, run in runs.items():
        worst = float(np.abs(np.asarray(run())[sample] - expected).max())
        print(f"{name:30}largest difference {worst:.1e}")
        if name == OURS and not worst < 1e-5:
            raise SystemExit(f"{name} is wrong: {worst}")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rows", type=int, default=10_000_000, help="rows in memory; 0 to leave it out")
    arguments.add_argument("--csv-rows", type=int, default=0, help="rows of the CSV file; 0 to leave it out")
    arguments.add_argument("--repeats", type=int, default=7)
    options = arguments.parse_args()
    rng = np.random.default_rng(0)
    print(f"TensorFlow {tf.__version__}, {os.cpu_count()} cores, NumPy {np.__version__}")
    if options.rows:
        x = rng.standard_normal((options.rows, COLUMNS), dtype=np.float32) * 3 + 100
        print(f"{options.rows} x {COLUMNS} float32, {x.nbytes / 1e6:.0f} MB")
        runs = in_memory(x)
        check(x, runs)
        ours = measure("statistics and standardizing", runs, options.repeats)[OURS]
        least = min(measure("reading and writing once", floor(x), options.repeats).values())
        print(f"{OURS} takes {ours / least:.1f} times as long as reading and writing once")
        x[rng.integers(0, len(x), 1000), 0] = np.nan
        gaps = {name: run for name, run in in_memory(x).items() if name in (OURS, "sklearn StandardScaler")}
        measure("the same with missing values", gaps, options.repeats)
    if options.csv_rows:
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "data.csv")
            write_csv(path, rng, options.csv_rows)
            print(f"\n{options.csv_rows} x {COLUMNS} CSV, {os.path.getsize(path) / 1e6:.0f} MB")
            runs = from_csv(path)
            (mean, std), *others = [run() for run in runs.values()]
            for other_mean, other_std in others:
                np.testing.assert_allclose(other_mean, mean, rtol=1e-9)
                np.testing.assert_allclose(other_std, std, rtol=1e-9)
            measure("statistics of a CSV file", runs, options.repeats)


def write_csv(path: str, rng: np.random.Generator, rows: int) -> None:
    """Writes random numbers of 8 digits."""
    with open(path, "w", encoding="utf-8") as file:
        file.write(",".join(f"c{i}" for i in range(COLUMNS)) + "\n")
        for start in range(0, rows, 100_000):
            np.savetxt(file, rng.normal(100, 3, (min(100_000, rows - start), COLUMNS)), fmt="%.6f", delimiter=",")


if __name__ == "__main__":
    main()
