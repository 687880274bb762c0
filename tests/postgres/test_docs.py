"""docs/sql.md's blocks on PostgreSQL do what they show, on a server in place of the one that they name."""

from __future__ import annotations

import pytest

from tests.documents import blocks, run

GRAPH, SNAPSHOT = blocks("docs/sql.md", "py")
ROWS = "INSERT INTO boxes VALUES (1, 1, 10, 'a'), (2, 2, 30, 'it''s'), (3, 3, 20, 'c')"
TABLE = "CREATE TABLE boxes (id bigint PRIMARY KEY, width float8, height float8, name text)"


@pytest.fixture
def boxes(server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    server.sql(f"DROP TABLE IF EXISTS boxes; {TABLE}; {ROWS}")
    yield server
    server.sql("DROP TABLE boxes")


@pytest.mark.parametrize(
    "block", [pytest.param(GRAPH, marks=pytest.mark.io), SNAPSHOT], ids=["in the graph", "snapshot"]
)
def test_block(boxes, block):
    run(block, {}, block.source.replace("postgresql://reader@db/shop", boxes.dsn))
