"""export_saved_model: a model with its loading inside, for processes that have only TensorFlow."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from tf_loadops.errors import LoadError
from tf_loadops.graph_ops import check_ops
from tf_loadops.layers.loader import Loader, as_source, embedded, inputs_are_rows

Tensor = Any

SIGNATURES = ("path", "rows", "baked", "embedded")


def export_saved_model(
    model: keras.layers.Layer,
    directory: str | os.PathLike[str],
    *,
    signatures: Sequence[str] | None = None,
    source: Any = None,
    overwrite: bool = False,
    allow_custom_ops: bool = False,
) -> None:
    """Writes a SavedModel that loads its own data: no Python, no pandas, no copy of the preprocessing code.

    It runs wherever TensorFlow does: `tf.saved_model.load`, `saved_model_cli`, TensorFlow Serving, the C API. The
    signatures, the first of them also as `serving_default`:

    - "path": takes `path`, string [files], and reads those files.
    - "rows": takes `rows`, string [rows], one record of text each, as a request brings them.
    - "baked": takes nothing and reads, on every call, the path that `source` names at export.
    - "embedded": takes nothing and reads a copy of that file which the SavedModel carries in its assets.

    Args:
      model: a built Keras model with a loader layer in it, or a loader layer itself.
      directory: where the SavedModel is written; made, with its parents.
      signatures: which of them, in this order; by default path and rows, and baked if there is a source.
      source: the file or files for "baked" and "embedded"; by default the loader's own.
      overwrite: replace what is in the directory.
      allow_custom_ops: allow ops that plain TensorFlow does not have; the process that loads the model then needs
        their library.

    Raises:
      LoadError: if the model has no loader or is not built, a signature cannot be made of it, the directory holds
        something already, or the graph holds Python code (`PyFunc`) or custom ops. Nothing is written then.

    Example:
      >>> import pathlib, tempfile
      >>> folder = pathlib.Path(tempfile.mkdtemp())
      >>> _ = (folder / "a.csv").write_text("x,y\\n1,2\\n3,4\\n")
      >>> from tf_loadops import CSVDataLoader
      >>> export_saved_model(CSVDataLoader(folder / "a.csv"), folder / "model")
      >>> loaded = tf.saved_model.load(str(folder / "model"))
      >>> loaded.signatures["rows"](rows=tf.constant(["5,6"]))["output"].numpy().tolist()
      [[5.0, 6.0]]
    """
    loaders = _loaders(model)
    own = any(loader.source is not None for loader in loaders)
    if signatures is None:
        signatures = ("path", "rows", "baked") if own or source is not None else ("path", "rows")
    _check(model, signatures, own or source is not None)
    target = os.path.abspath(os.fspath(directory))
    if os.path.isdir(target) and os.listdir(target) and not overwrite:
        raise LoadError(f"{target}: the directory holds something already. Pass overwrite=True to replace it.")

    module = tf.Module()
    # Keras keeps its variables and tables where a SavedModel does not look, and saving the Keras model itself writes
    # a graph that sessions cannot initialise.
    module.variables_held = [variable.value for variable in model.variables]
    module.tables_held = _tables(model)
    traced = {name: _trace(name, model, loaders, module, source) for name in signatures}
    for name, function in traced.items():
        check_ops(function, f"Signature {name!r}", allow_custom_ops)
    module.traced = traced
    first = traced[signatures[0]]
    _write(module, {**traced, "serving_default": first}, target)


def _check(model: keras.layers.Layer, signatures: Sequence[str], has_source: bool) -> None:
    unknown = [name for name in signatures if name not in SIGNATURES]
    if unknown or not signatures:
        raise LoadError(f"Expected some of {', '.join(SIGNATURES)}. Received: signatures={tuple(signatures)!r}.")
    if not model.built:
        raise LoadError("An exported model is built. Call it once on data before exporting it.")
    needing = [name for name in signatures if name in ("baked", "embedded")]
    if needing and not has_source:
        raise LoadError(
            f"Signature {needing[0]!r} reads a file that is known at export, but no loader has one. Pass source=..., "
            "or construct the loader with a path."
        )


def _loaders(model: keras.layers.Layer) -> list[Loader]:
    loaders = [layer for layer in model._flatten_layers() if isinstance(layer, Loader)]
    if not loaders:
        raise LoadError(f"Nothing in {model.name!r} loads data: an exported model holds a tf_loadops loader layer.")
    return loaders


def _tables(model: keras.layers.Layer) -> list[Any]:
    held = [value for layer in model._flatten_layers() for value in vars(layer).values()]
    return [value for value in held if isinstance(value, tf.saved_model.experimental.TrackableResource)]


def _trace(name: str, model: keras.layers.Layer, loaders: list[Loader], module: tf.Module, source: Any) -> Any:
    """Traces one signature."""
    if name in ("path", "rows"):
        spec = tf.TensorSpec([None], tf.string, name=name)
        function = _with_input(name, model)
        concrete = tf.function(function, input_signature=[spec], autograph=False).get_concrete_function()
        if not concrete.inputs[0].consumers():
            raise LoadError(
                f"Signature {name!r} would ignore its input: the model's call does not hand it to a loader. "
                'Pass the input on, or export only signatures=("baked",) or ("embedded",).'
            )
        return concrete
    sources = [as_source(loader.source if source is None else source) for loader in loaders]
    if name == "embedded":
        assets = [[tf.saved_model.Asset(path) for path in paths] for paths in sources]
        module.assets_held = [asset for group in assets for asset in group]
        function = _without_input(model, loaders, lambda i: [asset.asset_path for asset in assets[i]])
    else:
        function = _without_input(model, loaders, lambda i: sources[i])
    return tf.function(function, input_signature=[], autograph=False).get_concrete_function()


def _with_input(name: str, model: keras.layers.Layer) -> Callable[[Tensor], dict[str, Tensor]]:
    def path(path: Tensor) -> dict[str, Tensor]:
        return _named(model(path))

    def rows(rows: Tensor) -> dict[str, Tensor]:
        with inputs_are_rows():
            return _named(model(rows))

    return path if name == "path" else rows


def _without_input(model: keras.layers.Layer, loaders: list[Loader], paths_of: Callable[[int], Any]) -> Any:
    def load() -> dict[str, Tensor]:
        paths = [tf.stack(paths_of(i)) for i in range(len(loaders))]
        if getattr(model, "inputs", None):  # a functional model is fed; any other calls its loaders with None
            return _named(model(paths[0]))
        with embedded({id(loader): path for loader, path in zip(loaders, paths, strict=True)}):
            return _named(model(None))

    return load


def _named(outputs: Any) -> dict[str, Tensor]:
    """Names a model's outputs: a dict's own keys, "output" for a tensor, and "label" for the second of a pair."""
    if isinstance(outputs, dict):
        return {key: tf.identity(value) for key, value in outputs.items()}
    if isinstance(outputs, (tuple, list)):
        x, label = outputs if len(outputs) == 2 else (None, None)
        if label is None or "label" in (x if isinstance(x, dict) else {}):
            raise LoadError("A signature returns a tensor, a dict of tensors, or a pair of one of these and a label.")
        return {**_named(x), "label": tf.identity(label)}
    return {"output": tf.identity(outputs)}


def _write(module: tf.Module, signatures: dict[str, Any], target: str) -> None:
    """Writes beside the target first, so that a failure leaves no half a model behind."""
    os.makedirs(os.path.dirname(target), exist_ok=True)
    made = tempfile.mkdtemp(prefix=".export-", dir=os.path.dirname(target))
    try:
        tf.saved_model.save(module, made, signatures=signatures)
        os.chmod(made, 0o755)
        if os.path.isdir(target):
            shutil.rmtree(target)
        os.replace(made, target)
    finally:
        shutil.rmtree(made, ignore_errors=True)
