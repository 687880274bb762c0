"""Checks of the arguments that several readers and layers share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tf_loadops.errors import LoadError
from tf_loadops.schema import Schema

ON_BAD_ROW = ("raise", "skip", "null")


def one_of(allowed: Sequence[str], **argument: Any) -> None:
    """Refuses an argument that is none of the words allowed.

    Args:
      allowed: the words.
      **argument: the argument, by its name.

    Raises:
      LoadError: if it is another.

    Example:
      >>> one_of(("mean", "keep"), missing="drop")
      Traceback (most recent call last):
      tf_loadops.errors.LoadError: Expected one of mean, keep. Received: missing='drop'.
    """
    for name, value in argument.items():
        if value not in allowed:
            raise LoadError(f"Expected one of {', '.join(allowed)}. Received: {name}={value!r}.")


def is_schema(schema: Any) -> None:
    """Refuses what is no Schema.

    Raises:
      LoadError: if it is none.
    """
    if not isinstance(schema, Schema):
        raise LoadError(
            f"schema is a tf_loadops.Schema; tlo.infer_schema makes one. Received: {type(schema).__name__}."
        )


def selected(schema: Any, columns: Sequence[str] | None) -> list[str]:
    """The names of the columns to read.

    Args:
      schema: what has to be a Schema.
      columns: names; all of the schema's if None.

    Returns:
      At least one name; whether the schema has it is for `Schema.select` to say.

    Raises:
      LoadError: if there is no schema, or no name.
    """
    is_schema(schema)
    if isinstance(columns, str):
        raise LoadError(f"columns is a sequence of names. Received: columns={columns!r}.")
    names = schema.names if columns is None else list(columns)
    if not names:
        raise LoadError("At least one column is read. Received: columns=[].")
    return names
