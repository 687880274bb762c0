"""snapshot: the rows of a query, streamed by a driver into a file that the loaders of files read."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tf_loadops.errors import LoadError
from tf_loadops.sql.postgres.dsn import is_server, label_of
from tf_loadops.sql.postgres.snapshot_files import WRITERS, Field, Write, field_of
from tf_loadops.sql.postgres.snapshot_params import Params
from tf_loadops.standardize.progress import rows_bar


def snapshot(
    source: str,
    query: str,
    target: str | os.PathLike[str],
    *,
    params: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    verbose: bool | str = "auto",
) -> int:
    r"""Writes the rows of a PostgreSQL query into a file, eagerly, by psycopg 3 (the extra `[postgres]`).

    What the in-graph client is slow at, or has not, is no matter here: any number of rows, in bounded memory, and TLS.
    The transaction is read-only. The file takes its name when it is whole, and is not made otherwise.

    Integers, reals, booleans, text (uuid and json, too) and bytea stay what they are; a numeric becomes a double
    precision, dates and timestamps the seconds since 1970 in UTC. Another type is refused: CAST it in the query. A CSV
    file has no bytea, and the same empty field for NULL and for an empty text. SQLite has NULL for NaN,
    and 0.0 for -0.0.

    Args:
      source: `postgresql://` address; what is left out, libpq takes from its environment.
      query: one SELECT.
      target: the file, by its ending: `.parquet` (takes pyarrow), `.db` (SQLite; the table is called `snapshot`) or
        `.csv` (with a header).
      params: values for the query's `:name` parameters, as for `tlo.read_postgres`; the driver binds them.
      overwrite: replace a file that is there.
      verbose: whether to show progress; "auto" shows it if stderr is a terminal.

    Returns:
      The number of rows.

    Raises:
      LoadError: if the server, the query, a column's type or the target is refused; nothing is left behind.

    Example:
      >>> rows = snapshot("postgresql://db/shop", "SELECT * FROM items", "items.csv")  # doctest: +SKIP

    Source: postgresql.org/docs/current/sql-copy.html.
    """
    if not is_server(source):
        raise LoadError("The source of a snapshot is an address that begins with postgresql://.")
    path = Path(os.path.abspath(os.fspath(target)))
    if path.suffix not in WRITERS:
        raise LoadError(f"{path}: a snapshot is written as one of {', '.join(WRITERS)}. Name the file accordingly.")
    if os.path.lexists(path) and not overwrite:
        raise LoadError(f"{path}: there is such a file already. Pass overwrite=True to replace it.")
    if not path.parent.is_dir():
        raise LoadError(f"{path}: there is no such directory. Make it first.")
    driver = _driver()
    write, where = WRITERS[path.suffix](), label_of(source)
    bound = Params(query, params, where)
    with _refusals(driver, source, path), _connected(driver, source) as connection:
        bound.bind(connection, where)
        fields = _fields(connection, bound.query, query, where)
        select = _select(fields, bound.query)
        with _whole(path) as part, rows_bar(f"snapshot {path.name}", None, verbose) as advance:
            return write(Write(connection, select, fields, part, path, advance))


def _driver() -> Any:
    try:
        import psycopg
    except ImportError:
        raise LoadError(
            "A snapshot takes psycopg 3 and its libpq: pip install 'tf-loadops[postgres]'."
        ) from None
    return psycopg


@contextlib.contextmanager
def _connected(driver: Any, source: str) -> Iterator[Any]:
    with driver.connect(source, client_encoding="utf-8") as connection:
        connection.read_only = True
        connection.isolation_level = driver.IsolationLevel.REPEATABLE_READ
        # Begins the transaction. A role may have settings by which floats lose digits, and bytes look like text.
        connection.execute(
            "SELECT set_config('extra_float_digits', '1', true), set_config('bytea_output', 'hex', true)"
        )
        yield connection
        connection.rollback()


@contextlib.contextmanager
def _refusals(driver: Any, source: str, path: Path) -> Iterator[None]:
    """The driver's and SQLite's errors in our words; libpq quotes what it cannot parse, which may be a password."""
    try:
        yield
    except driver.ProgrammingError as error:
        if error.sqlstate is None:
            raise LoadError(
                f"{label_of(source)}: no address that libpq could read. Write postgresql://user@host:port/database, "
                "special characters as %XX; it is not shown whole, for it may hold a password."
            ) from None
        raise LoadError(_said(error, source)) from None
    except driver.Error as error:
        raise LoadError(_said(error, source)) from None
    except sqlite3.Error as error:
        raise LoadError(f"{path}: SQLite says: {error}. Correct the query, or write .csv or .parquet.") from None


def _said(error: Any, source: str) -> str:
    primary = error.diag.message_primary
    if primary is None:
        reason = " ".join(str(error).split()).rstrip(".")
        return f"{label_of(source)}: {reason}. Check the address, the server, and what lets this user in."
    primary = primary if len(primary) <= 300 else f"{primary[:300]}..."
    return f"{label_of(source)}: PostgreSQL says: {primary} ({error.sqlstate}). Correct the query, or call again."


def _fields(connection: Any, query: str, asked: str, where: str) -> list[Field]:
    """What the query gives, found without running it; more than one statement is refused by the protocol."""
    shown = " ".join(asked.split())[:300]
    prepared = connection.pgconn.prepare(b"tlo_snapshot", query.encode())
    if prepared.error_message:
        said = prepared.error_message.decode(errors="replace").split("\n")[0].removeprefix("ERROR:").strip()
        raise LoadError(f"{where}: PostgreSQL says: {said}. Correct the query: {shown}")
    found = connection.pgconn.describe_prepared(b"tlo_snapshot")
    names = [found.fname(i).decode() for i in range(found.nfields)]
    if not names:
        raise LoadError(f"{where}: the query returns no columns. Give one SELECT: {shown}")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise LoadError(
            f"{where}: column {twice[0]!r}: the query returns it more than once, and nobody can tell which is meant. "
            "Rename the others with AS."
        )
    types = [_base_type(connection, found.ftype(i)) for i in range(found.nfields)]
    return [field_of(name, *kind, where) for name, kind in zip(names, types, strict=True)]


def _base_type(connection: Any, oid: int) -> tuple[int, str, str, str]:
    """Of a type, or of what a domain is made of: its number, kind, category and name."""
    while True:
        row = connection.execute(
            "SELECT typbasetype, typtype::text, typcategory::text, format_type(oid, NULL) FROM pg_type WHERE oid = "
            "%s", [oid]
        ).fetchone()
        if row[1] != "d":
            return oid, row[1], row[2], row[3]
        oid = row[0]


def _select(fields: list[Field], query: str) -> str:
    columns = ", ".join(field.expression for field in fields)
    return f"SELECT {columns} FROM (\n{query}\n) AS tlo_q"


@contextlib.contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A file beside the target that takes its name at the end, or is gone."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    os.close(handle)
    part = Path(name)
    try:
        yield part
        with open(part, "rb+") as file:
            os.fsync(file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(part, 0o666 & ~mask)
        os.replace(part, path)
    finally:
        for left in path.parent.glob(f"{part.name}*"):
            left.unlink()
