"""Scans for tests: one graph for all databases with the same table, beside what sqlite3 says of them."""

from __future__ import annotations

import contextlib
import functools
import math
import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import tensorflow as tf

import tf_loadops as tlo
from tf_loadops.blocks import to_table
from tf_loadops.sql.scan import scan_table
from tf_loadops.sql.scan_layout import TableLayout, describe_table


def schema_of(**dtypes: str) -> tlo.Schema:
    return tlo.Schema([tlo.Column(name, dtype) for name, dtype in dtypes.items()])


def build(path: Path, *steps: str | tuple[str, Iterable[Any]], **pragmas: Any) -> Path:
    """Writes a database: pragmas, then statements, and pairs of a statement and rows for it."""
    for old in path.parent.glob(path.name + "*"):
        old.unlink()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        for name, value in pragmas.items():
            db.execute(f"PRAGMA {name} = {value}").fetchall()
        db.execute("BEGIN")
        for step in steps:
            if isinstance(step, str):
                db.execute(step)
            else:
                db.executemany(*step)
        db.execute("COMMIT")
    return path


def layout_of(path: Path, table: str = "t") -> TableLayout | None:
    with contextlib.closing(sqlite3.connect(path)) as db:
        return describe_table(db, table)


@functools.cache
def scanner(layout: TableLayout, schema: tlo.Schema) -> Callable[[Any], Any]:
    def scan(path: Any) -> Any:
        blocks, exact = scan_table(path, layout, schema)
        return to_table(blocks, schema), exact

    return tf.function(scan, input_signature=[tf.TensorSpec([], tf.string)], autograph=False)


def scanned(path: Path, schema: tlo.Schema, layout: TableLayout | None = None) -> list[tuple[Any, ...]] | None:
    """The rows as sqlite3 would give them, None where the scan is not exact."""
    layout = layout or layout_of(path)
    assert layout is not None
    table, exact = scanner(layout, schema)(tf.constant(str(path)))
    columns = []
    for column in schema:
        values, valid = (part[column.name].numpy().tolist() for part in (table.columns, table.validity))
        assert len(values) == int(table.counts["rows"])
        if column.dtype == "string":
            assert all(value == b"" for value, mask in zip(values, valid, strict=True) if not mask)
        elif column.dtype.startswith("float"):
            assert all(math.isnan(value) for value, mask in zip(values, valid, strict=True) if not mask)
        columns.append([value if mask else None for value, mask in zip(values, valid, strict=True)])
    rows = list(zip(*columns, strict=True))
    if not exact:
        assert rows == []
        return None
    assert int(table.counts["missing"]) == sum(value is None for row in rows for value in row)
    return rows


def selected(path: Path, schema: tlo.Schema) -> list[tuple[Any, ...]]:
    """What sqlite3 says: the oracle. Text as bytes."""
    names = ", ".join('"' + name.replace('"', '""') + '"' for name in schema.names)
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        db.text_factory = bytes
        return db.execute(f"SELECT {names} FROM t").fetchall()
