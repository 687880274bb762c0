"""What a read of Parquet is told besides its path: one hashable value, so that graphs can be kept by it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np

from tf_loadops.arguments import ON_BAD_ROW, one_of, selected
from tf_loadops.errors import LoadError
from tf_loadops.parquet.extra import parquet_ops
from tf_loadops.schema import Schema

ENGINES = ("auto", "native", "tfio")


@dataclasses.dataclass(frozen=True)
class Options:
    """How to read Parquet.

    Args:
      schema: the columns to read, in the order of the result.
      row_groups: the numbers of the row groups to read, in the order of the result; None for all of them.
      on_bad_row: "raise" refuses the source; "skip" leaves the row out; "null" keeps it with its bad values missing.
      allow_empty: whether zero rows are a result rather than a mistake.
      engine: "auto", "native" or "tfio".

    Raises:
      LoadError: if one of these is not what it should be.

    Example:
      >>> from tf_loadops.schema import Column
      >>> Options(Schema([Column("a", "float32")]), row_groups=(2, 0)).engine
      'auto'
    """

    schema: Schema
    row_groups: tuple[int, ...] | None = None
    on_bad_row: str = "raise"
    allow_empty: bool = False
    engine: str = "auto"

    def __post_init__(self) -> None:
        one_of(ON_BAD_ROW, on_bad_row=self.on_bad_row)
        one_of(ENGINES, engine=self.engine)


def make_options(
    schema: Schema,
    columns: Sequence[str] | None,
    row_groups: Sequence[int] | None,
    on_bad_row: str,
    allow_empty: bool,
    engine: str,
) -> Options:
    """Joins the arguments of `read_parquet`."""
    names = selected(schema, columns)
    if engine == "tfio":
        parquet_ops()
    return Options(schema.select(names), _as_numbers(row_groups), on_bad_row, bool(allow_empty), engine)


def _as_numbers(row_groups: Sequence[int] | None) -> tuple[int, ...] | None:
    if row_groups is None:
        return None
    said = "row_groups is a sequence of at least one number, from 0 on, without repeats; or None for all."
    given: list[object] = list(row_groups) if isinstance(row_groups, Iterable) else [None]
    if not all(isinstance(one, (int, np.integer)) and not isinstance(one, bool) and 0 <= one < 2**31 for one in given):
        raise LoadError(f"{said} Received: row_groups={row_groups!r}.")
    found = tuple(map(int, row_groups))
    if not found or len(set(found)) < len(found):
        raise LoadError(f"{said} Received: row_groups={row_groups!r}.")
    return found
