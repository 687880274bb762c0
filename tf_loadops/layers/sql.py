"""DatabaseDataLoader: a query of a SQLite database, or of a PostgreSQL server, as a Keras layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from tf_loadops.errors import LoadError
from tf_loadops.inputs import as_strings, run
from tf_loadops.layers.loader import Loader, as_source
from tf_loadops.schema import Schema
from tf_loadops.sql.infer import infer_query
from tf_loadops.sql.options import as_params, make_options
from tf_loadops.sql.postgres import infer as postgres_infer
from tf_loadops.sql.postgres import reader as postgres
from tf_loadops.sql.postgres.dsn import is_server, warn_if_open, without_password
from tf_loadops.sql.postgres.extra import core_ops
from tf_loadops.sql.postgres.options import TIMEOUT, server_options
from tf_loadops.sql.reader import as_query, matrix_of, read_table
from tf_loadops.sql.scan_layout import TableLayout
from tf_loadops.sql.whole import from_json, layout_of, to_json
from tf_loadops.table import Table

Tensor = Any


@keras.saving.register_keras_serializable(package="tf_loadops")
class DatabaseDataLoader(Loader):
    r"""Loads the rows of a query inside the graph, anew on every call.

    The database is a SQLite file, or one of a PostgreSQL server, `postgresql://host:port/database`, which takes the
    extra `[io]` (see `tlo.read_postgres`). A password in such an address is used, but never written down: neither the
    layer's config nor a SavedModel holds it, and libpq's environment has to bring it there.

    Called with None it reads the database it was constructed with; called with a path, or a vector of paths, it runs
    the same query on those; called with a dict it reads its own database with these values for the query's parameters.
    The same in eager mode, in `tf.function`, in Sequential, functional and subclassed models, and in a SavedModel
    (`tlo.export_saved_model`).

    A matrix is one of floats: integers are rounded to the matrix' dtype, bools are 0 and 1, NULL is NaN. Ask for
    output="columns" to hold each column to its own dtype. Counts are in the Table that `read` returns.

    Args:
      source: path (or address) of the default database, or a list of them; may be None if the layer is only called with
        paths of SQLite files. Addresses that a layer is called with are servers where its own source is one;
        "postgresql://" leaves all to libpq's environment.
      query: one SELECT.
      schema: the columns; found out once, here, from `source` (the first) and the query if None.
      params: values for the query's `:name` parameters.
      output: "matrix" for float32 [rows, columns], "columns" for a dict of name to tensor [rows].
      features: names of the columns in the result, in this order; all but the label by default.
      label: name of the column returned beside the result, as `(x, y)`.
      on_bad_row: "raise", "skip" or "null"; see `tlo.read_sqlite`.
      lock_timeout: seconds to wait for a database that a writer has locked.
      engine: "auto", "scan" or "query"; see `tlo.read_sqlite`. "auto" scans where the query is a whole table, or
        columns of it, and the table is much of a file of 16 MiB or more.
      timeout: PostgreSQL: seconds that the query may take.
      sample_rows: how many rows types are inferred from; None for all.
      layout: what a saved layer knows of the table that the query is all of; found out here otherwise.
      **kwargs: `name` and `dtype` of the layer.

    Returns:
      On call: float32 [rows, columns], or a dict; with a label a pair.

    Raises:
      LoadError: at construction, if a matrix is asked for of columns that hold text, or the query cannot be run.
      tf.errors.OpError: on call, as `tlo.read_sqlite`.

    Example:
      >>> import pathlib, sqlite3, tempfile
      >>> db = pathlib.Path(tempfile.mkdtemp()) / "my.db"
      >>> connection = sqlite3.connect(db)
      >>> _ = connection.execute("CREATE TABLE t (a REAL, b INT)")
      >>> _ = connection.execute("INSERT INTO t VALUES (1.5, 2), (NULL, 4)")
      >>> connection.commit(); connection.close()
      >>> DatabaseDataLoader(db, "SELECT a, b FROM t")(None).numpy().tolist()
      [[1.5, 2.0], [nan, 4.0]]
    """

    _reads = "databases"

    def __init__(
        self,
        source: Any = None,
        query: str | None = None,
        *,
        schema: Schema | None = None,
        params: Mapping[str, Any] | None = None,
        output: str = "matrix",
        features: Sequence[str] | None = None,
        label: str | None = None,
        on_bad_row: str = "raise",
        lock_timeout: float = 5.0,
        engine: str = "auto",
        timeout: float = TIMEOUT,
        sample_rows: int | None = None,
        layout: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        if not isinstance(query, str):
            raise LoadError(f"A database loader needs a query, one SELECT. Received: query={query!r}.")
        self._is_server = self._checked(source)
        if schema is None:
            if source is None or not as_source(source):
                raise LoadError("A database loader needs a database to look at, or schema=... Received neither.")
            if self._is_server:
                schema = postgres_infer.infer_query(as_source(source)[0], query, params, sample_rows, timeout)
            else:
                schema = infer_query(as_source(source)[0], query, params, sample_rows)
        super().__init__(source, schema, output, features, label, **kwargs)
        self.query = query
        self.params = None if params is None else dict(params)
        self._reading = {"on_bad_row": on_bad_row, "lock_timeout": lock_timeout, "engine": engine}
        self._timeout = timeout
        if self._is_server and engine == "scan":
            raise LoadError(
                'engine="scan" reads the pages of a SQLite file, and a server has none. Pass engine="auto".'
            )
        self._layout = from_json(layout) if layout is not None else self._found_layout()
        self._options(self.params)  # refuses what makes no sense before the first call

    def read(self, source: Any = None) -> Table:
        """Reads a database; see `tlo.read_sqlite`. A dict holds parameters for the layer's own one."""
        path, params = self._path_and_params(source)
        options = self._options(params)
        read = postgres.read_table if self._is_server else read_table
        return run(read, as_strings(path), as_query(self.query), as_params(params), options)

    def matrix(self, source: Any, rows: bool) -> tuple[Tensor, Tensor, Tensor | None]:
        """The matrix as it was read, not cut into columns and put together again."""
        if rows:
            self.parse(source)
        path, params = self._path_and_params(source)
        layout = (tuple(self.features), self.label, self.number_dtype)
        more = (postgres.read_blocks,) if self._is_server else ()
        query, options = as_query(self.query), self._options(params)
        return run(matrix_of, as_strings(path), query, as_params(params), options, *layout, *more)

    def _path_and_params(self, source: Any) -> tuple[Any, dict[str, Any] | None]:
        if isinstance(source, Mapping):
            return self.own_source(), {**(self.params or {}), **source}
        return self.own_source() if source is None else source, self.params

    def _found_layout(self) -> TableLayout | None:
        if self.source is None or self._is_server or self._reading["engine"] == "query" or self.params:
            return None
        must = self._reading["engine"] == "scan"
        return layout_of(as_source(self.source)[0], self.query, self.schema.select(self._columns), must)

    def _options(self, params: Mapping[str, Any] | None) -> Any:
        if self._is_server:
            on_bad_row = self._reading["on_bad_row"]
            return server_options(self.schema, self._columns, on_bad_row, self._timeout, params)
        return make_options(self.schema, self._columns, params=params, layout=self._layout, **self._reading)

    @staticmethod
    def _checked(source: Any) -> bool:
        """Whether the sources are servers; what a server takes is looked for once, here."""
        sources = [] if source is None else as_source(source)
        servers = [one for one in sources if is_server(one)]
        if not servers:
            return False
        if len(servers) < len(sources):
            raise LoadError("The sources are files or servers, not both.")
        core_ops()
        for one in servers:
            warn_if_open(one)
        return True

    def get_config(self) -> dict[str, Any]:
        """The layer's arguments."""
        known = {"query": self.query, "params": self.params, "layout": to_json(self._layout)}
        config = {**super().get_config(), **known}
        if self._is_server:
            config["timeout"] = self._timeout
            kept = [without_password(source) for source in as_source(self.source)]
            config["source"] = kept if isinstance(self.source, list) else kept[0]
        return config
