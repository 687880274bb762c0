"""CSVDataLoader and PreprocessingDataLoader: what their constructors refuse."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest

from tf_loadops import CSVDataLoader, LoadError, PreprocessingDataLoader

TEXT = "x,city,n,ok,y\n1.5,Oslo,1,true,0\n,Rome,2,false,1\n-2.5,,3,true,2\n"


@pytest.fixture
def file(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "my data.csv"
    path.write_text(TEXT)
    return path


def refused(make: Any) -> str:
    with pytest.raises(LoadError) as caught:
        make()
    return str(caught.value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda path: CSVDataLoader(path),
            "A matrix holds numbers only, but 'city' hold text. Name the numeric columns with features=[...], or ask "
            'for output="columns".',
        ),
        (
            lambda path: CSVDataLoader(path, features=["x", "nothing"]),
            "The schema has no column 'nothing'. It has: 'x', 'city', 'n', 'ok', 'y'.",
        ),
        (
            lambda path: CSVDataLoader(path, features=["x"], label="nothing"),
            "The schema has no column 'nothing'. It has: 'x', 'city', 'n', 'ok', 'y'.",
        ),
        (
            lambda path: CSVDataLoader(path, features=["x", "y"], label="y"),
            "The label is no feature too. Received: label='y', features=['x', 'y'].",
        ),
        (
            lambda path: CSVDataLoader(path, features=["x", "x"]),
            "A schema names each column once. Received twice: 'x'.",
        ),
        (lambda path: CSVDataLoader(path, features="xy"), "features is a sequence of names. Received: features='xy'."),
        (
            lambda path: CSVDataLoader(path, output="table"),
            "Expected one of matrix, columns. Received: output='table'.",
        ),
        (
            lambda path: CSVDataLoader(path, features=["x"], on_bad_row="drop"),
            "Expected one of raise, skip, null. Received: on_bad_row='drop'.",
        ),
        (
            lambda path: CSVDataLoader(path, features=["x"], engine="fast"),
            "Expected one of auto, numeric, general. Received: engine='fast'.",
        ),
        (
            lambda path: CSVDataLoader(),
            "A CSV loader needs a file to infer its schema from, or schema=... Received neither.",
        ),
        (
            lambda path: CSVDataLoader([]),
            "A CSV loader needs a file to infer its schema from, or schema=... Received neither.",
        ),
        (
            lambda path: CSVDataLoader(path.parent / "no.csv"),
            "{folder}/no.csv: no such file. Check the path; a relative one starts at the working directory of the "
            "process.",
        ),
        (
            lambda path: CSVDataLoader(path, header=False, delimiter=";", output="columns", na_values="NA"),
            "na_values is a sequence of str. Received: 'NA'.",
        ),
        (
            lambda path: PreprocessingDataLoader(path, output="columns"),
            "PreprocessingDataLoader makes a matrix. Received: output='columns'.",
        ),
        (
            lambda path: PreprocessingDataLoader(path, features=["x"], missing="drop"),
            "Expected one of mean, keep. Received: missing='drop'.",
        ),
    ],
)
def test_constructors_refuse_what_makes_no_sense(make: Any, message: str, file: pathlib.Path) -> None:
    assert refused(lambda: make(file)) == message.replace("{folder}", str(file.parent))
