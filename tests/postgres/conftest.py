"""The server, once in a worker process, and a shop in it."""

from __future__ import annotations

import importlib.util
import os

import pytest

from . import server as servers

SHOP = """
DROP TABLE IF EXISTS items;
CREATE TABLE items (id bigint PRIMARY KEY, name text, price double precision, count integer);
INSERT INTO items VALUES (1, 'tea', 4.5, 3), (2, 'cup', NULL, 0), (3, 'pot', 20, 7);
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where tensorflow-io is missing, what needs it is not tried; `test_without_io.py` says what then happens."""
    if importlib.util.find_spec("tensorflow_io") is not None:
        return
    skip = pytest.mark.skip(reason="tensorflow-io is not installed, which loads on TensorFlow 2.16 and 2.17: extra "
    "[io]")
    for item in items:
        if item.get_closest_marker("io"):
            item.add_marker(skip)


@pytest.fixture(scope="session")
def server():
    if servers.binaries() is None:
        if os.environ.get("TLO_REQUIRE_POSTGRES"):
            pytest.fail(servers.INSTALL)
        pytest.skip(servers.INSTALL)
    made, folder = servers.started()
    try:
        made.sql(SHOP)
        yield made
    finally:
        made.stop("immediate")
        folder.cleanup()


@pytest.fixture(autouse=True)
def libpq_environment(monkeypatch):
    """Nothing of the machine's own."""
    for name in [name for name in os.environ if name.startswith("PG")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PGPASSFILE", "/nonexistent")
