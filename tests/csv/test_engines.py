"""Both engines give the same table, bit for bit, and the same refusals; what they give is checked elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

import tf_loadops as tlo
from tf_loadops import compiled
from tf_loadops.csv import engine as engines

DTYPES = ("float32", "float64", "int32", "int64", "bool")
SCHEMA = tlo.Schema(
    [
        tlo.Column("f", "float32"),
        tlo.Column("d", "float64"),
        tlo.Column("i", "int32", default=-1),
        tlo.Column("l", "int64", default=7),
        tlo.Column("b", "bool", default=True),
    ]
)
STRICT = tlo.Schema(
    [tlo.Column("l", "int64"), tlo.Column("d", "float64", na_values=("", "-999")), tlo.Column("b", "bool")]
)

_digits = st.text("0123456789", min_size=1, max_size=24)
_float = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "-", "+"]),
    _digits,
    st.sampled_from(["", "."]) | _digits.map(lambda d: "." + d),
    st.sampled_from(["", "e5", "E-7", "e+300", "e-320", "e400", "e-400"]),
)
_odd = st.sampled_from(
    ["", " ", "NA", "nan", "NaN", "inf", "-inf", "Infinity", "null", "abc", "1e", ".", "-", "1_0", "0x1", " 1 ", "\t2",
     "3\t", "-999", "true", "FALSE", "2147483648", "-2147483648", "9223372036854775807", "9223372036854775808", "1,2",
     "-0", "-0.0", "007", "1.", ".5", "tru", "é"]
)  # fmt: skip
_plain = (
    st.integers(-(2**63), 2**63 - 1).map(str) | st.floats(allow_nan=False).map(repr) | st.integers(-999, 999).map(str)
)
_row = st.tuples(_float | _plain, _float | _plain, st.integers(-(2**31), 2**31 - 1).map(str), _plain,
                 st.sampled_from(["0", "1", "true", "False"]))  # fmt: skip


def outcome(text: str, schema: tlo.Schema, engine: str, **kwargs: object) -> object:
    """A table as bytes, or the refusal's text."""
    try:
        table = tlo.parse_csv(text, schema, engine=engine, **kwargs)
    except tf.errors.InvalidArgumentError as error:
        return error.message
    columns = {name: (value.dtype.name, value.numpy().tobytes()) for name, value in table.columns.items()}
    validity = {name: value.numpy().tolist() for name, value in table.validity.items()}
    return columns, validity, {name: int(value) for name, value in table.counts.items()}


@settings(max_examples=150, deadline=None)
@given(st.lists(_row, min_size=1, max_size=6), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_tables_are_the_same_where_the_numeric_engine_reads(rows, end, ended):
    text = end.join(["f,d,i,l,b", *map(",".join, rows)]) + (end if ended else "")
    assert outcome(text, SCHEMA, "numeric") == outcome(text, SCHEMA, "general")


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.lists(_odd | _plain, min_size=1, max_size=5), max_size=4),
    st.sampled_from(["\n", "\r\n", "\n\n", "\r", "\n\"", "\x00\n"]),
    st.sampled_from(["raise", "skip", "null"]),
)
def test_tables_and_refusals_are_the_same_on_anything(rows, end, on_bad_row):
    text = end.join(["f,d,i,l,b", *map(",".join, rows)])
    kwargs = {"on_bad_row": on_bad_row, "allow_empty": True}
    assert outcome(text, SCHEMA, "numeric", **kwargs) == outcome(text, SCHEMA, "general", **kwargs)


@pytest.mark.parametrize(
    "text",
    [
        "", "\n", "l,d,b", "l,d,b\n", "\nl,d,b\n1,2,0\n", "l,d\n1,2\n", "l,d,b,l\n1,2,0,4\n", "l,d,b\n,2,0\n",
        "l,d,b\n1,-999,0\n", "l,d,b\n1,2,\n", "l,d,b\n1,2,0,\n", "l,d,b\n1,2\n", "b,l,d\n1,2,3\n",
        "l,x,d,y,b\n1,é,2,,1\n",
        "l,d,b\n1,2,0\n\n3,4,1\n", '"l",d,b\n1,2,0\n', 'l,d,b\n1,"2",0\n', 'l,d,b\n1,2,0\n"', "\ufeffl,d,b\n1,2,0\n",
        "l,d,b\n9223372036854775808,2,0\n", "l,d,b\n1,1e999,0\n", "l,d,b\r\n1,2,0\n3,4,1\r\n", "l,d,b\n1,2,0\r\r\n",
    ],
)  # fmt: skip
@pytest.mark.parametrize("columns", [None, ["b", "l"]])
def test_tables_and_refusals_are_the_same_at_the_edges(text, columns):
    assert outcome(text, STRICT, "numeric", columns=columns) == outcome(text, STRICT, "general", columns=columns)


def test_tables_are_the_same_over_many_chunks():
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(60_000, 4)) * 10.0 ** rng.integers(-12, 12, size=(60_000, 1))
    lines = [f"{a!r},{b:.3f},{int(c * 1000)},x{d:.1f}" for a, b, c, d in numbers.tolist()]
    text = "d,f,l,text\n" + "\n".join(lines)
    schema = tlo.Schema([tlo.Column("l", "int64"), tlo.Column("f", "float32"), tlo.Column("d", "float64")])
    numeric = outcome(text, schema, "numeric")
    assert numeric == outcome(text, schema, "general")
    table = tlo.parse_csv(text, schema, engine="numeric")
    assert table.columns["d"].numpy().tolist() == [float(line.split(",")[0]) for line in lines]
    assert table.columns["l"].numpy().tolist() == [int(line.split(",")[2]) for line in lines]
    assert table.columns["f"].numpy().tolist() == [float(np.float32(line.split(",")[1])) for line in lines]


def test_a_bad_field_in_a_late_chunk_is_located():
    lines = [f"{i},{i / 7!r}" for i in range(200_000)]
    lines[150_000] = "150000,oops"
    text = "l,d\n" + "\n".join(lines)
    schema = tlo.Schema([tlo.Column("l", "int64"), tlo.Column("d", "float64")])
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        tlo.parse_csv(text, schema)
    assert error.value.message == (
        "<text>:150002: column 'd': cannot parse 'oops' as float64. Name it in na_values if it means \"missing\", "
        'correct the value, or pass on_bad_row="skip" or "null".'
    )


def test_auto_takes_the_numeric_engine_for_large_numeric_texts_once_that_pays(monkeypatch):
    asked = []
    real = engines.parse_numeric
    monkeypatch.setattr(engines, "parse_numeric", lambda *args: asked.append(args) or real(*args))
    monkeypatch.setattr(compiled, "PRICE", 2.0)
    monkeypatch.setattr(engines, "A_BYTE", 0.7 / engines.AUTO_BYTES)  # which three reads are worth
    unique = tlo.Schema([tlo.Column("only_here", "float64")])
    rows = engines.AUTO_BYTES // 2
    for times in (0, 0, 1, 1):
        small = tlo.parse_csv("only_here\n1\n", unique)
        assert small.columns["only_here"].numpy().tolist() == [1.0]
        large = tlo.parse_csv("only_here\n" + "1\n" * rows, unique)
        assert (len(asked), large.columns["only_here"].numpy().sum()) == (times, rows)


@pytest.mark.parametrize("engine", ["auto", "numeric", "general"])
def test_in_a_graph_every_engine_reads_small_and_large_texts(engine):
    schema = tlo.Schema([tlo.Column("a", "float64")])
    parse = tf.function(
        lambda text: tlo.parse_csv(text, schema, engine=engine).columns["a"],
        input_signature=[tf.TensorSpec([], tf.string)],
        autograph=False,
    )
    for rows in (1, 3, engines.AUTO_BYTES):
        assert parse(tf.constant("a\n" + "1\n" * rows)).numpy().tolist() == [1.0] * rows


@pytest.mark.parametrize("text", ["b\ntrue\nfalse\n", "b\n1\n0\n"])
@pytest.mark.parametrize("word", ["true", "FALSE", "0"])
def test_a_bool_that_means_missing_is_missing_in_both(text, word):
    schema = tlo.Schema([tlo.Column("b", "bool", default=False, na_values=(word,))])
    assert outcome(text, schema, "numeric") == outcome(text, schema, "general")


@pytest.mark.parametrize("text", ["a\0,b\n1,2\n", "a\rx,b\n1,2\n"])
def test_a_header_is_no_plainer_for_the_numeric_engine(text):
    schema = tlo.Schema([tlo.Column("b", "float32")])
    assert outcome(text, schema, "numeric") == outcome(text, schema, "general")
    assert "<text>:1: " in outcome(text, schema, "numeric")


def test_the_numeric_engine_refuses_text_columns():
    schema = tlo.Schema([tlo.Column("a", "float32"), tlo.Column("c", "string")])
    with pytest.raises(tlo.LoadError) as error:
        tlo.parse_csv("a,c\n1,x\n", schema, engine="numeric")
    assert str(error.value) == (
        "The numeric engine reads numbers and bools, but 'c' hold text. "
        'Leave them out with columns=[...], or pass engine="auto".'
    )
    assert tlo.parse_csv("a,c\n1,x\n", schema, engine="numeric", columns=["a"]).columns["a"].numpy().tolist() == [1.0]
