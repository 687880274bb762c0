"""What a table scan must know of a table before it runs: the order of its columns, and what short rows lack."""

from __future__ import annotations

import contextlib
import dataclasses
import sqlite3
from typing import Any

from tf_loadops.errors import LoadError

UNKNOWN = ()
"""Stands for a default that is not known: a row without the column is then not read."""


@dataclasses.dataclass(frozen=True)
class TableColumn:
    """A column as the table declares it.

    Args:
      name: its name.
      is_rowid: whether it is an alias of the rowid (INTEGER PRIMARY KEY), which rows do not hold.
      default: what rows hold that are older than the column: None for NULL, an int, float, str or bytes, or UNKNOWN.
    """

    name: str
    is_rowid: bool = False
    default: Any = None


@dataclasses.dataclass(frozen=True)
class TableLayout:
    """A rowid table as it was when it was described.

    Args:
      name: the table's name, written as in its database.
      sql: its CREATE TABLE statement as the database keeps it. A scan of a file that keeps another one is not exact,
        so a table that was altered since is never read by old positions.
      columns: all of its columns, in the order of the statement, which is that of the fields of its rows.
    """

    name: str
    sql: str
    columns: tuple[TableColumn, ...]

    def position(self, name: str) -> int:
        """Where a column stands.

        Raises:
          LoadError: if there is none of this name, in any case of its ASCII letters, as SQLite has it.
        """
        names = [column.name.encode().lower() for column in self.columns]
        if name.encode().lower() not in names:
            shown = ", ".join(repr(column.name) for column in self.columns)
            raise LoadError(f"Table {self.name!r} has no column {name!r}. It has: {shown}.")
        return names.index(name.encode().lower())


def describe_table(connection: sqlite3.Connection, table: str) -> TableLayout | None:
    """Describes a table for `scan_table`.

    Args:
      connection: the open database.
      table: the table's name, in any case.

    Returns:
      The layout; None for what only the query engine reads: no such table, a view, a virtual table, a table WITHOUT
      ROWID or one with generated columns.
    """
    quoted = '"' + table.replace('"', '""') + '"'
    found = connection.execute(
        "SELECT name, sql, rootpage FROM main.sqlite_master WHERE type = 'table' AND name = ? COLLATE NOCASE", (table,)
    ).fetchall()
    if len(found) != 1 or not found[0][1] or not found[0][2]:
        return None
    name, sql, _ = found[0]
    declared = connection.execute(f"PRAGMA main.table_xinfo({quoted})").fetchall()
    # Only of the rowid's alias and of tables WITHOUT ROWID the primary key has no index of its own that is listed with
    # a name of the table's; in the latter it is the table itself.
    keys = [index for index in connection.execute(f"PRAGMA main.index_list({quoted})") if index[3] == "pk"]
    in_key = [column for column in declared if column[5]]
    if any(column[6] for column in declared) or _is_without_rowid(connection, name):
        return None
    alias = in_key[0][0] if len(in_key) == 1 and not keys and in_key[0][2].upper() == "INTEGER" else None
    columns = [
        TableColumn(column[1], column[0] == alias, None if column[4] is None else _default(column[2], column[4]))
        for column in declared
    ]
    return TableLayout(name, sql, tuple(columns))


def _is_without_rowid(connection: sqlite3.Connection, name: str) -> bool:
    indexes = connection.execute("SELECT name FROM main.sqlite_master WHERE type = 'index' AND tbl_name = ?", (name,))
    stored = {row[0] for row in indexes}
    quoted = '"' + name.replace('"', '""') + '"'
    # The index that is the table itself is listed, but stored nowhere.
    return any(row[3] == "pk" and row[1] not in stored for row in connection.execute(f"PRAGMA index_list({quoted})"))


def _default(declared: str, default: str) -> Any:
    """The value that SQLite gives rows older than the column, by letting it do so."""
    if declared.strip().upper() == "ANY":
        return UNKNOWN  # its values depend on whether the table is STRICT
    with contextlib.closing(sqlite3.connect(":memory:")) as memory:
        memory.execute("CREATE TABLE t (a)")
        memory.execute("INSERT INTO t VALUES (1)")
        for text in (default, f"({default})"):  # the pragma takes parentheses off that some expressions need
            try:
                memory.execute(f"ALTER TABLE t ADD COLUMN b {declared} DEFAULT {text}")
            except sqlite3.Error:
                continue
            return memory.execute("SELECT b FROM t").fetchone()[0]
    return UNKNOWN  # such a column cannot have been added to a table with rows
