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
from tf_loadops.layers.lookup import SQLiteLookup
from tf_loadops.signatures import (
    KEY_SIGNATURES,
    PARAM_SIGNATURES,
    asset_paths,
    carried,
    named,
    sources_of,
    trace_keys,
    trace_params,
)
from tf_loadops.sql.postgres.dsn import has_password, is_server, label_of

Tensor = Any

SIGNATURES = ("path", "rows", "baked", "embedded", *PARAM_SIGNATURES)


def export_saved_model(
    model: keras.layers.Layer,
    directory: str | os.PathLike[str],
    *,
    signatures: Sequence[str] | None = None,
    source: Any = None,
    overwrite: bool = False,
    allow_custom_ops: bool = False,
    allow_password: bool = False,
) -> None:
    r"""Writes a SavedModel that loads its own data: no Python, no pandas, no copy of the preprocessing code.

    It runs wherever TensorFlow does: `tf.saved_model.load`, `saved_model_cli`, TensorFlow Serving, the C API. The
    signatures, the first of them also as `serving_default`:

    - "path": takes `path`, string [files], and reads those files.
    - "rows": takes `rows`, string [rows], one record of text each, as a request brings them.
    - "baked": takes nothing and reads, on every call, the path that `source` names at export.
    - "embedded": takes nothing and reads a copy of that file which the SavedModel carries in its assets.
    - "params": takes the parameters of the loader's query, by their names, and reads the database that it names.
    - "embedded_params": takes the same, and reads a copy of that database.

    And of a model that looks keys up, and has no loader:

    - "keys": takes `keys`, int64 or string [keys], and reads, on every call, the databases that the lookups name.
    - "embedded_keys": takes `keys`, and reads copies of those databases which the SavedModel carries.

    Args:
      model: a built Keras model with a loader or a SQLiteLookup in it, or such a layer itself.
      directory: where the SavedModel is written; made, with its parents.
      signatures: which of them, in this order; by default path and rows, and baked if there is a source; or keys, or
        params where several inputs are these.
      source: the file or files for "baked" and "embedded"; by default the loader's own.
      overwrite: replace what is in the directory.
      allow_custom_ops: allow ops that plain TensorFlow does not have; the process that loads the model then needs
        their library. A `postgresql://` source is read by such ops.
      allow_password: allow the password of a `postgresql://` source to stand, readable, in the SavedModel.

    Raises:
      LoadError: if the model has no loader or is not built, a signature cannot be made of it, the directory holds
        something already, an address holds a password, or the graph holds Python code (`PyFunc`) or custom ops.
        Nothing is written then.

    Example:
      >>> import pathlib, tempfile
      >>> folder = pathlib.Path(tempfile.mkdtemp())
      >>> _ = (folder / "a.csv").write_text("x,y\n1,2\n3,4\n")
      >>> from tf_loadops import CSVDataLoader
      >>> export_saved_model(CSVDataLoader(folder / "a.csv"), folder / "model")
      >>> loaded = tf.saved_model.load(str(folder / "model"))
      >>> loaded.signatures["rows"](rows=tf.constant(["5,6"]))["output"].numpy().tolist()
      [[5.0, 6.0]]
    """
    loaders, lookups = _layers(model, Loader), _layers(model, SQLiteLookup)
    if not loaders and not lookups:
        raise LoadError(
            f"Nothing in {model.name!r} loads data: an exported model holds a tf_loadops loader or lookup layer."
        )
    own = any(loader.source is not None for loader in loaders)
    if signatures is None:
        rows = ("rows",) if all(loader.takes_rows for loader in loaders) else ()
        signatures = ("path", *rows, "baked") if own or source is not None else ("path", *rows)
        signatures = signatures if loaders else ("keys",)
        several = len(getattr(model, "inputs", None) or []) > 1
        signatures = ("params",) if several and any(getattr(part, "params", None) for part in loaders) else signatures
    _check(model, signatures, own if source is None else bool(source), SIGNATURES if loaders else KEY_SIGNATURES)
    if source is not None and not loaders:
        raise LoadError("source=... names the files of a loader, but there is none: a lookup has its own database.")
    if not allow_password:
        _check_passwords([*loaders, *lookups], source)
    if "://" in os.fspath(directory):
        raise LoadError(f"The directory is a local path; copy the SavedModel from there. Received: {directory!r}.")
    target = os.path.realpath(os.fspath(directory))
    _check_target(target, overwrite)

    module = tf.Module()
    # Keras keeps its variables and tables where a SavedModel does not look, and saving the Keras model itself writes
    # a graph that sessions cannot initialise.
    module.variables_held = [variable.value for variable in model.variables]
    module.tables_held = _tables(model)
    if loaders:
        traced = _Tracer(model, loaders, lookups, source, module).trace(signatures)
    else:
        traced = trace_keys(model, lookups, signatures, module)
    for name, function in traced.items():
        check_ops(function, f"Signature {name!r}", allow_custom_ops)
    module.traced = traced
    first = traced[signatures[0]]
    _write(module, {**traced, "serving_default": first}, target)


def _check(model: keras.layers.Layer, signatures: Sequence[str], has_source: bool, possible: Sequence[str]) -> None:
    if isinstance(signatures, str):
        raise LoadError(f"signatures is a sequence of names. Received: signatures={signatures!r}.")
    unknown = [name for name in signatures if name not in possible]
    if unknown or not signatures:
        raise LoadError(f"Expected some of {', '.join(possible)}. Received: signatures={tuple(signatures)!r}.")
    if not model.built:
        raise LoadError("An exported model is built. Call it once on data before exporting it.")
    inputs = getattr(model, "inputs", None) or []
    if len(inputs) > 1 and not set(signatures) <= set(PARAM_SIGNATURES):
        raise LoadError(f"An exported model takes one input, the paths. Received: a model with {len(inputs)} inputs.")
    needing = [name for name in signatures if name in ("baked", "embedded", *PARAM_SIGNATURES)]
    if needing and not has_source:
        raise LoadError(
            f"Signature {needing[0]!r} reads a file that is known at export, but no loader has one. Pass source=..., "
            "or construct the loader with a path."
        )


def _check_passwords(layers: Sequence[Any], source: Any) -> None:
    sources = [layer.source for layer in layers] if source is None else [source]
    for one in [one for value in sources if value is not None for one in as_source(value)]:
        if is_server(one) and has_password(one):
            raise LoadError(
                f"{label_of(one)}: the address holds a password, and everybody who has the SavedModel could read it. "
                "Leave it out: libpq takes it from PGPASSWORD, PGPASSFILE or PGSERVICE where the model runs. Or pass "
                "allow_password=True."
            )


def _check_target(target: str, overwrite: bool) -> None:
    if os.path.lexists(target) and not os.path.isdir(target):
        raise LoadError(f"{target}: a file has the name of the directory that is to be written. Give another path.")
    if os.path.isdir(target) and os.listdir(target) and not overwrite:
        raise LoadError(f"{target}: the directory holds something already. Pass overwrite=True to replace it.")


def _layers(model: keras.layers.Layer, kind: Any) -> list[Any]:
    return [layer for layer in model._flatten_layers() if isinstance(layer, kind)]


def _tables(model: keras.layers.Layer) -> list[Any]:
    held = [value for layer in model._flatten_layers() for value in vars(layer).values()]
    return [value for value in held if isinstance(value, tf.saved_model.experimental.TrackableResource)]


class _Tracer:
    """Traces the signatures of one model.

    Args:
      model: the model.
      loaders: the loaders in it.
      lookups: the lookups in it.
      source: what takes the place of their own source, or None.
      module: what is saved; it gets the assets.
    """

    def __init__(
        self, model: keras.layers.Layer, loaders: list[Loader], lookups: list[SQLiteLookup], source: Any,
        module: tf.Module,
    ) -> None:
        self.model, self.loaders, self.lookups, self.source, self.module = model, loaders, lookups, source, module
        # A functional model is always fed, and a loader does the same with a path as with its own; any other model
        # may do something else when it is called with None.
        self.is_fed = bool(getattr(model, "inputs", None)) or isinstance(model, Loader)
        self.of_paths = tf.function(_with_input("path", model), input_signature=[_vector("path")], autograph=False)

    def trace(self, signatures: Sequence[str]) -> dict[str, Any]:
        """The concrete function of each signature."""
        ways = {"path": self._with_input, "rows": self._with_input, "baked": self._without, "embedded": self._without}
        ways |= {name: self._with_params for name in PARAM_SIGNATURES}
        return {name: ways[name](name) for name in signatures}

    def _with_input(self, name: str) -> Any:
        function = self.of_paths
        if name == "rows":
            function = tf.function(_with_input(name, self.model), input_signature=[_vector(name)], autograph=False)
        concrete = function.get_concrete_function()
        if not concrete.inputs[0].consumers():
            raise LoadError(
                f"Signature {name!r} would ignore its input: the model's call does not hand it to a loader. "
                'Pass the input on, or export only signatures=("baked",) or ("embedded",).'
            )
        return concrete

    def _with_params(self, name: str) -> Any:
        if self.source is not None:
            raise LoadError(f"Signature {name!r} reads the loader's own database: construct it with that path.")
        return trace_params(self.model, [*self.loaders, *self.lookups], name, self.module)

    def _without(self, name: str) -> Any:
        sources: dict[int, Any] = self._sources()
        looked_up: dict[int, Any] = {}
        if name == "embedded":
            files = {id(one): one.files(sources[id(one)]) for one in self.loaders if id(one) in sources}
            sources, looked_up = carried(files, self.module), carried(sources_of(self.lookups), self.module)

        def load() -> dict[str, Tensor]:
            paths = asset_paths(sources) if name == "embedded" else {at: tf.constant(p) for at, p in sources.items()}
            if self.is_fed and not looked_up:  # by the one function that is in the file anyway
                return self.of_paths(next(iter(paths.values())))
            with embedded({**paths, **asset_paths(looked_up)}):
                return named(self.model(next(iter(paths.values())) if self.is_fed else None))

        return tf.function(load, input_signature=[], autograph=False).get_concrete_function()

    def _sources(self) -> dict[int, list[str]]:
        """The paths that each loader reads, by its id."""
        if self.source is not None and len(self.loaders) > 1 and not self.is_fed:
            names = ", ".join(repr(loader.name) for loader in self.loaders)
            raise LoadError(
                f"source=... names the files of one loader, but the model has {len(self.loaders)}: {names}. Construct "
                "each of them with its own path."
            )
        given = {id(loader): loader.source if self.source is None else self.source for loader in self.loaders}
        sources = {key: as_source(value) for key, value in given.items() if value is not None}
        different = {tuple(paths) for paths in sources.values()}
        if self.is_fed and len(different) > 1:
            raise LoadError(
                f"The model's one input feeds {len(self.loaders)} loaders, which have different sources: "
                f"{', '.join(map(repr, sorted(different)))}. Pass source=... to say which is read."
            )
        return sources


def _vector(name: str) -> tf.TensorSpec:
    return tf.TensorSpec([None], tf.string, name=name)


def _with_input(name: str, model: keras.layers.Layer) -> Callable[[Tensor], dict[str, Tensor]]:
    def path(path: Tensor) -> dict[str, Tensor]:
        return named(model(path))

    def rows(rows: Tensor) -> dict[str, Tensor]:
        with inputs_are_rows():
            return named(model(rows))

    return path if name == "path" else rows


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
