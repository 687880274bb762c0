"""Without tensorflow-io everything that needs it says which extra brings it."""

from __future__ import annotations

import sys

import pytest

import tf_loadops as tlo

TEXT = (
    "Reading PostgreSQL in the graph takes tensorflow-io, which loads on TensorFlow 2.16 and 2.17 only: pip install "
    "'tf-loadops[io]'. On any TensorFlow, tlo.snapshot writes the query's rows into a file that the loaders of files "
    "read. "
    "(ModuleNotFoundError.)"
)
DSN, QUERY = "postgresql:///shop", "SELECT 1 AS a"
SCHEMA = tlo.Schema([tlo.Column("a", "float32")])


@pytest.mark.parametrize(
    "call",
    [
        lambda: tlo.read_postgres(DSN, QUERY, SCHEMA),
        lambda: tlo.DatabaseDataLoader(DSN, QUERY),
        lambda: tlo.DatabaseDataLoader(DSN, QUERY, schema=SCHEMA),
        lambda: tlo.PostgresLookup(DSN, "t", "id", ["a"]),
        lambda: tlo.infer_schema((DSN, QUERY)),
    ],
)
def test_the_extra_is_named(call, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "tensorflow_io"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tensorflow_io", None)
    with pytest.raises(tlo.LoadError) as caught:
        call()
    assert str(caught.value) == TEXT
