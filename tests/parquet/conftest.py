"""Parquet is read op by op here on each TensorFlow: graphs of it are for the tests that make some."""

from __future__ import annotations

import pytest

from tf_loadops import compiled


@pytest.fixture(autouse=True)
def _eagerly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nearly every test has a schema of its own, and no graph is worth building for one small read."""
    monkeypatch.setattr(compiled, "PRICE", 2.0)
