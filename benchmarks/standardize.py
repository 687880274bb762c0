"""Standardizing a matrix in memory, and learning the statistics of a CSV file."""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import tf_loadops as tlo
from benchmarks import timing
from benchmarks.csv_read import values_of, write_file
from benchmarks.fresh import fresh
from benchmarks.suite import OURS, Case, Figures, Plan
from tf_loadops.standardize import standardize

COLUMNS = 10

_MEMORY = """
schema = tlo.Schema([tlo.Column(f"f{i}", "float64") for i in range(10)])
tlo.Standardize().adapt(tlo.CSVDataLoader(sys.argv[2], schema=schema, dtype="float64"), verbose=False)
peak = begin_memory()
tlo.Standardize().adapt(tlo.CSVDataLoader(sys.argv[1], schema=schema, dtype="float64"), verbose=False)
print(json.dumps(peak() / 1e6))
"""


def cases(plan: Plan) -> Iterator[Case | Figures]:
    """A matrix, a file, and what the file takes of memory."""
    rows = plan.pick(1000, 1_000_000, 10_000_000, 10_000_000)
    x = np.random.default_rng(0).standard_normal((rows, COLUMNS), dtype=np.float32) * 3 + 100
    title = f"{rows} x {COLUMNS} float32, {x.nbytes / 1e6:g} MB in memory"
    yield Case(title, in_memory(x), OURS, check_standardized(x))
    del x
    megabytes = plan.pick(0.2, 100, 1000, 2000)
    path = plan.file(
        f"numeric10-{megabytes:g}.csv", functools.partial(write_file, kind="numeric10", megabytes=megabytes)
    )
    yield Case(f"statistics of a CSV file of {megabytes:g} MB", from_csv(path), OURS, check_statistics, slow=60)
    if megabytes >= 100:
        small = plan.file("numeric10-150.csv", functools.partial(write_file, kind="numeric10", megabytes=150))
        yield Figures(f"memory for the statistics of {megabytes:g} MB", functools.partial(memory, path, small))


def memory(path: pathlib.Path, small: pathlib.Path, plan: Plan, advance: Callable[[str], None]) -> dict[str, Any]:
    """The peak above what TensorFlow and a small file take."""
    advance(OURS)
    return {OURS: {**timing.summary([fresh(_MEMORY, path, small)]), "unit": "MB"}}


def in_memory(x: Any) -> dict[str, Callable[[], Any]]:
    """Contenders that take the statistics of `x` and standardize it with them, and one that just copies it."""
    tensor, target = tf.constant(x), np.empty_like(x)

    def ours() -> Any:
        return standardize(tensor, tlo.Moments.of(tensor))

    def normalization() -> Any:
        layer = keras.layers.Normalization()
        layer.adapt(x)
        return layer(tensor)

    def scaler() -> Any:
        from sklearn.preprocessing import StandardScaler

        return StandardScaler().fit_transform(x)

    def copy() -> None:
        np.copyto(target, x)

    return {
        OURS: ours,
        "sklearn StandardScaler": scaler,
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


def check_statistics(name: str, result: Any) -> str | None:
    """Compares with NumPy: the file repeats its rows."""
    rows = values_of("numeric10")[2]
    mean, std = result
    close = np.allclose(mean, rows.mean(0), rtol=1e-9) and np.allclose(std, rows.std(0), rtol=1e-9)
    return None if close else "mean or standard deviation differ from numpy's"
