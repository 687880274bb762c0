"""What people wait for: file to trained model, file to predictions, and one request to a served model."""

from __future__ import annotations

import functools
import io
import pathlib
import tempfile
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import tf_loadops as tlo
from benchmarks import timing
from benchmarks.fresh import fresh
from benchmarks.suite import Case, Figures, Plan

BASELINE = "pandas, numpy"
FEATURES = [f"f{i}" for i in range(10)]
BLOCK = 2000  # a file repeats so many rows
BATCH = 512

CSV_DATASET = "make_csv_dataset, Normalization"

_TRAINING_MEMORY = """
from benchmarks.end_to_end import training
peak = begin_memory()
training(sys.argv[1])[sys.argv[2]]()
print(json.dumps(peak() / 1e6))
"""
_PREDICTING_MEMORY = """
from benchmarks.end_to_end import predicting, trained
work = predicting(sys.argv[1], trained(), sys.argv[3])[sys.argv[2]]
peak = begin_memory()
work()
print(json.dumps(peak() / 1e6))
"""


def cases(plan: Plan) -> Iterator[Case | Figures]:
    """Training, predicting, serving."""
    blocks = plan.pick(2, 50, 500, 2500)
    path = plan.file(f"labelled-{blocks * BLOCK}.csv", functools.partial(write_file, blocks=blocks))
    rows = f"CSV of {blocks * BLOCK} x {len(FEATURES)}"
    yield Case(f"file to a model trained for one epoch, {rows}", training(str(path)), BASELINE, check_trained, slow=30)
    if plan.size != "smoke":
        names = list(training(str(path)))
        yield Figures(f"memory of that training, {rows}", functools.partial(memory, names, _TRAINING_MEMORY, str(path)))
    with tempfile.TemporaryDirectory() as folder:
        model = trained()
        export(model, folder)
        check = functools.partial(check_predicted, model, blocks)
        work = predicting(str(path), model, folder)
        yield Case(f"file to predictions, {rows}", work, BASELINE, check)
        measure = functools.partial(memory, list(work), _PREDICTING_MEMORY, str(path), folder)
        yield Figures(f"memory of those predictions, {rows}", measure)
        for size in plan.pick([10], [1, 100, 10_000], [1, 100, 10_000], [1, 100, 10_000]):
            calls = plan.pick(3, 100, 300, 300)
            measure = functools.partial(latencies, requests(model, folder, size), calls)
            yield Figures(f"one request of {size} rows to a loaded model, {calls} calls", measure)


@functools.cache
def block() -> tuple[np.ndarray, np.ndarray, bytes]:
    """The rows that a file repeats: features, labels that depend on them linearly, and their text."""
    rng = np.random.default_rng(0)
    text = [[f"{v:.5f}" for v in row] for row in rng.normal(size=[BLOCK, len(FEATURES)]) * 10 + 50]
    x = np.array(text, float)
    y = (x - 50) @ np.linspace(-1, 1, len(FEATURES)) / 10
    lines = "".join(f"{','.join(row)},{label:.5f}\n" for row, label in zip(text, y, strict=True))
    return x, np.round(y, 5), lines.encode()


def write_file(path: pathlib.Path, blocks: int) -> None:
    """Writes the block so many times."""
    with path.open("wb") as file:
        file.write((",".join([*FEATURES, "y"]) + "\n").encode())
        for _ in range(blocks):
            file.write(block()[2])


def network(*first: keras.layers.Layer) -> keras.Model:
    """The same network, with the same initial weights, for everybody."""
    keras.utils.set_random_seed(0)
    net = keras.Sequential([*first, keras.layers.Dense(16, "relu"), keras.layers.Dense(1)])
    net.compile(keras.optimizers.Adam(0.01), "mse")
    return net


def one_epoch(net: keras.Model, batches: tf.data.Dataset) -> None:
    """Trains on all batches once, in order."""
    with warnings.catch_warnings():
        # Keras warns of every dataset whose size is not known beforehand.
        warnings.filterwarnings("ignore", message="Your input ran out of data")
        net.fit(batches, shuffle=False, verbose=0)


def training(path: str) -> dict[str, Callable[[], Any]]:
    """Ways to a trained model; each returns what it predicts for the block."""
    x, _, _ = block()

    def ours() -> Any:
        loader = tlo.CSVDataLoader(path, features=FEATURES, label="y", sample_rows=10_000)
        scale = tlo.Standardize()
        scale.adapt(loader, verbose=False)
        net = network(scale)
        one_epoch(net, loader.dataset(batch_size=BATCH))
        return net(tf.constant(x, tf.float32)).numpy()

    def pandas() -> Any:
        import pandas as pd

        frame = pd.read_csv(path)
        values = frame[FEATURES].to_numpy("float64")
        mean, std = values.mean(0), values.std(0)
        net = network()
        x32, y32 = ((values - mean) / std).astype(np.float32), frame["y"].to_numpy("float32")
        one_epoch(net, tf.data.Dataset.from_tensor_slices((x32, y32)).batch(BATCH))
        return net(tf.constant((x - mean) / std, tf.float32)).numpy()

    def csv_dataset() -> Any:
        data = tf.data.experimental.make_csv_dataset(path, BATCH, label_name="y", num_epochs=1, shuffle=False)
        batches = data.map(lambda features, y: (tf.stack([features[name] for name in FEATURES], axis=1), y))
        scale = keras.layers.Normalization()
        scale.adapt(batches.map(lambda features, _: features))
        net = network(scale)
        one_epoch(net, batches)
        return net(tf.constant(x, tf.float32)).numpy()

    return {BASELINE: pandas, CSV_DATASET: csv_dataset, "tf_loadops": ours}


def check_trained(name: str, result: Any) -> str | None:
    """Whether the network has learned the labels."""
    _, y, _ = block()
    left = float(np.mean((result[:, 0] - y) ** 2) / np.var(y))
    return None if left < 0.9 else f"has learned nothing: {left:.2f} of the labels' variance is left"


def memory(
    names: list[str], script: str, path: str, *more: str | Plan | Callable[[str], None]
) -> dict[str, dict[str, Any]]:
    """The peak of each way above what TensorFlow takes, in a process of its own."""
    *arguments, plan, advance = more
    report = {}
    for name in names:
        if plan.wants(name):
            advance(name)
            try:
                report[name] = {**timing.summary([fresh(script, path, name, *arguments)]), "unit": "MB"}
            except RuntimeError as error:
                report[name] = {"skipped": timing.reason(error)}
    return report


def trained() -> keras.Model:
    """A model from standardized features; what its weights are is all one to how long it takes."""
    net = network()
    net.build([None, len(FEATURES)])
    return net


def export(net: keras.Model, folder: str) -> None:
    """A SavedModel of loader, standardizing and model, which takes paths and rows of text."""
    features = tlo.Schema([tlo.Column(name, "float32") for name in FEATURES])
    scale = tlo.Standardize()
    scale.adapt(tlo.Moments.of(block()[0]))
    inputs = keras.Input(shape=(), dtype="string", name="path")
    served = keras.Model(inputs, net(scale(tlo.CSVDataLoader(schema=features)(inputs))))
    tlo.export_saved_model(served, folder, signatures=("path", "rows"), overwrite=True)


def predicting(path: str, net: keras.Model, folder: str) -> dict[str, Callable[[], Any]]:
    """Ways from a file to predictions, all rows at once."""
    call = tf.saved_model.load(folder).signatures["path"]
    mean, std = block()[0].mean(0), block()[0].std(0)

    def pandas() -> Any:
        import pandas as pd

        values = pd.read_csv(path, usecols=FEATURES).to_numpy("float64")
        return net(tf.constant((values - mean) / std, tf.float32)).numpy()

    def csv_dataset() -> Any:
        data = tf.data.experimental.make_csv_dataset(
            path, BATCH, select_columns=FEATURES, column_defaults=[tf.float32] * len(FEATURES), num_epochs=1,
            shuffle=False,
        )  # fmt: skip
        scale = keras.layers.Normalization(mean=mean, variance=std**2)
        scale.build([None, len(FEATURES)])
        batches = data.map(lambda features: tf.stack([features[name] for name in FEATURES], axis=1))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Your input ran out of data")
            return keras.Sequential([scale, net]).predict(batches, verbose=0)

    def ours() -> Any:
        return call(path=tf.constant([path]))["output"].numpy()

    return {BASELINE: pandas, CSV_DATASET: csv_dataset, "tf_loadops, SavedModel": ours}


def check_predicted(net: keras.Model, blocks: int, name: str, result: Any) -> str | None:
    """Compares with the network on NumPy's standardized block."""
    x, _, _ = block()
    expected = net(tf.constant((x - x.mean(0)) / x.std(0), tf.float32)).numpy()
    if result.shape != (blocks * BLOCK, 1):
        return f"shape {result.shape}, expected {(blocks * BLOCK, 1)}"
    worst = float(np.abs(result.reshape(-1, *expected.shape) - expected).max())
    return None if worst < 1e-4 else f"off by up to {worst:g}"


def requests(net: keras.Model, folder: str, size: int) -> dict[str, Callable[[], Any]]:
    """Ways to answer a request that brings rows of text."""
    call = tf.saved_model.load(folder).signatures["rows"]
    mean, std = block()[0].mean(0), block()[0].std(0)
    lines = [line.rpartition(b",")[0] for line in (block()[2] * (size // BLOCK + 1)).splitlines()[:size]]
    body, rows = b"\n".join(lines), tf.constant(lines)
    predict = tf.function(net, input_signature=[tf.TensorSpec([None, len(FEATURES)], tf.float32)])

    def pandas(model: Callable[[Any], Any]) -> Callable[[], Any]:
        def answer() -> Any:
            import pandas as pd

            values = pd.read_csv(io.BytesIO(body), header=None).to_numpy("float64")
            return model(tf.constant((values - mean) / std, tf.float32)).numpy()

        return answer

    work = {"pandas, model(x)": pandas(net), "pandas, tf.function": pandas(predict)}
    return work | {"tf_loadops, SavedModel": lambda: call(rows=rows)["output"].numpy()}


def latencies(
    work: dict[str, Callable[[], Any]], calls: int, plan: Plan, advance: Callable[[str], None]
) -> dict[str, Any]:
    """The median and the 99th percentile of calls in turn, after both ways were found to agree."""
    work = {name: function for name, function in work.items() if plan.wants(name)}
    advance("first call")
    answers = [function() for function in work.values()]
    if any(not np.allclose(answers[0], other, atol=1e-4) for other in answers[1:]):
        return {name: {"skipped": "the answers differ"} for name in work}
    times: dict[str, list[float]] = {name: [] for name in work}
    for i in range(calls):
        advance(f"call {i + 1} of {calls}")
        for name, function in work.items():
            times[name].append(timing.timed(function)[0])
    baseline = next(iter(times.values()))
    report = {}
    for name, seconds in times.items():
        report[f"{name}, median"] = timing.summary(seconds, baseline)
        report[f"{name}, 99th percentile"] = timing.summary([float(np.percentile(seconds, 99))])
    return report
