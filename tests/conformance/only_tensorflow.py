"""A program that calls signatures of SavedModels in a process that has TensorFlow and nothing else.

Determinism is asked for, which forbids whatever depends on the clock or on chance.

Its arguments are two JSON files: the jobs, and where the results go. A job is either "replace", two
paths, or "remove", a path, or a call: a "name", a "directory", a "signature" and its "inputs". The result by that name
is either "outputs" or "error".
"""

import json
import os
import shutil
import sys

sys.modules["tf_loadops"] = None  # an import of it fails

import tensorflow as tf  # noqa: E402


def main(jobs_path: str, results_path: str) -> None:
    tf.config.experimental.enable_op_determinism()
    with open(jobs_path) as file:
        jobs = json.load(file)
    loaded, results = {}, {}
    for job in jobs:
        if "replace" in job:
            old, new = job["replace"]
            shutil.copyfile(new, old)
        elif "remove" in job:
            os.remove(job["remove"])
        else:
            directory = job["directory"]
            if directory not in loaded:
                loaded = {directory: tf.saved_model.load(directory)}
            results[job["name"]] = call(loaded[directory].signatures[job["signature"]], job["inputs"])
    with open(results_path, "w") as file:
        json.dump(results, file)


def call(signature: object, inputs: dict) -> dict:
    try:
        outputs = signature(**{name: tf.constant(value, tf.string) for name, value in inputs.items()})
    except tf.errors.OpError as error:
        return {"error": error.message}
    return {"outputs": {name: plain(value) for name, value in outputs.items()}}


def plain(value: tf.Tensor) -> list:
    values = value.numpy().tolist()
    return [value.dtype.name, [text.decode() for text in values] if value.dtype == tf.string else values]


if __name__ == "__main__":
    main(*sys.argv[1:])
