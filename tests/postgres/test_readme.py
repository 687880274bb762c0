"""README's blocks on PostgreSQL do what they show, on a server in place of the one that they name."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
GRAPH, SNAPSHOT = re.findall(r"```py\n(.*?)```", README, re.S)


def run(block, server):
    found = {}
    exec(compile(block.replace("postgresql://reader@db/shop", server.dsn), "<README>", "exec"), found)
    return found


@pytest.fixture(scope="module")
def boxes(server):
    server.sql("CREATE TABLE boxes (id bigint PRIMARY KEY, width float8, height float8, name text); "
               "INSERT INTO boxes VALUES (1, 1, 10, 'a'), (2, 2, 30, 'it''s'), (3, 3, 20, 'c')")  # fmt: skip
    return server


@pytest.mark.io
def test_in_the_graph(boxes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = run(GRAPH, boxes)
    assert found["x"].numpy().tolist() == [[2, 30], [3, 20]]
    assert found["table"].columns["name"].numpy().tolist() == [b"a", b"it's"]
    np.testing.assert_array_equal(found["features"], [[3, 20], [1, 10], [np.nan, np.nan]])
    assert (tmp_path / "boxes_keys" / "saved_model.pb").is_file()


def test_snapshot(boxes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = run(SNAPSHOT, boxes)
    assert found["rows"] == 3
    assert found["x"].numpy().tolist() == [[1, 10], [2, 30], [3, 20]]
