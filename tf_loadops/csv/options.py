"""What a read is told besides its path: one hashable value, so that graphs can be kept by it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from tf_loadops.arguments import ON_BAD_ROW, is_schema, one_of, selected
from tf_loadops.schema import Schema

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
        one_of(ON_BAD_ROW, on_bad_row=self.on_bad_row)
        one_of(ENGINES, engine=self.engine)

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
    is_schema(schema)
    schema = schema.with_dialect(delimiter=delimiter, header=header, quote=quote, comment=comment)
    schema = schema.with_na_values(na_values)
    return Options(schema, tuple(selected(schema, columns)), on_bad_row, bool(allow_empty), engine)
