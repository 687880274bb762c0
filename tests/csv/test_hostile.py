"""Sizes and characters that break parsers."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest
import tensorflow as tf
from reading import columns, counts, refusal, rows

import tf_loadops as tlo

TEXT = tlo.Schema([tlo.Column("a", "string"), tlo.Column("b", "float64")])


def test_very_long_fields_and_many_of_them() -> None:
    long = "é" * 50_000
    quoted = 'x"\n,' * 25_000
    text = f'a,b\n{long},1\n"{quoted.replace(chr(34), chr(34) * 2)}",2\n{"z" * 100_000},{"0" * 100_000}3\n'
    table = tlo.parse_csv(text, TEXT)
    assert columns(table) == {"a": [long, quoted, "z" * 100_000], "b": [1.0, 2.0, 3.0]}
    assert refusal(lambda: tlo.parse_csv(text + "x,y\n", TEXT)).startswith("<text>:25005: column 'b': cannot parse 'y'")


def test_two_thousand_columns() -> None:
    names = [f"c{i}" for i in range(2000)]
    types = ["float64", "int32", "string"]
    schema = tlo.Schema([tlo.Column(name, types[i % 3]) for i, name in enumerate(names)])
    text = ",".join(reversed(names)) + "\n" + "".join(",".join([f"{row}"] * 2000) + "\n" for row in range(3))
    table = tlo.parse_csv(text, schema, columns=["c1999", "c0", "c2"])
    assert columns(table) == {"c1999": [0, 1, 2], "c0": [0.0, 1.0, 2.0], "c2": ["0", "1", "2"]}
    assert refusal(lambda: tlo.parse_csv(text + "1," * 1998 + "1\n", schema, columns=["c1999", "c0", "c2"])).startswith(
        "<text>:5: expected 2000 fields, found 1999. "
    )


def test_sources_without_rows() -> None:
    schema = tlo.Schema([tlo.Column("a", "string"), tlo.Column("b", "float32"), tlo.Column("c", "int64", default=1)])
    for text in ("a,b,c\n", "a,b,c", "\ufeffc,b,a\r\n\r\n", "", "\n\n"):
        table = tlo.parse_csv(text, schema, header="a" in text, allow_empty=True)
        assert rows(table) == []
        assert counts(table) == {"rows": 0, "bad_rows": 0, "missing": 0, "bytes": len(text.lstrip("\ufeff"))}
        assert [v.dtype for v in table.columns.values()] == [tf.string, tf.float32, tf.int64]
    assert rows(tlo.parse_csv([], schema, allow_empty=True)) == []


def test_rows_of_delimiters_only() -> None:
    table = tlo.parse_csv("a,b\n,\n,\n", TEXT)
    assert rows(table) == [[None, None]] * 2
    assert counts(table)["missing"] == 4


def test_quotes_around_the_edges_of_large_blocks(tmp_path: pathlib.Path) -> None:
    """Large enough for the numeric engine, whose first 64 KiB and chunks of 2 MiB hold no quote but one."""
    schema = tlo.Schema([tlo.Column("a", "float64"), tlo.Column("b", "int64")])
    lines = [f"{i}.5,{i * 7}" for i in range(200_000)]
    expected = np.arange(200_000)
    starts = np.cumsum([4, *(len(line) + 1 for line in lines)])
    file = tmp_path / "a.csv"
    for edge in (1 << 16, 1 << 20, 2 << 20):
        row = int(np.searchsorted(starts, edge)) - 1
        changed = list(lines)
        changed[row] = f'"{row}.5","{row * 7}"'
        file.write_text("a,b\n" + "\n".join(changed))
        table = tlo.read_csv(file, schema)
        np.testing.assert_array_equal(table.columns["a"], expected + 0.5)
        np.testing.assert_array_equal(table.columns["b"], expected * 7)
    changed[row] = f'"{row}\n.5","{row * 7}"'
    file.write_text("a,b\n" + "\n".join(changed))
    assert refusal(lambda: tlo.read_csv(file, schema)).startswith(
        f"{file}:{row + 2}: column 'a': cannot parse '{row}\\n.5' as float64. "
    )


@pytest.mark.parametrize("engine", ["general", "numeric"])
def test_another_quote_means_the_same_to_every_engine(engine: str) -> None:
    schema = tlo.Schema([tlo.Column("a", "float64"), tlo.Column("s", "string")], tlo.Dialect(quote="'", header=False))
    table = tlo.parse_csv("1,'x\n2,y'\n3,z\n", schema, columns=["a"], engine=engine)
    assert columns(table) == {"a": [1.0, 3.0]}
    assert refusal(lambda: tlo.parse_csv("1,x'y'\n", schema, columns=["a"], engine=engine)).startswith(
        "<text>:1: a quote ' stands inside an unquoted field"
    )


@pytest.mark.parametrize("engine", ["general", "numeric"])
def test_no_quote_means_the_same_to_every_engine(engine: str) -> None:
    schema = tlo.Schema([tlo.Column("a", "float64"), tlo.Column("s", "string")], tlo.Dialect(quote=None, header=False))
    table = tlo.parse_csv('1,"x\n2,"y\n', schema, columns=["a"], engine=engine)
    assert columns(table) == {"a": [1.0, 2.0]}


def test_arguments_that_make_no_sense_are_refused_at_once() -> None:
    for arguments, said in (
        ({"columns": "ab"}, "columns is a sequence of names. Received: columns='ab'."),
        ({"columns": []}, "At least one column is read. Received: columns=[]."),
        ({"columns": ["a", "c"]}, "The schema has no column 'c'. It has: 'a', 'b'."),
        ({"on_bad_row": "drop"}, "Expected one of raise, skip, null. Received: on_bad_row='drop'."),
        ({"engine": "fast"}, "Expected one of auto, numeric, general. Received: engine='fast'."),
        ({"delimiter": '"'}, "Dialect: delimiter and quote differ. Received: both are '\"'."),
        ({"na_values": "NA"}, "na_values is a sequence of str. Received: 'NA'."),
    ):
        with pytest.raises(tlo.LoadError) as caught:
            tlo.parse_csv("a,b\nx,1\n", TEXT, **arguments)
        assert str(caught.value) == said
    with pytest.raises(tlo.LoadError) as caught:
        tlo.parse_csv("a\n", {"a": "float32"})
    assert str(caught.value) == "schema is a tf_loadops.Schema; tlo.infer_schema makes one. Received: dict."
    with pytest.raises(tlo.LoadError) as caught:
        tlo.read_csv(tf.constant([["a.csv"]]), TEXT)
    assert str(caught.value) == (
        "A source is a string scalar or vector. Received: a tensor of shape (1, 1). Give it a rank with tf.reshape or "
        "tf.ensure_shape."
    )
