"""Which columns a scan reads, and the parts of a table that it makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from tf_loadops.blocks import groups_of
from tf_loadops.schema import Schema
from tf_loadops.sql.scan_layout import TableColumn, TableLayout

Tensor = Any


class Part(NamedTuple):
    """The columns of a block or of the table, by group: [rows, columns of the group]."""

    values: tuple[Tensor, ...]
    valid: tuple[Tensor, ...]


class Wanted(NamedTuple):
    """What is read of which table: static, and the key of a program."""

    layout: TableLayout
    schema: Schema

    @property
    def groups(self) -> list[list[int]]:
        """The groups of columns that the result has."""
        return groups_of(self.schema)

    def positions(self, group: Sequence[int]) -> list[int]:
        """Where the columns of a group stand in the table."""
        return [self.layout.position(self.schema.columns[i].name) for i in group]

    def declared(self, group: Sequence[int]) -> list[TableColumn]:
        """The columns of a group as the table has them."""
        return [self.layout.columns[i] for i in self.positions(group)]

    def is_text(self, group: Sequence[int]) -> bool:
        """Whether it is a group of strings."""
        return self.schema.columns[group[0]].dtype == "string"
