"""PostgresLookup: keys to features of a PostgreSQL table, as a Keras layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from tf_loadops.errors import LoadError
from tf_loadops.layers.lookup import SQLiteLookup
from tf_loadops.schema import Schema
from tf_loadops.sql.postgres import lookup as postgres
from tf_loadops.sql.postgres.dsn import is_server, label_of, warn_if_open, without_password
from tf_loadops.sql.postgres.extra import core_ops
from tf_loadops.sql.postgres.infer import describe, schema_of
from tf_loadops.sql.postgres.options import TIMEOUT, ServerOptions
from tf_loadops.table import Table

Tensor = Any


@keras.saving.register_keras_serializable(package="tf_loadops")
class PostgresLookup(SQLiteLookup):
    r"""Looks keys up in a table of a PostgreSQL server inside the graph, by the ops of tensorflow-io.

    One query and one connection per call, whatever the number of keys. It takes the extra `[io]`; see
    `tlo.read_postgres` for addresses, passwords, types, and what concurrent calls share. The key's column should have
    an index.

    Args:
      source: `postgresql://` address of the server and database.
      table: name of the table or view, with its schema and a dot in front where it is not on the search path; a name
        with a dot of its own stands in double quotes.
      key: name of its column of keys, in which each value comes once: integers, text or uuid.
      columns: names of the features, in the order of the result.
      schema: the features' types; found out once, here, if None.
      key_dtype: "int64" or "string"; found out if None.
      key_type: the key column's type, as PostgreSQL calls it; found out if None.
      output: "matrix" for float32 [keys, columns], "columns" for a dict of name to tensor [keys].
      on_bad_row: "raise" refuses a value that cannot be represented, "null" makes it a missing one.
      timeout: seconds that the query may take on the server.
      **kwargs: `name` and `dtype` of the layer.

    Returns:
      On call with a vector of keys: as `tlo.SQLiteLookup`.

    Raises:
      LoadError: at construction, where tensorflow-io is not installed, for a table or columns that are not there, or
        arguments that make no sense.
      tf.errors.InvalidArgumentError: on call, `postgresql://host/database: key 7, column 'c': …`, or for a key that is
        found twice.

    Example:
      >>> users = PostgresLookup("postgresql://db/shop", "users", "id", ["age", "income"])  # doctest: +SKIP
      >>> users(tf.constant([2, 9, 1])).numpy().tolist()  # doctest: +SKIP
      [[47.0, nan], [nan, nan], [31.0, 2.5]]
    """

    def __init__(
        self,
        source: str,
        table: str,
        key: str,
        columns: Sequence[str],
        *,
        schema: Schema | None = None,
        key_dtype: str | None = None,
        key_type: str | None = None,
        output: str = "matrix",
        on_bad_row: str = "raise",
        timeout: float = TIMEOUT,
        **kwargs: Any,
    ) -> None:
        if not is_server(source):
            raise LoadError("The source of a PostgresLookup is an address that begins with postgresql://.")
        core_ops()
        warn_if_open(source, level=3)
        self._timeout, self.key_type = timeout, key_type
        super().__init__(
            source, table, key, columns, schema=schema, key_dtype=key_dtype, output=output, on_bad_row=on_bad_row,
            **kwargs,
        )
        if self.key_type is None:
            self.key_type = "bigint" if self.key_dtype == "int64" else "text"

    def get_config(self) -> dict[str, Any]:
        """The layer's arguments; a password in the address is left out."""
        config = {**super().get_config(), "source": without_password(self.source), "key_type": self.key_type}
        del config["lock_timeout"]
        return {**config, "timeout": self._timeout}

    def _options(self) -> Any:
        return ServerOptions(super()._options(), self._timeout)

    def _looked_up(self, path: Tensor, keys: Tensor) -> Table:
        return postgres.lookup(path, keys, self.table, self.key, self.key_type or "", self._options())

    def _found(self, schema: Schema | None, key_dtype: str | None) -> tuple[Schema, str]:
        wanted = self.columns if schema is None else []
        names = wanted if self.key in wanted else [*wanted, self.key]
        query = f"SELECT {', '.join(map(postgres.quoted, names))} FROM {postgres.quoted_table(self.table)}"
        # Only the features' types depend on what the rows hold.
        found = describe(self.source, query, None, None if schema is None else 0, self._timeout)
        (key,) = (column for column in found["columns"] if column["name"] == self.key)
        dtype = {"int": "int64", "text": "string"}.get(key["kind"]) if key_dtype is None else key_dtype
        if dtype is None or (dtype == "int64" and key["kind"] not in ("int", "numeric")):
            raise LoadError(
                f"{label_of(self.source)}: column {self.key!r} is {key['type']}, and keys are integers or text. Name "
                f"another column, or pass key_dtype{'' if key_dtype is None else '=' + repr('string')}."
            )
        self.key_type = self.key_type or key["type"]
        if schema is None:
            kept = [column for column in found["columns"] if column["name"] in wanted]
            schema = schema_of({**found, "columns": kept}, self.source, query, None)
        return schema, dtype
