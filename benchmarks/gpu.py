"""Bytes on a GPU to standardized float32 on it: rates, uploads, kernels (--device cpu: the same without a GPU)."""

from __future__ import annotations

import concurrent.futures
import functools
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

import tf_loadops as tlo
from benchmarks import cudf_peer, device_csv, gpu_tables, trace
from benchmarks.csv_read import ROWS, values_of, write_file
from benchmarks.device_csv import done
from benchmarks.suite import Case, Figures, Plan, SkippedError
from tf_loadops.standardize import standardize

COLUMNS = 10
OURS = "tf_loadops, bytes on the device"
_KIND = "numeric10"
_SCHEMA = tlo.Schema([tlo.Column(f"f{i}", "float32") for i in range(COLUMNS)])


def cases(plan: Plan) -> Iterator[Case | Figures]:
    """Everything for the plan's device."""
    if plan.device == "gpu" and not tf.config.list_physical_devices("GPU"):
        raise SkippedError("TensorFlow sees no GPU on this machine.")
    device = f"/{plan.device.upper()}:0"
    for megabytes in plan.pick([0.2], [1, 16], [1, 16, 128, 1024], [1, 16, 128, 1024, 4096]):
        yield text_case(device, parts(megabytes, plan.pick(0.1, 64, 64, 64)), megabytes)
    megabytes, files = plan.pick((0.2, 2), (8, 4), (64, 8), (256, 16))
    path = plan.file(f"{_KIND}-{megabytes:g}.csv", functools.partial(write_file, kind=_KIND, megabytes=megabytes))
    yield files_case(device, path, files)
    rows = plan.pick(1000, 1_000_000, 10_000_000, 50_000_000)
    x = np.random.default_rng(0).standard_normal((rows, COLUMNS), dtype=np.float32) * 3 + 100
    yield matrix_case(device, x)
    del x
    yield from gpu_tables.cases(device, plan)
    megabytes = plan.pick(0.2, 16, 64, 64)
    (part,) = parts(megabytes, megabytes)
    work = csv_work(device, [part])
    yield Figures(f"kernels, CSV of {megabytes:g} MB", functools.partial(trace.rows, work))


@functools.cache
def block() -> tuple[np.ndarray, np.ndarray, bytes]:
    """What every text here repeats: its numbers as float32, standardized, and as text."""
    _, cells, numbers = values_of(_KIND)
    x = numbers.astype(np.float32)
    wide = x.astype(np.float64)
    text = "".join(",".join(row) + "\n" for row in zip(*cells, strict=True)).encode()
    return x, ((wide - wide.mean(0)) / wide.std(0)).astype(np.float32), text


def parts(megabytes: float, largest: float) -> list[device_csv.Part]:
    """A text of about this size in equal parts; they share the host's memory, but not the device's."""
    text = block()[2]
    blocks = max(1, round(megabytes * 1e6 / len(text)))
    count = -(-blocks // max(1, round(largest * 1e6 / len(text))))
    return [device_csv.part_of(text * (blocks // count))] * count


def uploaded(device: str, text: list[device_csv.Part]) -> list[Any]:
    """The parts on the device."""
    return [(device_csv.on_device(device, part), part.height) for part in text]


def csv_work(device: str, text: list[device_csv.Part]) -> Callable[[], Any]:
    """Loads and standardizes parts that are on the device before."""
    ready = uploaded(device, text)

    def work() -> Any:
        loaded = device_csv.load(device, COLUMNS, ready)
        return done((loaded, device_csv.standardized(device, loaded)))

    return work


def text_case(device: str, text: list[device_csv.Part], megabytes: float) -> Case:
    """A text in memory."""
    rows = sum(part.rows for part in text)
    size = rows // ROWS * len(block()[2])

    def with_upload() -> Any:
        # One after the other in this thread, but the device is at work on a part while the next one is copied.
        ready = ((device_csv.on_device(device, part), part.height) for part in text)
        loaded = device_csv.load(device, COLUMNS, ready)
        return done((loaded, device_csv.standardized(device, loaded)))

    whole = block()[2] * (rows // ROWS) if megabytes <= 1024 else b""  # a string of TensorFlow's has less than 2 GiB
    string = tf.constant(np.array(whole, object))

    @tf.function(input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
    def parse(string: Any) -> Any:
        x = tlo.parse_csv(string, _SCHEMA, engine="numeric", header=False).matrix()
        return standardize(x, tlo.Moments.of(x))

    def engine() -> Any:
        with tf.device(device):
            return done(parse(string))

    def pandas() -> Any:
        import io

        import pandas as pd

        x = pd.read_csv(io.BytesIO(whole), header=None).to_numpy("float32")
        mean, std = x.mean(0, dtype=np.float64), x.std(0, dtype=np.float64)
        with tf.device(device):
            return done(tf.constant((x - mean.astype(np.float32)) / std.astype(np.float32)))

    work = {OURS: csv_work(device, text), "tf_loadops, upload included": with_upload}
    if whole:
        work |= {
            "tf_loadops, parse_csv, text on the host": engine,
            "pandas, numpy, upload": pandas,
            "cuDF, text on the host": lambda: cudf_peer.csv(whole, header=None),
        }
    return Case(f"text to standardized float32 on the device, {megabytes:g} MB", work, OURS, check(rows), size=size)


def files_case(device: str, path: pathlib.Path, count: int) -> Case:
    """Files, here one so many times: it is in the page cache anyway."""
    paths = [path] * count

    def read(path: pathlib.Path) -> device_csv.Part:
        with path.open("rb") as file:
            file.readline()
            return device_csv.part_of_file(file)

    def in_turn() -> Any:
        loaded = []
        for path in paths:
            part = read(path)
            loaded += device_csv.load(device, COLUMNS, [(done(device_csv.on_device(device, part)), part.height)])
            done(loaded)
        return done((loaded, device_csv.standardized(device, loaded)))

    def overlapping() -> Any:
        with concurrent.futures.ThreadPoolExecutor(2) as threads:
            ahead = threads.map(read, paths)
            ready = ((device_csv.on_device(device, part), part.height) for part in ahead)
            loaded = device_csv.load(device, COLUMNS, ready)
        return done((loaded, device_csv.standardized(device, loaded)))

    layer = tlo.PreprocessingDataLoader(schema=_SCHEMA, engine="numeric")
    load = tf.function(layer, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
    names = tf.constant([str(path) for path in paths])

    def loader() -> Any:
        with tf.device(device):
            return done(load(names))

    work = {
        "tf_loadops, one step after the other": in_turn,
        "tf_loadops, reading, upload and program overlap": overlapping,
        "tf_loadops, PreprocessingDataLoader": loader,
        "cuDF": lambda: cudf_peer.csv(*paths),
    }
    part = read(path)
    title = f"{count} CSV files of {path.stat().st_size / 1e6:.3g} MB to standardized float32 on the device"
    size = path.stat().st_size * count
    return Case(title, work, "tf_loadops, one step after the other", check(part.rows * count), size=size)


def matrix_case(device: str, x: np.ndarray) -> Case:
    """A matrix that is on the device."""
    with tf.device(device):
        tensor = tf.constant(x)
    sample = slice(None, None, max(1, len(x) // 100_000))
    expected = (x[sample].astype(np.float64) - x.mean(0, dtype=np.float64)) / x.std(0, dtype=np.float64)

    def compiled(function: Callable[[Any], Any]) -> Callable[[], Any]:
        program = tf.function(function, jit_compile=True, autograph=False)

        def work() -> Any:
            with tf.device(device):
                return done(program(tensor))

        return work

    def in_float32(x: Any) -> Any:
        mean, variance = tf.nn.moments(x, 0)
        return (x - mean) * tf.math.rsqrt(variance)

    def check(name: str, result: Any) -> str | None:
        if name.startswith("read"):
            return None
        worst = float(np.abs(result.numpy()[sample] - expected).max())
        return None if worst < (1e-5 if name == "tf_loadops" else 1e-2) else f"off by up to {worst:.1e}"

    work = {
        "tf_loadops": compiled(fused),
        "tf.nn.moments in float32": compiled(in_float32),
        "read and write once": compiled(lambda x: x + 1),
    }
    title = f"float32 on the device, standardized, {x.nbytes / 1e6:g} MB"
    return Case(title, work, "tf_loadops", check, size=x.nbytes)


def fused(x: Any) -> Any:
    """Statistics and standardizing as one program."""
    return standardize(x, tlo.Moments.of(x))


def check(rows: int) -> Callable[[str, Any], str | None]:
    """Compares with the block: what is read to the last bit, what is standardized to one unit in the last place."""

    def judge(name: str, result: Any) -> str | None:
        values, scaled, _ = block()
        if not name.startswith("tf_loadops"):
            return _compare([np.asarray(result)], scaled, rows, 1e-4)
        if tf.is_tensor(result):
            return _compare([result.numpy()], scaled, rows, 1e-6)  # a loader may round at the end only
        loaded, standardized = result
        if not all(bool(part.ok) for part in loaded):
            return "the program could not read the text"
        counts = [int(part.moments.count[0]) for part in loaded]
        found = [part.x.numpy()[:count] for part, count in zip(loaded, counts, strict=True)]
        after = [part.numpy()[:count] for part, count in zip(standardized, counts, strict=True)]
        return _compare(found, values, rows, 0) or _compare(after, scaled, rows, np.spacing(np.abs(scaled)))

    return judge


def _compare(parts: list[np.ndarray], expected: np.ndarray, rows: int, tolerance: Any) -> str | None:
    found = sum(map(len, parts))
    if found != rows:
        return f"{found} rows, expected {rows}"
    off = max(float((np.abs(part.reshape(-1, *expected.shape) - expected) - tolerance).max()) for part in parts)
    return None if off <= 0 else f"off by {off:.1e} more than it may be"
