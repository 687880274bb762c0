"""Column, Dialect and Schema: what they take, what they refuse, and their JSON."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

import tf_loadops as tlo
from tf_loadops import Column, Dialect, LoadError, Schema


def refused(make: Any) -> str:
    with pytest.raises(LoadError) as caught:
        make()
    return str(caught.value)


@pytest.mark.parametrize("dtype", ["float32", tf.float32, np.float32, np.dtype("float32")])
def test_a_dtype_may_be_given_in_any_way_tensorflow_knows(dtype: Any) -> None:
    assert Column("a", dtype).dtype == "float32"
    assert Column("a", dtype).tf_dtype == tf.float32


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Column("", "int32"), "A column's name is a non-empty str. Received: name=''."),
        (lambda: Column(3, "int32"), "A column's name is a non-empty str. Received: name=3."),
        (
            lambda: Column("a'b\"c", "int16"),
            "Column 'a\\'b\"c': expected one of float32, float64, int32, int64, bool, string. Received: dtype='int16'.",
        ),
        (
            lambda: Column("a", object()),
            "Column 'a': expected one of float32, float64, int32, int64, bool, string. Received: dtype=<object ",
        ),
        (
            lambda: Column("a", None),
            "Column 'a': expected one of float32, float64, int32, int64, bool, string. Received: dtype=None.",
        ),
        (
            lambda: Column("a", "float32", default=1e39),
            "Column 'a': the default is a value of the column's dtype, float32. Received: default=1e+39.",
        ),
        (
            lambda: Column("a", "float64", default=10**400),
            f"Column 'a': the default is a value of the column's dtype, float64. Received: default={10**400}.",
        ),
        (
            lambda: Column("a", "int32", default=2**31),
            "Column 'a': the default is a value of the column's dtype, int32. Received: default=2147483648.",
        ),
        (
            lambda: Column("a", "int64", default=1.0),
            "Column 'a': the default is a value of the column's dtype, int64. Received: default=1.0.",
        ),
        (
            lambda: Column("a", "bool", default=0),
            "Column 'a': the default is a value of the column's dtype, bool. Received: default=0.",
        ),
        (
            lambda: Column("a", "float32", default=True),
            "Column 'a': the default is a value of the column's dtype, float32. Received: default=True.",
        ),
        (
            lambda: Column("a", "string", default=1),
            "Column 'a': the default is a value of the column's dtype, string. Received: default=1.",
        ),
        (lambda: Column("a", "int32", na_values="NA"), "na_values is a sequence of str. Received: 'NA'."),
        (lambda: Column("a", "int32", na_values=(-999,)), "na_values is a sequence of str. Received: (-999,)."),
        (lambda: Dialect(delimiter=",,"), "Dialect: delimiter is one byte, and no line end or NUL. "
         "Received: delimiter=',,'."),
        (lambda: Dialect(delimiter="\n"), "Dialect: delimiter is one byte, and no line end or NUL. "
         "Received: delimiter='\\n'."),
        (lambda: Dialect(delimiter="§"), "Dialect: delimiter is one byte, and no line end or NUL. "
         "Received: delimiter='§'."),
        (lambda: Dialect(quote=""), "Dialect: quote is one byte, and no line end or NUL. Received: quote=''."),
        (lambda: Dialect(";", quote=";"), "Dialect: delimiter and quote differ. Received: both are ';'."),
        (
            lambda: Dialect(comment='"#'),
            "Dialect: a comment prefix is not empty, starts with neither the delimiter nor the quote, and holds no "
            "line end or NUL. Received: comment='\"#'.",
        ),
        (
            lambda: Dialect(comment=""),
            "Dialect: a comment prefix is not empty, starts with neither the delimiter nor the quote, and holds no "
            "line end or NUL. Received: comment=''.",
        ),
        (lambda: Schema([]), "A schema is a sequence of at least one Column. Received: ()."),
        (lambda: Schema(["a"]), "A schema is a sequence of at least one Column. Received: ('a',)."),
        (
            lambda: Schema([Column("b", "int32"), Column("a", "bool"), Column("b", "string"), Column("a", "bool")]),
            "A schema names each column once. Received twice: 'a', 'b'.",
        ),
        (lambda: Schema([Column("a", "bool")], na_values="NA"), "na_values is a sequence of str. Received: 'NA'."),
        (lambda: Schema([Column("a", "bool")]).with_na_values("NA"), "na_values is a sequence of str. Received: 'NA'."),
        (
            lambda: Schema([Column("a", "bool"), Column("b", "bool")])["c"],
            "The schema has no column 'c'. It has: 'a', 'b'.",
        ),
        (
            lambda: Schema([Column("a", "bool")]).select(["a", "a"]),
            "A schema names each column once. Received twice: 'a'.",
        ),
        (
            lambda: Schema([Column("a", "bool")]).select([]),
            "A schema is a sequence of at least one Column. Received: ().",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_at_once(make: Any, message: str) -> None:
    said = refused(make)
    assert said == message or (message.endswith("<object ") and said.startswith(message))


@pytest.mark.parametrize(
    ("dtype", "default"),
    [
        ("float32", 3.4028234663852886e38), ("float32", math.inf), ("float64", -1.7976931348623157e308), ("float64", 1),
        ("int32", -(2**31)), ("int64", 2**63 - 1), ("bool", False), ("string", ""),
    ],
)
def test_a_default_is_any_value_of_the_dtype(dtype: str, default: Any) -> None:
    assert Column("a", dtype, default=default).default == default


def test_which_words_mean_missing() -> None:
    number, text = Column("n", "int32"), Column("t", "string")
    own = Column("o", "float64", na_values=(" - ", "\t?"))
    own_text = Column("p", "string", na_values=(" - ",))
    schema = Schema([number, text, own, own_text])
    assert schema.na_words(number) == ("", "NA", "N/A", "NaN", "nan", "null", "NULL")
    assert schema.na_words(text) == ("",)
    assert schema.na_words(own) == ("-", "?")  # as a number's field is compared, without the blanks around it
    assert schema.na_words(own_text) == (" - ",)
    assert schema.with_na_values([" x", "y"]).na_words(number) == ("x", "y")
    assert schema.with_na_values([" x", "y"]).na_words(text) == (" x", "y")
    assert schema.with_na_values([]).na_words(number) == ()
    assert schema.with_na_values(None) is schema


_names = st.text(min_size=1, max_size=8)
_columns = st.one_of(
    st.builds(Column, _names, st.sampled_from(["float32", "float64"]), st.sampled_from([None, 0.5, math.inf, -1])),
    st.builds(Column, _names, st.sampled_from(["int32", "int64"]), st.none() | st.integers(-(2**31), 2**31 - 1)),
    st.builds(Column, _names, st.just("string"), st.none() | st.text(max_size=4), st.none() | st.just(("", "é\n"))),
    st.builds(Column, _names, st.just("bool"), st.none() | st.booleans()),
)


@given(
    columns=st.lists(_columns, min_size=1, max_size=4, unique_by=lambda c: c.name),
    dialect=st.builds(Dialect, st.sampled_from(",;|\t"), st.booleans(), st.sampled_from(['"', "'", None]),
                      st.sampled_from([None, "#", "//"])),
    na_values=st.none() | st.lists(st.text(max_size=4), max_size=3),
    origin=st.text(max_size=8),
)
def test_json_keeps_everything(columns: Any, dialect: Any, na_values: Any, origin: str) -> None:
    schema = Schema(columns, dialect, na_values, origin)
    again = Schema.from_json(schema.to_json())
    assert again == schema
    assert hash(again) == hash(schema)


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"columns": [{"name": "a"}]}', '{"columns": [1]}',
                                  '{"columns": [{"name": "a", "dtype": "bool", "width": 3}]}',
                                  '{"columns": [{"name": "a", "dtype": "bool"}], "dialect": null}',
                                  '{"columns": [{"name": "a", "dtype": "bool"}], "rows": 3}'])
def test_json_of_something_else_is_refused(text: str) -> None:
    assert refused(lambda: Schema.from_json(text)).startswith(
        "Schema.from_json takes a document that Schema.to_json wrote: "
    )


def test_json_of_a_bad_schema_says_what_is_bad() -> None:
    text = '{"columns": [{"name": "a", "dtype": "int8"}]}'
    assert refused(lambda: Schema.from_json(text)) == (
        "Column 'a': expected one of float32, float64, int32, int64, bool, string. Received: dtype='int8'."
    )


def test_a_table_makes_a_matrix_of_numbers_only() -> None:
    values = {"i": tf.constant([1, 2]), "b": tf.constant([True, False]), "s": tf.constant(["x", "y"])}
    table = tlo.Table(values, {}, {})
    assert table.matrix(["b", "i"], tf.float64).numpy().tolist() == [[1.0, 1.0], [0.0, 2.0]]
    assert table.matrix(["b", "i"], tf.float64).dtype == tf.float64
    assert refused(table.matrix) == (
        "A matrix holds numbers only, but 's' hold text. Name the numeric columns with features=[...], or ask for "
        'output="columns".'
    )
    assert refused(lambda: table.matrix([])) == "A matrix needs at least one column; none was named."


@pytest.mark.parametrize("names", [None, ["c", "a"], ["b"], ["a", "a", "b", "c"]])
def test_a_matrix_of_columns_that_were_cut_from_one(names):
    whole = np.arange(12.0).reshape(4, 3)

    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float64)], autograph=False)
    def again(x):
        return tlo.Table(dict(zip("abc", tf.unstack(x, axis=1), strict=True)), {}, {}).matrix(names)

    wanted = whole[:, ["abc".index(name) for name in names or "abc"]].astype(np.float32)
    assert again(tf.constant(whole)).numpy().tolist() == wanted.tolist()
    # It is not put together anew: of a large file that took longer than reading it.
    assert "Pack" not in {node.type for node in again.get_concrete_function().graph.get_operations()}


def test_a_matrix_of_columns_that_were_cut_from_several():
    @tf.function(input_signature=[tf.TensorSpec([2, 2], tf.float32)] * 2, autograph=False)
    def mixed(x, y):
        (a, b), (c, _) = tf.unstack(x, axis=1), tf.unstack(y, axis=1)
        rows = tf.unstack(x, axis=0)
        return tlo.Table({"b": b, "c": c, "a": a}, {}, {}).matrix(), tlo.Table({"r": rows[1]}, {}, {}).matrix()

    found = mixed(tf.constant([[1.0, 2.0], [3.0, 4.0]]), tf.constant([[5.0, 6.0], [7.0, 8.0]]))
    assert [part.numpy().tolist() for part in found] == [[[2, 5, 1], [4, 7, 3]], [[3], [4]]]
