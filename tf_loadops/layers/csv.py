"""CSVDataLoader and PreprocessingDataLoader: CSV files as Keras layers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tf_loadops.arguments import one_of, selected
from tf_loadops.csv.options import Options
from tf_loadops.csv.reader import Layout, matrix_of, parse_csv, read_csv
from tf_loadops.errors import LoadError, gate, plainly
from tf_loadops.infer import infer_schema
from tf_loadops.inputs import as_strings, run
from tf_loadops.layers.loader import Loader
from tf_loadops.schema import UNSET, Schema
from tf_loadops.standardize import Moments, standardize
from tf_loadops.standardize.checks import refusal
from tf_loadops.table import Table

Tensor = Any


@keras.saving.register_keras_serializable(package="tf_loadops")
class CSVDataLoader(Loader):
    r"""Loads CSV files inside the graph, anew on every call.

    A matrix is one of floats: a column of integers takes any number there, rounded to the matrix' dtype, and NaN where
    a value is missing. Ask for output="columns" to hold each column to its own dtype. Counts of rows, bad rows and
    missing values are in the Table that `read` returns.

    Called with None it reads the file it was constructed with; called with a path, or a vector of paths, it reads
    those. The same in eager mode, in `tf.function`, in Sequential, functional and subclassed models, and in a
    SavedModel (`tlo.export_saved_model`).

    Args:
      source: the default file, or a list of files; may be None if the layer is only called with paths.
      schema: the columns and the dialect; inferred from `source` (the first, of a list) if None, once, here.
      output: "matrix" for float32 [rows, columns], "columns" for a dict of name to tensor [rows].
      features: names of the columns in the result, in this order; all but the label by default.
      label: name of the column returned beside the result, as `(x, y)`.
      on_bad_row: "raise", "skip" or "null"; see `tlo.read_csv`.
      allow_empty: return zero rows for a file that holds none, instead of refusing it.
      engine: "auto", "numeric" or "general"; see `tlo.read_csv`.
      delimiter: the delimiter; the schema's, or found out, if None.
      header: whether the first record names the columns; as the schema says, or found out, if None.
      quote: the quote character; None where quotes are ordinary text.
      comment: the comment prefix, or None.
      na_values: the words that mean "missing".
      sample_rows: how many rows types are inferred from; None for all.
      **kwargs: `name` and `dtype` of the layer.

    Returns:
      On call: float32 [rows, columns] (missing values NaN, bools 0 and 1), or a dict; with a label a pair.

    Raises:
      LoadError: at construction, if a matrix is asked for of columns that hold text, or the schema cannot be inferred.
      tf.errors.InvalidArgumentError: on call, `path:line: column 'c': …`.

    Example:
      >>> import pathlib, tempfile
      >>> file = pathlib.Path(tempfile.mkdtemp()) / "my_data.csv"
      >>> _ = file.write_text("a,b\n1,2\n3,4.5\n")
      >>> CSVDataLoader(file)(None).numpy().tolist()
      [[1.0, 2.0], [3.0, 4.5]]
    """

    def __init__(
        self,
        source: Any = None,
        *,
        schema: Schema | None = None,
        output: str = "matrix",
        features: Sequence[str] | None = None,
        label: str | None = None,
        on_bad_row: str = "raise",
        allow_empty: bool = False,
        engine: str = "auto",
        delimiter: str | None = None,
        header: bool | None = None,
        quote: str | None = UNSET,
        comment: str | None = UNSET,
        na_values: Sequence[str] | None = None,
        sample_rows: int | None = None,
        **kwargs: Any,
    ) -> None:
        if schema is None:
            schema = _infer(source, delimiter, header, quote, comment, na_values, sample_rows)
        schema = schema.with_dialect(delimiter=delimiter, header=header, quote=quote, comment=comment)
        super().__init__(source, schema.with_na_values(na_values), output, features, label, **kwargs)
        self._reading = {"on_bad_row": on_bad_row, "allow_empty": allow_empty, "engine": engine}
        self.options()  # refuses what makes no sense before the first call

    @property
    def takes_rows(self) -> bool:
        """Not where bad rows are skipped: the others would lose their places."""
        return self._reading["on_bad_row"] != "skip"

    def read(self, source: Any = None) -> Table:
        """Reads files; see `tlo.read_csv`."""
        path = self.own_source() if source is None else source
        return read_csv(path, self.schema, columns=self._columns, **self._reading)

    def parse(self, text: Any) -> Table:
        """Parses text in memory; see `tlo.parse_csv`."""
        return parse_csv(text, self.schema, columns=self._columns, **self._reading)

    def matrix(self, source: Any, rows: bool) -> tuple[Tensor, Tensor, Tensor | None]:
        """The matrix as the engines leave it, not cut into columns and put together again."""
        source = self.own_source() if source is None else as_strings(source)
        layout = Layout(tuple(self.features), self.label, self.number_dtype, rows)
        return run(matrix_of, source, self.options(), layout)

    def options(self, **changed: Any) -> Options:
        """How the layer reads; keyword arguments take the place of its own."""
        return Options(self.schema, tuple(selected(self.schema, self._columns)), **{**self._reading, **changed})


@keras.saving.register_keras_serializable(package="tf_loadops")
class PreprocessingDataLoader(CSVDataLoader):
    r"""Loads CSV files and standardizes each column by the mean and standard deviation of the rows in this call.

    Numbers are parsed, and differences from the mean taken, in float64. Missing values are left out of the statistics
    and become 0, the mean; a constant column becomes 0; a column without a value, or with an infinity, is refused. To
    standardize by statistics learnt before, use `CSVDataLoader` and `Standardize`.

    Args:
      source: as in `CSVDataLoader`.
      missing: "mean" puts 0 where a value is missing, "keep" leaves NaN.
      **kwargs: as in `CSVDataLoader`, but for `output`, which is "matrix".

    Returns:
      On call: float32 [rows, columns]; with a label `(x, y)`, y as it stands in the file.

    Raises:
      LoadError: as `CSVDataLoader`.
      tf.errors.InvalidArgumentError: as `CSVDataLoader`.

    Example:
      >>> import pathlib, tempfile
      >>> file = pathlib.Path(tempfile.mkdtemp()) / "my_data.csv"
      >>> _ = file.write_text("a,b\n1,7\n3,7\n")
      >>> PreprocessingDataLoader(file)(None).numpy().tolist()
      [[-1.0, 0.0], [1.0, 0.0]]
    """

    def __init__(self, source: Any = None, *, missing: str = "mean", **kwargs: Any) -> None:
        if kwargs.setdefault("output", "matrix") != "matrix":
            raise LoadError(f'PreprocessingDataLoader makes a matrix. Received: output={kwargs["output"]!r}.')
        one_of(("mean", "keep"), missing=missing)
        super().__init__(source, **kwargs)
        self.missing = missing

    @property
    def number_dtype(self) -> str:
        """Numbers are parsed in float64: a difference from the mean has no digits to spare."""
        return "float64"

    def finish(self, matrix: Tensor, valid: Tensor) -> Tensor:
        """Standardizes by the moments of the rows loaded."""
        moments = Moments.of(matrix, validity=valid)
        ok, message = refusal(moments, self.features)
        ok |= self._reading["allow_empty"] & tf.equal(tf.shape(matrix)[0], 0)
        with plainly():
            moments = Moments(*gate(ok, message, tuple(moments)))
        return tf.cast(standardize(matrix, moments, validity=valid, missing=self.missing), self.matrix_dtype)

    def dataset(self, batch_size: int = 32, *, paths: Any = None, **kwargs: Any) -> tf.data.Dataset:
        """As `CSVDataLoader.dataset`, of one file: the statistics are those of all rows in it.

        Raises:
          LoadError: for several files, each of which would be standardized by its own statistics.
        """
        source = tf.reshape(self.own_source() if paths is None else as_strings(paths), [-1])
        if source.shape[0] != 1:
            raise LoadError(
                "PreprocessingDataLoader.dataset reads one file, since files read one by one have statistics of their "
                f"own. Use CSVDataLoader and Standardize for several. Received: {source.shape[0]} paths."
            )
        return super().dataset(batch_size, paths=source, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """The layer's arguments."""
        return {**super().get_config(), "missing": self.missing}


def _infer(
    source: Any,
    delimiter: str | None,
    header: bool | None,
    quote: str | None,
    comment: str | None,
    na_values: Sequence[str] | None,
    sample_rows: int | None,
) -> Schema:
    if source is None or (isinstance(source, (list, tuple)) and not source):
        raise LoadError("A CSV loader needs a file to infer its schema from, or schema=... Received neither.")
    first = os.fspath(source[0] if isinstance(source, (list, tuple)) else source)
    return infer_schema(
        first,
        sample_rows=sample_rows,
        delimiter=delimiter,
        header=header,
        quote='"' if quote == UNSET else quote,
        comment=None if comment == UNSET else comment,
        na_values=na_values,
    )
