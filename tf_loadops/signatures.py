"""Parts of an exported SavedModel: the files it carries, the names of its outputs, keys and parameters as inputs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tf_loadops.errors import LoadError
from tf_loadops.layers.loader import Loader, as_source, embedded
from tf_loadops.layers.lookup import SQLiteLookup
from tf_loadops.sql.options import as_params
from tf_loadops.sql.postgres.dsn import is_server, label_of

Tensor = Any

KEY_SIGNATURES = ("keys", "embedded_keys")
PARAM_SIGNATURES = ("params", "embedded_params")


def asset(path: str) -> tf.saved_model.Asset:
    """A file that a SavedModel carries.

    Args:
      path: where it is.

    Returns:
      The asset.

    Raises:
      LoadError: if there is no such file, or the file alone is not the whole of a database.
    """
    if is_server(path):
        raise LoadError(
            f"{label_of(path)}: a SavedModel cannot carry a server's data. Take a snapshot of the query with "
            f"tlo.snapshot, "
            "and export a loader of that file."
        )
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

    traced = {}
    for name in signatures:
        held = carried(sources_of(lookups), module) if name == "embedded_keys" else {}
        traced[name] = _fed(model, spec, held)
        if not traced[name].inputs[0].consumers():
            raise LoadError(f"Signature {name!r} would ignore its input: the model does not hand it to a lookup.")
    return traced


def trace_params(
    model: keras.layers.Layer, layers: Sequence[Loader | SQLiteLookup], name: str, module: tf.Module
) -> Any:
    """Traces a signature that takes the parameters of a query.

    Args:
      model: a loader whose query has parameters, or a functional model whose inputs are named as they are.
      layers: the loaders and lookups in it.
      name: one of `PARAM_SIGNATURES`.
      module: what is saved; it gets the assets.

    Returns:
      The concrete function.

    Raises:
      LoadError: if there are no parameters, or the model does not take them.
    """
    params = {key: value for layer in layers for key, value in (getattr(layer, "params", None) or {}).items()}
    if not params:
        raise LoadError(
            f"Signature {name!r} takes the parameters of a query, but no query here has any. Write :name in it, and "
            "construct the loader with params={name: value}."
        )
    if isinstance(model, Loader):
        tensors = zip(params, as_params(params), strict=True)
        specs = {key: tf.TensorSpec([None] * tensor.shape.rank, tensor.dtype, name=key) for key, tensor in tensors}
    else:
        specs = {part.name: tf.TensorSpec(part.shape, part.dtype, name=part.name) for part in model.inputs or []}
    if not set(specs) <= set(params) or not specs:
        raise LoadError(
            f"Signature {name!r} hands its inputs to the query's parameters, {', '.join(params)}, by their names. "
            f"Received: a model with the inputs {', '.join(specs) or 'of no name'}. Make a functional model of "
            "keras.Input(..., name=parameter)."
        )
    return _fed(model, specs, carried(sources_of(layers), module) if name == "embedded_params" else {})


def sources_of(layers: Sequence[Loader | SQLiteLookup]) -> dict[int, list[str]]:
    """The paths that layers name as their own, by the layers' ids."""
    return {id(layer): as_source(layer.source) for layer in layers if layer.source is not None}


def carried(sources: dict[int, list[str]], module: tf.Module) -> dict[int, Any]:
    """Copies of files for a SavedModel, by the ids of the layers that read them; the module keeps them."""
    held = {at: [asset(path) for path in paths] for at, paths in sources.items()}
    module.assets_held = [*getattr(module, "assets_held", []), *(part for parts in held.values() for part in parts)]
    return held


def asset_paths(held: dict[int, Any]) -> dict[int, Tensor]:
    """Where those copies are, inside the function that is traced."""
    return {at: tf.stack([part.asset_path for part in parts]) for at, parts in held.items()}


def _fed(model: keras.layers.Layer, spec: Any, held: dict[int, Any]) -> Any:
    def feed(values: Any) -> dict[str, Tensor]:
        with embedded(asset_paths(held)):
            return named(model(values))

    return tf.function(feed, input_signature=[spec], autograph=False).get_concrete_function()
