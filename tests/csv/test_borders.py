"""What lies at the border between a mistake and a result: special files, nothing left, rows and their places."""

from __future__ import annotations

import math
import pathlib

import pytest
from reading import refusal

import tf_loadops as tlo

SCHEMA = tlo.Schema([tlo.Column("a", "float32"), tlo.Column("b", "float32")])


@pytest.mark.parametrize(
    ("path", "shown"),
    [("/dev/zero", "/dev/zero"), ("//dev/stdin", "//dev/stdin"), ("/proc/self/environ", "/proc/self/environ"),
     ("a.csv\0.gz", "a.csv\\0.gz")],
)  # fmt: skip
def test_what_is_no_regular_file_is_not_opened(path: str, shown: str):
    assert refusal(lambda: tlo.read_csv(path, SCHEMA)) == (
        f"{shown}: no regular file: it lies in /dev or /proc, or its name holds a NUL. Give the path of a file."
    )


def test_skipping_every_row_is_refused_unless_nothing_is_allowed():
    text = "a,b\n1;2\n3;4\n"
    assert refusal(lambda: tlo.parse_csv(text, SCHEMA, on_bad_row="skip")) == (
        '<text>: each of the 2 rows is bad, and on_bad_row="skip" leaves none. Check the delimiter and the schema; '
        "pass allow_empty=True if a result with zero rows is wanted."
    )
    table = tlo.parse_csv(text, SCHEMA, on_bad_row="skip", allow_empty=True)
    assert {name: int(value) for name, value in table.counts.items()} == {
        "rows": 0, "bad_rows": 2, "missing": 0, "bytes": 12
    }  # fmt: skip


def test_rows_keep_their_places():
    with pytest.raises(tlo.LoadError) as error:
        tlo.parse_csv(["1,2", "x,2", "3,4"], SCHEMA, on_bad_row="skip")
    assert str(error.value) == (
        'A vector of rows gives one row of the result each, so none can be left out: pass on_bad_row="null", which '
        'keeps a bad one with its fields missing. Received: on_bad_row="skip".'
    )
    table = tlo.parse_csv(["1,2", "x,2", "3,4"], SCHEMA, on_bad_row="null")
    assert table.validity["a"].numpy().tolist() == [True, False, True]
    assert table.columns["b"].numpy().tolist() == [2.0, 2.0, 4.0]


def test_a_bad_bool_is_no_false_in_a_matrix(tmp_path: pathlib.Path):
    schema = tlo.Schema([tlo.Column("ok", "bool"), tlo.Column("v", "float32")])
    file = tmp_path / "a.csv"
    file.write_text("ok,v\n?,1\nfalse,2\ntrue\n")
    x = tlo.CSVDataLoader(schema=schema, on_bad_row="null")(file).numpy().tolist()
    assert x[1] == [0.0, 2.0]
    assert math.isnan(x[0][0]) and x[0][1] == 1.0
    assert math.isnan(x[2][0]) and math.isnan(x[2][1])


def test_files_standardized_one_by_one_are_not_dealt_out_as_one(tmp_path: pathlib.Path):
    for name, text in (("p.csv", "a,b\n1,2\n3,4\n"), ("q.csv", "a,b\n101,5\n103,9\n")):
        (tmp_path / name).write_text(text)
    layer = tlo.PreprocessingDataLoader([tmp_path / "p.csv", tmp_path / "q.csv"], schema=SCHEMA)
    with pytest.raises(tlo.LoadError) as error:
        layer.dataset(10)
    assert str(error.value) == (
        "PreprocessingDataLoader.dataset reads one file, since files read one by one have statistics of their own. "
        "Use CSVDataLoader and Standardize for several. Received: 2 paths."
    )
    batches = [batch.numpy().tolist() for batch in layer.dataset(10, paths=str(tmp_path / "p.csv"))]
    assert batches == [[[-1.0, -1.0], [1.0, 1.0]]]


def test_two_defaults_that_are_equal_are_still_two():
    signs = []
    for default in (0.0, -0.0):
        schema = tlo.Schema([tlo.Column("signed_zero", "float64", default=default), tlo.Column("b", "float32")])
        values = tlo.parse_csv("signed_zero,b\n,1\n", schema).columns["signed_zero"].numpy()
        signs.append(math.copysign(1.0, values[0]))
    assert signs == [1.0, -1.0]


def test_utf32_is_named_as_what_it_is():
    text = "a,b\n1,2\n".encode("utf-32-le")
    assert refusal(lambda: tlo.parse_csv(b"\xff\xfe\0\0" + text, SCHEMA)) == (
        "<text>: the text is UTF-32. Convert it to UTF-8: iconv -f UTF-32 -t UTF-8."
    )
