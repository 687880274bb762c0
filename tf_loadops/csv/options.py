"""What a read is told besides its path: one hashable value, so that graphs can be kept by it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from tf_loadops.errors import LoadError
from tf_loadops.schema import Schema

ON_BAD_ROW = ("raise", "skip", "null")
ENGINES = ("auto", "numeric", "general")


@dataclasses.dataclass(frozen=True)
class Options:
    """How to read CSV.

    Args:
      schema: all columns the file is known to hold, and its dialect.
      columns: the names to read, in the order of the result.
      on_bad_row: "raise" refuses the source; "skip" leaves the row out; "null" keeps it with its bad fields missing.
      allow_empty: whether zero rows are a result rather than a mistake.
      engine: "auto", "numeric" or "general".
    """

    schema: Schema
    columns: tuple[str, ...]
    on_bad_row: str = "raise"
    allow_empty: bool = False
    engine: str = "auto"

    def __post_init__(self) -> None:
        if self.on_bad_row not in ON_BAD_ROW:
            raise LoadError(f"Expected one of {', '.join(ON_BAD_ROW)}. Received: on_bad_row={self.on_bad_row!r}.")
        if self.engine not in ENGINES:
            raise LoadError(f"Expected one of {', '.join(ENGINES)}. Received: engine={self.engine!r}.")
        if not self.columns:
            raise LoadError("At least one column is read. Received: columns=[].")

    @property
    def selected(self) -> Schema:
        """The schema of the result."""
        return self.schema.select(self.columns)


def make_options(
    schema: Schema,
    columns: Sequence[str] | None,
    on_bad_row: str,
    allow_empty: bool,
    engine: str,
    delimiter: str | None,
    header: bool | None,
    quote: str | None,
    comment: str | None,
    na_values: Sequence[str] | None,
) -> Options:
    """Joins the arguments of `read_csv` and `parse_csv`; those given take the place of the schema's own."""
    if not isinstance(schema, Schema):
        raise LoadError(
            f"schema is a tf_loadops.Schema; tlo.infer_schema makes one. Received: {type(schema).__name__}."
        )
    schema = schema.with_dialect(delimiter=delimiter, header=header, quote=quote, comment=comment)
    schema = schema.with_na_values(na_values)
    if isinstance(columns, str):
        raise LoadError(f"columns is a sequence of names. Received: columns={columns!r}.")
    names = tuple(schema.names if columns is None else columns)
    return Options(schema, names, on_bad_row, bool(allow_empty), engine)
