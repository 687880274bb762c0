"""Databases of the tests, made by Python's sqlite3."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import tf_loadops as tlo

PRICES = tlo.Schema([tlo.Column("price", "float32")])
"""The schema of most refusals: one schema, one graph."""


def make(path: Path, script: str, inserts: dict[str, Iterable[Sequence[Any]]] | None = None) -> Path:
    """Writes a database anew: a script, then rows into tables."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for old in path.parent.glob(path.name + "*"):
        old.unlink()
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.executescript(script)
        for table, rows in (inserts or {}).items():
            rows = list(rows)
            if rows:
                db.executemany(f"INSERT INTO {table} VALUES ({','.join('?' * len(rows[0]))})", rows)
        db.commit()
    return path


def shop(folder: Path) -> Path:
    """A small shop: three items, one without a price."""
    rows = [(1, "tea", 4.5, 3), (2, "cup", None, 0), (3, "pot", 20, 7)]
    return make(folder / "shop.db", "CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT, price REAL, count INT)",
                {"items": rows})


def rows_of(path: Path, query: str, params: Any = ()) -> list[tuple[Any, ...]]:
    """What sqlite3 says: the oracle."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return db.execute(query, params).fetchall()


def fingerprint(folder: Path) -> dict[str, str]:
    """Every file below a folder and its content."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def lists(table: tlo.Table) -> dict[str, list[Any]]:
    """Columns as lists; text as str, NaN as None."""
    return {name: plain(tensor.numpy()) for name, tensor in table.columns.items()}


def plain(values: Any) -> list[Any]:
    values = np.asarray(values)
    if values.dtype == object:
        return [value.decode() for value in values]
    return [None if value != value else value for value in values.tolist()]


def counts(table: tlo.Table) -> dict[str, int]:
    return {name: int(value) for name, value in table.counts.items()}
