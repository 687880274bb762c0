"""What all loader layers share: where they read from, and what they make of a Table."""

from __future__ import annotations

import abc
import contextlib
import contextvars
import os
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf

from tf_loadops.arguments import one_of
from tf_loadops.errors import LoadError
from tf_loadops.inputs import as_strings
from tf_loadops.layers.dataset import batches
from tf_loadops.schema import Schema
from tf_loadops.table import Table

Tensor = Any

OUTPUTS = ("matrix", "columns")

# While a SavedModel is traced: whether inputs are rows of text, and which layers read an embedded file instead.
_ROWS: contextvars.ContextVar[bool] = contextvars.ContextVar("rows", default=False)
_EMBEDDED: contextvars.ContextVar[dict[int, Tensor] | None] = contextvars.ContextVar("embedded", default=None)


@contextlib.contextmanager
def inputs_are_rows() -> Iterator[None]:
    """Makes every loader take its input as records of text instead of as paths."""
    token = _ROWS.set(True)
    try:
        yield
    finally:
        _ROWS.reset(token)


@contextlib.contextmanager
def embedded(sources: dict[int, Tensor]) -> Iterator[None]:
    """Makes the loaders with these ids read these paths instead of their own."""
    token = _EMBEDDED.set(sources)
    try:
        yield
    finally:
        _EMBEDDED.reset(token)


def embedded_path(layer: Any) -> Tensor | None:
    """The path that a layer reads instead of its own, if there is one."""
    return (_EMBEDDED.get() or {}).get(id(layer))


class Loader(keras.layers.Layer, abc.ABC):
    """A layer whose call is the reading of a source.

    Subclasses say how to read (`read`, `matrix`, and `parse` if they take rows of text), which schema a Table of theirs
    has, in `_reading` with which other arguments they read, and in `_reads` what that is, for messages.

    Args:
      source: the default path, or list of paths, read when the layer is called with None; or None.
      schema: the columns read, in order: those of the result and the label.
      output: "matrix" for one float tensor [rows, columns], "columns" for a dict of name to tensor [rows].
      features: names of the columns in the result, in this order; all but the label by default.
      label: name of the column returned beside the result, as `(x, y)`; or None.
      **kwargs: `name` and `dtype` of the layer; a matrix is float64 with dtype="float64", and float32 otherwise.
    """

    _reads = "files"

    def __init__(
        self,
        source: Any,
        schema: Schema,
        output: str,
        features: Sequence[str] | None,
        label: str | None,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("trainable", False)
        super().__init__(**kwargs)
        one_of(OUTPUTS, output=output)
        if isinstance(features, str):
            raise LoadError(f"features is a sequence of names. Received: features={features!r}.")
        self.source = _as_config(source)
        self.output_kind = output
        self.label = label
        self.features = [n for n in schema.names if n != label] if features is None else list(features)
        self.schema = _result_schema(schema, self.features, label, output, self.number_dtype)
        self._reading: dict[str, Any] = {}
        self.supports_jit = False
        self.built = True

    @property
    def matrix_dtype(self) -> str:
        """The dtype of a matrix."""
        return "float64" if self.variable_dtype == "float64" else "float32"

    @property
    def number_dtype(self) -> str:
        """The dtype in which the numbers of a matrix are read."""
        return self.matrix_dtype

    @property
    def takes_rows(self) -> bool:
        """Whether records of text can take the place of paths, one row of the result each."""
        return False

    @property
    def _columns(self) -> list[str]:
        """The names of all columns read: those of the features, and the label."""
        return self.features if self.label is None else [*self.features, self.label]

    @abc.abstractmethod
    def read(self, source: Any = None) -> Table:
        """Reads a source.

        Args:
          source: string tensor, scalar or [files] (or str, path-like, list); the layer's own source if None.

        Returns:
          The Table of features and label, with validity and counts.
        """

    def parse(self, text: Any) -> Table:
        """Refused, unless the source is text of which single records can be had.

        Raises:
          LoadError: always.
        """
        raise LoadError(f"{type(self).__name__} reads {self._reads} and takes no rows of text. Call it with a path.")

    @abc.abstractmethod
    def matrix(self, source: Any, rows: bool) -> tuple[Tensor, Tensor, Tensor | None]:
        """Reads a source, or parses rows: a matrix [rows, features] in `number_dtype`, its validity, and the label."""

    def load(self, source: Any = None, *, rows: bool = False) -> Any:
        """Loads what a call returns, outside of Keras' own bookkeeping.

        Args:
          source: as in `read`; or, with `rows`, records of text as in `parse`.
          rows: whether `source` is text rather than paths.

        Returns:
          x, or `(x, y)` where there is a label.
        """
        if self.output_kind == "matrix":
            matrix, valid, label = self.matrix(source, rows)
            x: Any = tf.ensure_shape(self.finish(matrix, valid), [None, len(self.features)])
        else:
            table = self.parse(source) if rows else self.read(source)
            x = {name: table.columns[name] for name in self.features}
            label = None if self.label is None else table.columns[self.label]
        return x if label is None else (x, label)

    def finish(self, matrix: Tensor, valid: Tensor) -> Tensor:
        """What becomes of the matrix before it is returned; subclasses preprocess here."""
        del valid
        return matrix

    def call(self, inputs: Any = None) -> Any:
        """Loads: from the layer's own source if `inputs` is None, else from the path or paths given."""
        return self.load(inputs, rows=inputs is not None and _ROWS.get())

    def __call__(self, inputs: Any = None, **kwargs: Any) -> Any:
        """Calls the layer; a str, a path-like or a list of them is as good as a tensor of paths."""
        if isinstance(inputs, (str, bytes, os.PathLike, list, tuple)):
            inputs = as_strings(inputs)
        return super().__call__(inputs, **kwargs)

    def compute_output_spec(self, inputs: Any = None, *args: Any, **kwargs: Any) -> Any:
        """The output's symbolic shape and dtype."""
        if self.output_kind == "matrix":
            x: Any = keras.KerasTensor((None, len(self.features)), self.matrix_dtype)
        else:
            x = {name: keras.KerasTensor((None,), self.schema[name].dtype) for name in self.features}
        return x if self.label is None else (x, keras.KerasTensor((None,), self.schema[self.label].dtype))

    def own_source(self) -> Tensor:
        """The source read when the layer is called with None, a string tensor."""
        replaced = embedded_path(self)
        if replaced is not None:
            return replaced
        if self.source is None:
            raise LoadError(
                f"{type(self).__name__} has no source of its own: call it with a path, or construct it with one."
            )
        return as_strings(self.source)

    def files(self, paths: list[str]) -> list[str]:
        """The files that these paths stand for now, where the loader reads patterns of paths, too."""
        return paths

    def dataset(
        self,
        batch_size: int = 32,
        *,
        paths: Any = None,
        shuffle: bool = False,
        seed: int | None = None,
        drop_remainder: bool = False,
    ) -> tf.data.Dataset:
        """The same loading as a `tf.data.Dataset`, for `fit`; one pass over the files.

        Args:
          batch_size: rows per element.
          paths: string tensor, str or list: the files; the layer's own source by default.
          shuffle: put the files, and the rows within each, into a new random order in every pass.
          seed: makes the orders repeatable.
          drop_remainder: leave out a last batch with fewer rows.

        Returns:
          A dataset of x, or of (x, y) where there is a label. One file at a time is in memory.
        """
        source = self.own_source() if paths is None else as_strings(paths)
        return batches(tf.reshape(source, [-1]), self.load, batch_size, shuffle, seed, drop_remainder)

    def get_config(self) -> dict[str, Any]:
        """The layer's arguments; the schema as JSON, so that loading a model infers nothing anew."""
        return {
            **super().get_config(),
            "source": self.source,
            "schema": self.schema.to_json(),
            "output": self.output_kind,
            "features": self.features,
            "label": self.label,
            **self._reading,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Makes the layer that `get_config` describes."""
        config = dict(config)
        config["schema"] = Schema.from_json(config["schema"])
        return cls(**config)


def as_source(source: Any) -> list[str]:
    """The paths of a source, as a list."""
    paths = _as_config(source)
    return paths if isinstance(paths, list) else [paths]


def _as_config(source: Any) -> Any:
    if source is None:
        return None
    if isinstance(source, (list, tuple)):
        return [os.fspath(path) for path in source]
    return os.fspath(source)


def _result_schema(schema: Schema, features: list[str], label: str | None, output: str, dtype: str) -> Schema:
    """Checks the selection, and reads the numbers of a matrix in its dtype at once, without a rounding in between."""
    if label is not None and label in features:
        raise LoadError(f"The label is no feature too. Received: label={label!r}, features={features!r}.")
    selected = schema.select(features)
    if output == "matrix":
        text = [column.name for column in selected if not column.is_numeric]
        if text:
            raise LoadError(
                f"A matrix holds numbers only, but {', '.join(map(repr, text))} hold text. Name the numeric columns "
                'with features=[...], or ask for output="columns".'
            )
        schema = schema.with_dtype(dtype, [column.name for column in selected if column.dtype != "bool"])
    if label is not None:
        schema[label]
    return schema
