"""Parameters of a snapshot: bound by the driver, and found by the query where the session keeps its settings.

COPY takes no parameters. So each value is sent as one of a statement that stores it for this transaction, and in the
query stands, for `:name`, what reads it there. No value is ever part of a query's text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tf_loadops.errors import LoadError, message_of
from tf_loadops.sql.options import as_params
from tf_loadops.sql.postgres.params import typed
from tf_loadops.sql.postgres.query import positional


class Params:
    """The parameters of one query.

    Args:
      query: the query, with `:name` in the places of its parameters.
      params: their values.
      where: the label of the server, for messages.

    Attributes:
      query: the query as it is run.

    Raises:
      LoadError: if a value is none that PostgreSQL can take, or the query has not these parameters.
    """

    def __init__(self, query: str, params: Mapping[str, Any] | None, where: str) -> None:
        tensors, names = as_params(params), list(params or {})
        self._kinds = [typed(tensor)[0] for tensor in tensors]
        self._values = [_value(name, tensor, where) for name, tensor in zip(names, tensors, strict=True)]
        vectors = [tensor.shape.rank == 1 for tensor in tensors]
        try:
            text = positional(tf.constant(query), tf.constant(where), names, vectors, self._place)
        except tf.errors.InvalidArgumentError as error:
            raise LoadError(message_of(error)) from None
        self.query = text.numpy().decode()

    def _place(self, number: int) -> str:
        return f"pg_catalog.current_setting('{_setting(number)}')::{self._kinds[number - 1]}"

    def bind(self, connection: Any, where: str) -> None:
        """Sends the values to the server, inside of the transaction.

        Args:
          connection: psycopg's.
          where: as above.

        Raises:
          LoadError: if the server reads texts in a way in which it cannot be told where they end.
        """
        status = connection.info.parameter_status("standard_conforming_strings")
        if self._values and status == "off" and "\\" in self.query:
            raise LoadError(
                f"{where}: the server has standard_conforming_strings off, so nobody can tell what a backslash does to "
                "the texts beside the parameters. Turn it on for this role, or leave backslashes out."
            )
        for i, (kind, value) in enumerate(zip(self._kinds, self._values, strict=True)):
            connection.execute(f"SELECT set_config(%s, (%s::{kind})::text, true)", [_setting(i + 1), value])


def _setting(number: int) -> str:
    return f"tlo_snapshot.p{number}"


def _value(name: str, tensor: Any, where: str) -> Any:
    value = tensor.numpy()
    value = value if isinstance(value, bytes) else value.tolist()
    if tensor.dtype != tf.string:
        return value
    try:
        texts = [text.decode() for text in (value if isinstance(value, list) else [value])]
    except UnicodeDecodeError:
        texts = ["\0"]
    if any("\0" in text for text in texts):
        raise LoadError(f"{where}: parameter {name!r} is not UTF-8 text, or holds a NUL. Correct it.")
    return texts if isinstance(value, list) else texts[0]
