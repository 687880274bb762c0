"""Parts of an exported SavedModel: the files it carries, the names of its outputs, the signatures of lookups."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tf_loadops.errors import LoadError
from tf_loadops.layers.loader import embedded
from tf_loadops.layers.lookup import SQLiteLookup

Tensor = Any

KEY_SIGNATURES = ("keys", "embedded_keys")


def asset(path: str) -> tf.saved_model.Asset:
    """A file that a SavedModel carries.

    Args:
      path: where it is.

    Returns:
      The asset.

    Raises:
      LoadError: if there is no such file, or the file alone is not the whole of a database.
    """
    if not tf.io.gfile.exists(path) or tf.io.gfile.isdir(path):
        raise LoadError(
            f"{path}: there is no such file. Signature 'embedded' carries a copy of it; check the path that source=... "
            "or the loader names."
        )
    target = path if "://" in path else os.path.realpath(path)  # SQLite keeps its logs beside the target of a link
    for log in (f"{target}-wal", f"{target}-journal"):
        if tf.io.gfile.exists(log) and tf.io.gfile.stat(log).length:
            raise LoadError(
                f"{path}: a copy of it would lack what is in {log}. Let the programs that write the database end, or "
                "run PRAGMA wal_checkpoint(TRUNCATE), and export again."
            )
    return tf.saved_model.Asset(path)


def named(outputs: Any) -> dict[str, Tensor]:
    """Names a model's outputs: a dict's own keys, "output" for a tensor, and "label" for the second of a pair."""
    if isinstance(outputs, dict):
        return {key: tf.identity(value) for key, value in outputs.items()}
    if isinstance(outputs, (tuple, list)):
        x, label = outputs if len(outputs) == 2 else (None, None)
        if label is None or "label" in (x if isinstance(x, dict) else {}):
            raise LoadError("A signature returns a tensor, a dict of tensors, or a pair of one of these and a label.")
        return {**named(x), "label": tf.identity(label)}
    return {"output": tf.identity(outputs)}


def trace_keys(
    model: keras.layers.Layer, lookups: Sequence[SQLiteLookup], signatures: Sequence[str], module: tf.Module
) -> dict[str, Any]:
    """Traces the signatures of a model that takes keys.

    Args:
      model: the model.
      lookups: the lookups in it.
      signatures: some of `KEY_SIGNATURES`.
      module: what is saved; it gets the assets.

    Returns:
      The concrete function of each signature.
    """
    dtypes = {layer.key_dtype for layer in lookups}
    if len(dtypes) > 1:
        raise LoadError("An exported model takes one vector of keys, but its lookups take integers and text.")
    spec = tf.TensorSpec([None], dtypes.pop(), name="keys")

    def trace(paths: dict[int, Any]) -> Any:
        def keys(keys: Tensor) -> dict[str, Tensor]:
            with embedded({at: held.asset_path for at, held in paths.items()}):
                return named(model(keys))

        return tf.function(keys, input_signature=[spec], autograph=False).get_concrete_function()

    traced = {}
    for name in signatures:
        held = {id(layer): asset(layer.source) for layer in lookups} if name == "embedded_keys" else {}
        if held:
            module.assets_held = list(held.values())
        traced[name] = trace(held)
        if not traced[name].inputs[0].consumers():
            raise LoadError(f"Signature {name!r} would ignore its input: the model does not hand it to a lookup.")
    return traced
