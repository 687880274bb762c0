"""The demo's steps, one after another, each said as it is done."""

from __future__ import annotations

import csv
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import keras
import tensorflow as tf

import tf_loadops as tlo
from tf_loadops.data import penguins
from tf_loadops.demo import console, model
from tf_loadops.errors import LoadError

HOLD_OUT_EVERY = 4
"""Every fourth row is held out; the file is sorted by species, so each species gives its share."""


def run(output: str | None = None, epochs: int = 30) -> None:
    """Trains on the Palmer penguins, exports, and predicts in processes that know nothing of this package.

    Args:
      output: a directory that is new or empty; None means a new one in the system's folder for temporary files.
      epochs: how often the training rows are read and learned from.

    Raises:
      LoadError: if the directory holds files, or another process answers differently from this one.
    """
    folder = _empty_folder(output)
    keras.utils.set_random_seed(1)

    console.heading("1. Read the file")
    schema = model.penguin_schema(penguins())
    table = tlo.read_csv(penguins(), schema)
    counts = {name: int(count) for name, count in table.counts.items()}
    console.line(f"{Path(penguins()).name}: {counts['rows']} rows, {counts['missing']} missing values")
    console.line(", ".join(f"{column.name} ({column.dtype})" for column in schema))

    console.heading("2. Split it")
    train_csv, held_out_csv, truth = _split(penguins(), folder)
    kept = counts["rows"] - len(truth)
    console.line(f"every {HOLD_OUT_EVERY}th row is held out: {kept} rows to train on, {len(truth)} to test")

    console.heading("3. Train: path -> load -> impute, standardize, one-hot -> classify")
    measurements = tlo.CSVDataLoader(schema=schema, features=model.NUMBERS)(tf.constant(train_csv))
    classifier = model.build_classifier(measurements)
    with console.progress("epochs", epochs) as advance:
        after_epoch = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: advance())
        model.train(classifier, schema, train_csv, epochs, [after_epoch])
    server = model.build_server(classifier, schema)
    answers = model.answers(server, held_out_csv)
    hits = sum(species == true for (species, _), true in zip(answers, truth, strict=True))
    console.line(f"{epochs} epochs; held-out accuracy {hits / len(truth):.3f} ({hits} of {len(truth)} rows)")

    console.heading("4. Export")
    saved_model = str(folder / "saved_model")
    tlo.export_saved_model(server, saved_model, signatures=("path", "rows"))
    console.line(f"SavedModel: {saved_model}")
    console.line("signatures: path (the serving default; files to read), rows (CSV text, as a request brings it)")

    console.heading("5. Predict in a process that imports only TensorFlow")
    expected = [species for species, _ in answers]
    script = str(shutil.copy(Path(__file__).with_name("predict.py"), folder))
    printed = _call("predict.py", [sys.executable, script, saved_model, held_out_csv])
    pairs = [row.split(",") for row in printed.splitlines()]
    _same("predict.py", [species for species, _ in pairs], expected)
    _show(held_out_csv, pairs, truth)

    console.heading("6. Predict with saved_model_cli")
    arguments = ["run", "--dir", saved_model, "--tag_set", "serve", "--signature_def", "serving_default"]
    arguments += ["--input_exprs", f'path=["{held_out_csv}"]']
    console.line("saved_model_cli " + shlex.join(arguments))
    cli = [sys.executable, "-m", "tensorflow.python.tools.saved_model_cli"]
    printed = _call("saved_model_cli", cli + arguments)
    _same("saved_model_cli", re.findall(r"b'(\w+)'", printed), expected)
    console.line(f"the same {len(expected)} answers")

    console.heading("Try it yourself")
    console.line(shlex.join([sys.executable, script, saved_model, held_out_csv]))


def _empty_folder(output: str | None) -> Path:
    if output is None:
        return Path(tempfile.mkdtemp(prefix="tf_loadops_demo_"))
    folder = Path(output).absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise LoadError(f"The demo writes to a directory that is new or empty, and {output} is not. Name another one.")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _split(path: str, folder: Path) -> tuple[str, str, list[str]]:
    """Writes train.csv and held_out.csv, the latter without the species; returns their paths and the species."""
    with open(path, encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    label = head.index("species")
    held_out = rows[HOLD_OUT_EVERY - 1 :: HOLD_OUT_EVERY]
    kept = [row for number, row in enumerate(rows, start=1) if number % HOLD_OUT_EVERY]
    unlabelled = [[cell for place, cell in enumerate(row) if place != label] for row in [head, *held_out]]
    for name, lines in (("train.csv", [head, *kept]), ("held_out.csv", unlabelled)):
        with open(folder / name, "w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(lines)
    return str(folder / "train.csv"), str(folder / "held_out.csv"), [row[label] for row in held_out]


def _call(name: str, command: list[str]) -> str:
    # Away from the caller's folder and PYTHONPATH, so that nothing but the installed TensorFlow is found there, and on
    # the CPU, since this process holds the memory of a GPU.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1", PYTHONIOENCODING="utf-8")
    with tempfile.TemporaryDirectory() as elsewhere:
        done = subprocess.run(command, cwd=elsewhere, env=environment, capture_output=True, text=True, encoding="utf-8")
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "it printed nothing").splitlines()[-1]
        raise LoadError(f"{name} ended with exit code {done.returncode}: {last}")
    return done.stdout


def _same(name: str, received: list[str], expected: list[str]) -> None:
    if received != expected:
        raise LoadError(f"{name} gave other answers than the model it was exported from: {received}, not {expected}.")


def _show(path: str, pairs: list[list[str]], truth: list[str]) -> None:
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    shown = {"island": "island", "sex": "sex", "bill mm": "bill_length_mm", "mass g": "body_mass_g"}
    some = range(0, len(rows), max(1, len(rows) // 7))
    lines = [[*(rows[i][name] for name in shown.values()), *pairs[i], truth[i]] for i in some]
    console.table([*shown, "predicted", "probability", "true"], lines)
