"""What the tests of one case share: its files, its layer or model, its SavedModel and what other processes say."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

import tf_loadops as tlo

from .cases import Case, Refusal

HERE = Path(__file__).parent


class Made:
    """A case, built and exported.

    Attributes:
      case: the case.
      source: the path that the layer was constructed with, in its first state.
      second: a path to the second state.
      folder: where the case's files are.
      directory: the SavedModel, moved after the export.
      carried: the path that the SavedModel was exported with.
      refused: the path of each refused source, by the refusal's name.
    """

    def __init__(self, case: Case, folder: Path) -> None:
        self.case, self.folder = case, folder
        self.source = case.first.write(folder / "first")
        self.second = case.second.write(folder / "second")
        self.carried = case.first.write(folder / "carried")
        self.refused = {refusal.name: refusal.write(folder / refusal.name) for refusal in case.refusals}
        self.model = case.build(self.source)
        exported = case.build(self.carried)
        tlo.export_saved_model(
            exported,
            folder / "made" / "model",
            signatures=case.signatures,
            source=None if case.takes_none else self.carried,
        )
        self.directory = folder / "moved"
        os.rename(folder / "made" / "model", self.directory)

    def path(self, path: Path) -> tf.Tensor:
        """What the layer or model is called with."""
        return tf.constant(str(path)) if self.case.takes_none else tf.constant([str(path)])

    @functools.cached_property
    def with_argument(self) -> Any:
        """A graph whose path is an argument."""
        spec = self.path(self.source)
        spec = tf.TensorSpec([None] * spec.shape.rank, tf.string)
        return tf.function(lambda path: self.model(path), input_signature=[spec], autograph=False)

    @functools.cached_property
    def with_constant(self) -> Any:
        """A graph whose path is a constant: the layer's own, where it has one."""
        call = lambda: self.model(None if self.case.takes_none else self.path(self.source))  # noqa: E731
        return tf.function(call, input_signature=[], autograph=False)

    @functools.cached_property
    def with_outer_constant(self) -> Any:
        """A graph that passes a constant to the one with an argument."""
        return tf.function(lambda: self.with_argument(self.path(self.source)), input_signature=[], autograph=False)

    @functools.cached_property
    def loaded(self) -> Any:
        """The SavedModel, loaded into this process."""
        return tf.saved_model.load(str(self.directory))

    def load_path(self, path: Path) -> Any:
        """Calls the loaded SavedModel."""
        return self.loaded.signatures["path"](path=tf.constant([str(path)]))

    @functools.cached_property
    def meta_graph(self) -> Any:
        """What is written in saved_model.pb."""
        document = saved_model_pb2.SavedModel()
        document.ParseFromString((self.directory / "saved_model.pb").read_bytes())
        return document.meta_graphs[0]

    def text_of(self, refusal: Refusal, own: Path) -> str:
        """The message of a refusal, said by a layer or model that was built for the source at `own`."""
        return refusal.text.replace("{path}", str(self.refused[refusal.name])).replace("{own}", str(own))


def run(arguments: Sequence[str], folder: Path, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    """Runs a program in a folder where no source of this project is, and asserts that it ends well."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment["TF_CPP_MIN_LOG_LEVEL"] = "3"
    done = subprocess.run(
        list(arguments), cwd=folder, env=environment, capture_output=True, text=True, timeout=timeout, check=False
    )
    assert done.returncode == 0, f"{arguments[:4]} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


class _Calls:
    """Adds calls of a case's signatures to the jobs."""

    def __init__(self, made: Made, jobs: list[dict[str, Any]]) -> None:
        self.made, self.jobs = made, jobs

    def __call__(self, what: str, signature: str, **inputs: Sequence[str | Path]) -> None:
        fed = {name: [str(value) for value in values] for name, values in inputs.items()}
        name, directory = f"{self.made.case.name}/{what}", str(self.made.directory)
        self.jobs.append({"name": name, "directory": directory, "signature": signature, "inputs": fed})


def only_tensorflow(made: Sequence[Made], folder: Path) -> dict[str, Any]:
    """Calls every signature of every SavedModel in one process that imports only TensorFlow."""
    jobs: list[dict[str, Any]] = []
    for one in made:
        call = _Calls(one, jobs)
        call("path", "path", path=[one.source])
        call("two paths", "path", path=[one.source, one.second])
        for refusal, path in one.refused.items():
            call(refusal, "path", path=[path])
        call("path again", "path", path=[one.source])
        if one.case.rows is not None:
            call("rows", "rows", rows=one.case.rows)
        call("baked", "baked")
        jobs.append({"replace": [str(one.carried), str(one.second)]})
        call("baked, rewritten", "baked")
        jobs.append({"remove": str(one.carried)})
        call("baked, removed", "baked")
        call("embedded", "embedded")
    (folder / "jobs.json").write_text(json.dumps(jobs))
    run([sys.executable, "-I", str(HERE / "only_tensorflow.py"), "jobs.json", "results.json"], folder)
    return json.loads((folder / "results.json").read_text())
