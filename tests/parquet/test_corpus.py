"""The corpus of Apache's parquet-testing: each column is pyarrow's or refused by name; nothing crashes or hangs."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import pytest

from .corpus import FILES, LIMIT, Result, results_of
from .process import Reader


class Results(dict):
    """What became of each file, read when it is first asked for."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.reader = Reader(folder)

    def __missing__(self, file: pathlib.Path) -> list[Result]:
        self[file] = results_of(file, self.reader)
        return self[file]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Results]:
    made = Results(tmp_path_factory.mktemp("corpus"))
    yield made
    made.reader.close()


def test_the_corpus_is_there() -> None:
    assert len(FILES) == 37


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_each_column_is_equal_or_refused_by_name(file: pathlib.Path, results: Results) -> None:
    others = [one for one in results[file] if one.outcome not in ("equal", "refused")]
    assert [(one.name, one.outcome, one.said) for one in others if one.outcome != "read" or not one.pyarrow] == []
    assert {one.name: one.seconds for one in results[file] if one.seconds > LIMIT} == {}
    refused = {one.name: one.said for one in results[file] if one.outcome == "refused"}
    assert {name: said for name, said in refused.items() if not _names(said, file.name, name)} == {}


def _names(said: str, file: str, column: str) -> bool:
    """Whether a refusal says which file and which column; that of a damaged footer knows no columns."""
    return said.startswith(f"{file}: ") and (f"'{column}'" in said or said.startswith(f"{file}: its "))


def test_most_flat_columns_are_read(results: Results) -> None:
    flat = [one for file in FILES for one in results[file] if one.flat]
    equal = [one for one in flat if one.outcome == "equal"]
    assert len(flat) == 149
    assert len(equal) >= 0.8 * len(flat), [(one.name, one.said) for one in flat if one.outcome != "equal"]
