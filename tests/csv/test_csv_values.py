"""From fields to typed values: against Python's float and int, and literals."""

from __future__ import annotations

import math
import re
import struct
from fractions import Fraction

import numpy as np
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st
from reading import columns, counts, rows

import tf_loadops as tlo

EXAMPLES = settings(max_examples=150)
LINES = {"header": False, "on_bad_row": "null", "allow_empty": True}
FLOATS = tlo.Schema([tlo.Column("wide", "float64"), tlo.Column("narrow", "float32")])
INTEGERS = tlo.Schema([tlo.Column("wide", "int64"), tlo.Column("narrow", "int32")])
LARGEST, INFINITE = (2 - 2**-23) * 2.0**127, 0x7F800000  # of float32: the value, and the bits

# What is near a number: a reader that guesses takes some of these.
CRUMBS = ["0", "1", "9", "5", ".", "+", "-", "e", "E", "_", " ", "\t", "x", "inf", "nan", "a", "١", "f", "00", "\v"]
NEAR_NUMBERS = [
    "1e", "+", "-", "--1", "+-1", "1_000", "0x10", "١", ".", "1e+", "1.5.2", "1 2", "1d5", "1f", "0b1", "١٢", "true",
    "1,", "½", "²", "1e1.5", "infin", "in f", "na n", "NA", "null", "", " ", "\t", "-.", "e5", "\v1",
]


def _python_float(text: str) -> float | None:
    """What `float` says, without what only Python understands; None for a missing value and for none at all."""
    bare = text.strip(" \t")
    if not re.fullmatch(r"[+-]?([0-9.]+([eE][+-]?[0-9]+)?|[a-zA-Z]+)", bare):
        return None
    try:
        value = float(bare)
    except ValueError:
        return None
    too_large = math.isinf(value) and "n" not in bare.lower()
    return None if math.isnan(value) or too_large else value


def _nearest_float32(text: str) -> float | None:
    """The float32 nearest to the decimal number itself, ties to even; None where that is none."""
    exact = Fraction(text)
    try:
        near = struct.unpack("f", struct.pack("f", float(text)))[0]
    except OverflowError:
        near = math.copysign(LARGEST, exact)
    bits = struct.unpack("I", struct.pack("f", near))[0]
    around = [b for b in (bits - 1, bits, bits + 1) if b >= 0 and b & 0x7FFFFFFF <= INFINITE]
    close = [struct.unpack("f", struct.pack("I", b))[0] for b in around]
    # An infinity stands where the next float32 would be.
    size = {v: Fraction(2**128) * (1 if v > 0 else -1) if math.isinf(v) else Fraction(v) for v in close}
    even = {v: struct.unpack("I", struct.pack("f", v))[0] & 1 for v in close}
    best = min(close, key=lambda v: (abs(size[v] - exact), even[v]))
    return None if math.isinf(best) else math.copysign(best, -1.0 if text.startswith("-") else 1.0)


@EXAMPLES
@given(st.lists(st.one_of(
    st.floats().map(repr), st.floats(width=32).map(repr), st.integers().map(str), st.sampled_from(NEAR_NUMBERS),
    st.decimals(allow_nan=False, allow_infinity=False).map(str),
    st.lists(st.sampled_from(CRUMBS), max_size=6).map("".join),
), max_size=8))
@example(NEAR_NUMBERS)
@example(["9" * 500, "-" + "9" * 500, "0." + "0" * 500 + "1", "1" + "0" * 500 + "e-500", "0" * 500 + "7"])
@example(["1.7976931348623157e308", "1.7976931348623159e308", "2.4703282292062328e-324", "-0.0", "5e-324"])
def test_float64_is_what_python_reads(texts: list[str]) -> None:
    fields = ['"' + text.replace('"', '""') + '"' for text in texts]
    table = tlo.parse_csv("".join(f"{field},0\n" for field in fields), FLOATS, **LINES)
    expected = [_python_float(text) for text in texts]
    assert list(map(repr, columns(table)["wide"])) == list(map(repr, expected))  # repr: the sign of zero counts
    missing = np.isnan(table.columns["wide"].numpy())
    assert missing.tolist() == [value is None for value in expected]


@EXAMPLES
@given(st.lists(st.one_of(
    st.floats(width=32, allow_nan=False, allow_infinity=False).map(repr),
    st.floats(-1e40, 1e40).map(repr), st.integers().map(str),
), max_size=8))
@example(["3.4028234663852886e38", "3.4028235677973366e+38", "3.4028235677973362e38", "1e-45", "1.4e-46", "-1e-50"])
def test_float32_is_the_nearest(texts: list[str]) -> None:
    table = tlo.parse_csv("".join(f"0,{text}\n" for text in texts), FLOATS, **LINES)
    expected = [_nearest_float32(text) for text in texts]
    assert list(map(repr, columns(table)["narrow"])) == list(map(repr, expected))


@EXAMPLES
@given(st.lists(st.one_of(
    st.integers().map(str),
    st.integers(-(2**63) - 2, -(2**63) + 2).map(str), st.integers(2**63 - 3, 2**63 + 2).map(str),
    st.integers(-(2**31) - 2, -(2**31) + 2).map(str), st.integers(2**31 - 3, 2**31 + 2).map(str),
    st.sampled_from(NEAR_NUMBERS), st.lists(st.sampled_from(CRUMBS), max_size=5).map("".join),
), max_size=8))
@example(["9" * 500, "0" * 500 + "7", "-" + "0" * 40 + "2147483648", "+2147483647", "-0", "  12\t", "1.0", "1e3"])
@example([str(2**31 - 1), str(-(2**31)), str(2**31), str(-(2**31) - 1), str(2**63 - 1), str(-(2**63)), str(2**63)])
def test_integers_are_what_python_reads_up_to_their_ends(texts: list[str]) -> None:
    fields = ['"' + text.replace('"', '""') + '"' for text in texts]
    table = tlo.parse_csv("".join(f"{field},{field}\n" for field in fields), INTEGERS, **LINES)
    numbers = [int(text) if re.fullmatch(r"[ \t]*[+-]?[0-9]+[ \t]*", text) else None for text in texts]
    for name, bits in (("wide", 63), ("narrow", 31)):
        expected = [n if n is not None and -(2**bits) <= n < 2**bits else None for n in numbers]
        assert columns(table)[name] == expected


def test_bools() -> None:
    schema = tlo.Schema([tlo.Column("b", "bool", default=True)], na_values=("-",))
    words = ["true", "TRUE", "True", "1", " false ", "FALSE", "0", "-", "yes", "T", "2", "", "01", "tru", "١"]
    table = tlo.parse_csv("\n".join(f'"{word}"' for word in words), schema, **LINES)
    nothing = [None] * 8
    assert columns(table)["b"] == [True, True, True, True, False, False, False, *nothing]
    assert table.columns["b"].numpy()[7:].tolist() == [True] * 8  # the default
    assert counts(table) == {"rows": 15, "bad_rows": 7, "missing": 8, "bytes": sum(map(len, words)) + 2 * 15 + 14 + 1}


def test_words_for_missing_values_are_those_of_the_column_or_else_of_the_schema() -> None:
    schema = tlo.Schema(
        [
            tlo.Column("f", "float32", na_values=("-999", "?", "a.b", "(", " n a ")),
            tlo.Column("i", "int64", default=7),
            tlo.Column("s", "string", default="none", na_values=("?", "-999")),
            tlo.Column("t", "string"),
        ],
        na_values=("*", "-1", "NA"),
    )
    text = (
        "-999,-1,-999,*\n"
        " -999 , -1 , -999 , *\n"
        "?,*,?,-1\n"
        "a.b,NA,NA,\n"
        '"(",-10,(,**\n'
        "n a,10,,NA\n"
        "-9990,-11,-9990,nan\n"
    )
    table = tlo.parse_csv(text, schema, header=False)
    assert columns(table) == {
        "f": [None, None, None, None, None, None, -9990.0],
        "i": [None, None, None, None, -10, 10, -11],
        "s": [None, " -999 ", None, "NA", "(", "", "-9990"],
        "t": [None, " *", None, "", "**", None, "nan"],
    }
    assert table.columns["i"].numpy().tolist() == [7, 7, 7, 7, -10, 10, -11]
    assert table.columns["s"].numpy()[0] == b"none"
    assert table.columns["t"].numpy()[0] == b""
    assert counts(table)["missing"] == 6 + 4 + 2 + 3


def test_defaults_stand_in_and_are_seen_as_missing() -> None:
    schema = tlo.Schema([
        tlo.Column("f", "float64", default=-1.5), tlo.Column("g", "float32", default=float("inf")),
        tlo.Column("i", "int32", default=-(2**31)), tlo.Column("b", "bool", default=False),
    ])
    text = "f,g,i,b\nNA,,null,N/A\nnan,NaN,NULL,\n1,2,3,1\n"
    table = tlo.parse_csv(text, schema)
    assert {name: v.numpy().tolist() for name, v in table.columns.items()} == {
        "f": [-1.5, -1.5, 1.0], "g": [math.inf, math.inf, 2.0], "i": [-(2**31), -(2**31), 3], "b": [False, False, True],
    }
    assert rows(table) == [[None] * 4, [None] * 4, [1.0, 2.0, 3, True]]
    assert counts(table) == {"rows": 3, "bad_rows": 0, "missing": 8, "bytes": len(text)}


MIXED = tlo.Schema([tlo.Column("i", "int64"), tlo.Column("f", "float32"), tlo.Column("s", "string")])
BAD = "i,f,s\n1,1.5,a\nx,2.5,b\n3,y,c\n4,4.5\n,5.5,e\n6,NA,f\n7,1e39,g\n8,8.5,h,h\n9,9.5,i\n"


def test_bad_rows_are_skipped_whole() -> None:
    table = tlo.parse_csv(BAD, MIXED, on_bad_row="skip")
    assert rows(table) == [[1, 1.5, "a"], [6, None, "f"], [9, 9.5, "i"]]
    assert counts(table) == {"rows": 3, "bad_rows": 6, "missing": 1, "bytes": len(BAD)}


def test_bad_rows_keep_their_place_with_what_is_bad_missing() -> None:
    table = tlo.parse_csv(BAD, MIXED, on_bad_row="null")
    assert rows(table) == [
        [1, 1.5, "a"], [None, 2.5, "b"], [3, None, "c"], [None, None, None], [None, 5.5, "e"], [6, None, "f"],
        [7, None, "g"], [None, None, None], [9, 9.5, "i"],
    ]
    assert counts(table) == {"rows": 9, "bad_rows": 6, "missing": 11, "bytes": len(BAD)}
    assert table.columns["i"].numpy()[1] == 0
    assert math.isnan(table.columns["f"].numpy()[2])
    assert table.columns["s"].numpy()[3] == b""


def test_a_source_of_bad_rows_only_may_have_no_rows_and_says_how_many_were_bad() -> None:
    text = "i,f,s\n,,\nx,y\n,,,\n"
    table = tlo.parse_csv(text, MIXED, on_bad_row="skip", allow_empty=True)
    assert rows(table) == []
    assert counts(table) == {"rows": 0, "bad_rows": 3, "missing": 0, "bytes": len(text)}


def test_text_is_kept_byte_for_byte_and_must_be_utf8() -> None:
    good = ["é", "日本", "\U0010ffff", "\ufffd", "\ufeff", "\x01\x7f", "\u2028", " x ", "NA"]
    bad = [b"\xff", b"caf\xe9", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82"]
    schema = tlo.Schema([tlo.Column("s", "string")])
    table = tlo.parse_csv(b"\n".join([*(text.encode() for text in good), *bad]), schema, **LINES)
    assert columns(table)["s"] == [*good, *[None] * len(bad)]
    assert counts(table)["bad_rows"] == len(bad)
    assert tf.strings.length(table.columns["s"]).numpy().tolist() == [*(len(text.encode()) for text in good), *[0] * 6]
