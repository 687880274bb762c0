"""ParquetDataLoader: Parquet files as a Keras layer."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tf_loadops.blocks import to_example
from tf_loadops.errors import LoadError
from tf_loadops.inputs import as_strings, at_once, run
from tf_loadops.layers.loader import Loader, as_source
from tf_loadops.parquet.infer import infer_parquet
from tf_loadops.parquet.options import Options, make_options
from tf_loadops.parquet.reader import read_blocks, read_table
from tf_loadops.paths import expand
from tf_loadops.schema import Schema
from tf_loadops.table import Table

Tensor = Any


@keras.saving.register_keras_serializable(package="tf_loadops")
class ParquetDataLoader(Loader):
    r"""Loads Parquet files inside the graph, anew on every call.

    Called with None it reads the file it was constructed with; called with a path, or a vector of paths, it reads
    those. Each path may be a pattern, "dir/*.parquet", whose files are looked for on every call and read in the order
    of their names. The same in eager mode, in `tf.function`, in Sequential, functional and subclassed models, and in a
    SavedModel (`tlo.export_saved_model`); an embedded copy is one of the files that a pattern stands for at export.

    A matrix is one of floats: integers are rounded to the matrix' dtype, bools are 0 and 1, dates and times count their
    units, nulls are NaN. Ask for output="columns" to hold each column to its own dtype. Counts are in the Table that
    `read` returns.

    Args:
      source: the default file or pattern, or a list of them; may be None if the layer is only called with paths.
      schema: the columns, by name, those of structs with a dot: "a.b"; inferred from the footer of the first file if
        None, once, here.
      output: "matrix" for float32 [rows, columns], "columns" for a dict of name to tensor [rows].
      features: names of the columns in the result, in this order; all but the label by default.
      label: name of the column returned beside the result, as `(x, y)`.
      row_groups: numbers of the row groups that are read of each file; all of them if None.
      on_bad_row: "raise", "skip" or "null"; see `tlo.read_parquet`.
      allow_empty: return zero rows for a file that holds none, instead of refusing it.
      engine: "auto", which is "native", or "tfio", for files that you trust; see `tlo.read_parquet`.
      **kwargs: `name` and `dtype` of the layer.

    Returns:
      On call: float32 [rows, columns], or a dict; with a label a pair.

    Raises:
      LoadError: at construction, if a matrix is asked for of columns that hold text, the schema cannot be inferred, or
        engine="tfio" finds no tensorflow-io.
      tf.errors.InvalidArgumentError: on call, as `tlo.read_parquet`.

    Example:
      >>> import pathlib, tempfile
      >>> import pyarrow, pyarrow.parquet
      >>> file = pathlib.Path(tempfile.mkdtemp()) / "my.parquet"
      >>> pyarrow.parquet.write_table(pyarrow.table({"a": [1.5, None], "b": [1, 2]}), file)
      >>> ParquetDataLoader(file)(None).numpy().tolist()
      [[1.5, 1.0], [nan, 2.0]]
    """

    _reads = "Parquet files"

    def __init__(
        self,
        source: Any = None,
        *,
        schema: Schema | None = None,
        output: str = "matrix",
        features: Sequence[str] | None = None,
        label: str | None = None,
        row_groups: Sequence[int] | None = None,
        on_bad_row: str = "raise",
        allow_empty: bool = False,
        engine: str = "auto",
        **kwargs: Any,
    ) -> None:
        if schema is None:
            if source is None or not as_source(source):
                raise LoadError("A Parquet loader needs a file to infer a schema from, or schema=... Received neither.")
            schema = infer_parquet(as_source(source)[0])
        super().__init__(source, schema, output, features, label, **kwargs)
        self._reading = {
            "row_groups": row_groups, "on_bad_row": on_bad_row, "allow_empty": allow_empty, "engine": engine,
        }  # fmt: skip
        checked = self._options()  # refuses what makes no sense before the first call
        self._reading["row_groups"] = None if checked.row_groups is None else list(checked.row_groups)

    def read(self, source: Any = None) -> Table:
        """Reads files; see `tlo.read_parquet`."""
        return run(read_table, self._paths(source), self._options())

    def matrix(self, source: Any, rows: bool) -> tuple[Tensor, Tensor, Tensor | None]:
        """The matrix as it was read, not cut into columns and put together again."""
        if rows:
            self.parse(source)
        layout = (tuple(self.features), self.label, self.number_dtype)
        return run(_matrix, self._paths(source), self._options(), *layout)

    def dataset(self, batch_size: int = 32, *, paths: Any = None, **kwargs: Any) -> tf.data.Dataset:
        """As of every loader; the files of a pattern are looked for once, here, and then read one by one."""
        return super().dataset(batch_size, paths=run(expand, self._paths(paths)), **kwargs)

    @at_once
    def files(self, paths: list[str]) -> list[str]:
        """The files that patterns stand for."""
        return [os.fsdecode(file) for file in run(expand, as_strings(paths)).numpy()]

    def _paths(self, source: Any) -> Tensor:
        return self.own_source() if source is None else as_strings(source)

    def _options(self) -> Options:
        return make_options(self.schema, self._columns, **self._reading)


def _matrix(
    path: Tensor, options: Options, features: Sequence[str], label: str | None, dtype: str
) -> tuple[Tensor, Tensor, Tensor | None]:
    return to_example(read_blocks(path, options), options.schema, features, label, dtype)
