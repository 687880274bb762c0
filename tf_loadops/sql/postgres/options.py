"""What a read of PostgreSQL is told besides its server and query."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from tf_loadops.errors import LoadError
from tf_loadops.schema import Schema
from tf_loadops.sql.options import Options, make_options

TIMEOUT = 30.0
"""Seconds that a query may take, unless told otherwise."""


@dataclasses.dataclass(frozen=True)
class ServerOptions:
    """How to read a query's result from a server.

    Args:
      options: what every database is told.
      timeout: seconds that the query may take (`statement_timeout`).
    """

    options: Options
    timeout: float = TIMEOUT

    def __post_init__(self) -> None:
        check_timeout(self.timeout)

    @property
    def schema(self) -> Schema:
        """The columns to read."""
        return self.options.schema


def check_timeout(timeout: Any) -> None:
    """Refuses what is no number of seconds."""
    is_number = isinstance(timeout, (int, float)) and not isinstance(timeout, bool)
    if not is_number or not 0.001 <= timeout <= 86_400:
        raise LoadError(f"timeout is from 0.001 to 86400 seconds. Received: timeout={timeout!r}.")


def server_options(
    schema: Schema,
    columns: Sequence[str] | None,
    on_bad_row: str,
    timeout: float,
    params: Mapping[str, Any] | None,
) -> ServerOptions:
    """Joins the arguments of `read_postgres`."""
    return ServerOptions(make_options(schema, columns, on_bad_row, 0.0, "query", params), timeout)
