"""SQLiteLookup: keys to features, as a Keras layer."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tf_loadops.arguments import one_of
from tf_loadops.errors import LoadError, plainly
from tf_loadops.layers.loader import OUTPUTS, embedded_path
from tf_loadops.schema import Schema
from tf_loadops.sql.infer import infer_query
from tf_loadops.sql.lookup import lookup
from tf_loadops.sql.options import Options
from tf_loadops.sql.select import quoted
from tf_loadops.table import Table

Tensor = Any

_KEYS = ("int64", "string")


@keras.saving.register_keras_serializable(package="tf_loadops")
class SQLiteLookup(keras.layers.Layer):
    r"""Looks keys up in a table of a SQLite database inside the graph: the feature store of a served model.

    One query per call, whatever the number of keys. The key's column should have an index, or be the primary key;
    otherwise SQLite makes an index of its own in every call.

    Args:
      source: path of the database.
      table: name of the table or view.
      key: name of its column of keys, in which each value comes once.
      columns: names of the features, in the order of the result.
      schema: the features' types; found out once, here, if None.
      key_dtype: "int64" or "string"; found out if None.
      output: "matrix" for float32 [keys, columns], "columns" for a dict of name to tensor [keys].
      on_bad_row: "raise" refuses a value that cannot be represented, "null" makes it a missing one.
      lock_timeout: seconds to wait for a database that a writer has locked.
      **kwargs: `name` and `dtype` of the layer.

    Returns:
      On call with a vector of keys: one row for each, in their order, repeats included; NaN (in a dict of columns: the
      declared default) where a key is unknown or a value is NULL. `read` returns a Table, whose `counts` say how many
      values are `missing`, and how many keys are unknown (`unknown_keys`).

    Raises:
      LoadError: at construction, for a table or columns that are not there, or arguments that make no sense.
      tf.errors.InvalidArgumentError: on call, `path: key 7, column 'c': …`, or for a key that is found twice.

    Example:
      >>> import pathlib, sqlite3, tempfile
      >>> db = pathlib.Path(tempfile.mkdtemp()) / "users.db"
      >>> users = sqlite3.connect(db)
      >>> _ = users.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, age INT, income REAL)")
      >>> _ = users.execute("INSERT INTO users VALUES (1, 31, 2.5), (2, 47, NULL)")
      >>> users.commit(); users.close()
      >>> SQLiteLookup(db, "users", "id", ["age", "income"])(tf.constant([2, 9, 1])).numpy().tolist()
      [[47.0, nan], [nan, nan], [31.0, 2.5]]
    """

    def __init__(
        self,
        source: Any,
        table: str,
        key: str,
        columns: Sequence[str],
        *,
        schema: Schema | None = None,
        key_dtype: str | None = None,
        output: str = "matrix",
        on_bad_row: str = "raise",
        lock_timeout: float = 5.0,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("trainable", False)
        kwargs.setdefault("autocast", False)
        super().__init__(**kwargs)
        one_of(OUTPUTS, output=output)
        if isinstance(columns, str) or not columns:
            raise LoadError(f"columns is a sequence of at least one name. Received: columns={columns!r}.")
        if on_bad_row == "skip":
            raise LoadError('Each key has a row in the result, so none can be left out. Received: on_bad_row="skip".')
        self.source, self.table, self.key, self.columns = os.fspath(source), table, key, list(columns)
        if schema is None or key_dtype is None:
            schema, key_dtype = self._found(schema, key_dtype)
        one_of(_KEYS, key_dtype=key_dtype)
        schema = schema.select(self.columns)
        if output == "matrix":
            text = [column.name for column in schema if not column.is_numeric]
            if text:
                raise LoadError(
                    f"A matrix holds numbers only, but {', '.join(map(repr, text))} hold text. Name the numeric "
                    'columns, or ask for output="columns".'
                )
            # Of a matrix even a bool can be missing.
            schema = schema.with_dtype("float64" if self.variable_dtype == "float64" else "float32", self.columns)
        self.schema, self.key_dtype, self.output_kind = schema, key_dtype, output
        self._reading: dict[str, Any] = {"on_bad_row": on_bad_row, "lock_timeout": lock_timeout}
        self._options()  # refuses what makes no sense before the first call
        self.supports_jit = False
        self.built = True

    def read(self, keys: Any) -> Table:
        """Looks keys up.

        Args:
          keys: integers or text, [keys].

        Returns:
          A Table with one row for each key; its `counts` also hold `unknown_keys`.
        """
        keys = tf.convert_to_tensor(keys)
        fits = keys.dtype == tf.string if self.key_dtype == "string" else keys.dtype.is_integer
        if keys.shape.rank != 1 or not fits or keys.dtype == tf.uint64:
            raise LoadError(
                f"The keys are a vector of {self.key_dtype}, as column {self.key!r} is. Received: {keys.dtype.name} of "
                f"shape {keys.shape}."
            )
        keys = keys if self.key_dtype == "string" else tf.cast(keys, tf.int64)
        path = embedded_path(self)
        path = tf.constant(self.source) if path is None else tf.reshape(path, [])
        if not tf.executing_eagerly():
            return self._looked_up(path, keys)
        with plainly():
            return self._looked_up(path, keys)

    def _looked_up(self, path: Tensor, keys: Tensor) -> Table:
        return lookup(path, keys, self.table, self.key, self._options())

    def call(self, inputs: Any) -> Any:
        """Looks keys up: a matrix, or a dict of columns."""
        table = self.read(inputs)
        if self.output_kind == "columns":
            return table.columns
        matrix = tf.stack([table.columns[name] for name in self.columns], axis=1)
        return tf.ensure_shape(matrix, [None, len(self.columns)])

    def compute_output_spec(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """The output's symbolic shape and dtype."""
        rows = inputs.shape[0]
        if self.output_kind == "matrix":
            return keras.KerasTensor((rows, len(self.columns)), self.schema.columns[0].dtype)
        return {column.name: keras.KerasTensor((rows,), column.dtype) for column in self.schema}

    def get_config(self) -> dict[str, Any]:
        """The layer's arguments; the schema as JSON, so that loading a model infers nothing anew."""
        return {
            **super().get_config(),
            "source": self.source,
            "table": self.table,
            "key": self.key,
            "columns": self.columns,
            "schema": self.schema.to_json(),
            "key_dtype": self.key_dtype,
            "output": self.output_kind,
            **self._reading,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Makes the layer that `get_config` describes."""
        config = dict(config)
        config["schema"] = Schema.from_json(config["schema"])
        return cls(**config)

    def _options(self) -> Options:
        return Options(self.schema, **self._reading)

    def _found(self, schema: Schema | None, key_dtype: str | None) -> tuple[Schema, str]:
        """What the database says of the columns and the key."""
        wanted = self.columns if schema is None else []
        names = wanted if self.key in wanted else [*wanted, self.key]
        inferred = infer_query(self.source, f"SELECT {', '.join(map(quoted, names))} FROM {quoted(self.table)}")
        dtype = inferred[self.key].dtype if key_dtype is None else key_dtype
        if dtype not in _KEYS:
            raise LoadError(
                f"{self.source}: column {self.key!r} holds {dtype}, or NULL, and keys are integers or text. Name "
                "another column, or pass key_dtype."
            )
        return inferred if schema is None else schema, dtype
