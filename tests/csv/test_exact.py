"""exact_float against Python's own float() and, for float32, against exact fractions."""

import math
import struct
from fractions import Fraction

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tf_loadops.csv.digits import compare
from tf_loadops.csv.exact import exact_float

_TEXT = tf.TensorSpec([None], tf.string)
_PARSE = {
    dtype: tf.function(lambda text, d=dtype: exact_float(text, d), input_signature=[_TEXT])
    for dtype in ("float32", "float64")
}


def bits32(text):
    """The bits of the float32 nearest to `text`, by exact arithmetic."""
    body = text.strip().lower()
    negative = body.startswith("-")
    body = body.lstrip("+-")
    if body.startswith("n"):
        return None
    if body.startswith("i"):
        magnitude = 0x7F800000
    else:
        mantissa, _, power = body.partition("e")
        if not mantissa.strip("0."):
            magnitude = 0
        elif abs(int(power or 0)) > 5000 + len(mantissa):
            magnitude = 0x7F800000 if int(power) > 0 else 0
        else:
            magnitude = _nearest32(Fraction(body if body[-1] != "." else body + "0"))
    return magnitude | (negative << 31)


def _nearest32(value):
    low, high = 0, 0x7F800000  # the patterns of positive floats are in the order of their values
    as_value = lambda b: Fraction(2) ** 128 if b == 0x7F800000 else Fraction(struct.unpack("f", struct.pack("I", b))[0])  # noqa: E731
    if value >= as_value(high):
        return high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if as_value(middle) <= value else (low, middle)
    twice = 2 * value
    around = as_value(low) + as_value(high)
    return high if twice > around or (twice == around and low & 1) else low


def check(texts):
    text = tf.constant([t.encode() for t in texts])
    got = _PARSE["float64"](text).numpy().view(np.uint64)
    for literal, bits in zip(texts, got, strict=True):
        expected = float(literal)
        if math.isnan(expected):
            assert math.isnan(struct.unpack("d", struct.pack("Q", int(bits)))[0]), literal
        else:
            assert int(bits) == struct.unpack("Q", struct.pack("d", expected))[0], literal
    got = _PARSE["float32"](text).numpy().view(np.uint32)
    for literal, bits in zip(texts, got, strict=True):
        expected = bits32(literal)
        if expected is None:
            assert int(bits) & 0x7FFFFFFF > 0x7F800000, literal
        else:
            assert int(bits) == expected, literal


def decimal(value):
    """The exact decimal expansion of a dyadic fraction, as (digits, power of ten)."""
    power = value.denominator.bit_length() - 1
    return str(value.numerator * 5**power), -power


def around_midpoint(bits, width):
    """The midpoint above the float with these bits, and texts a hair to both sides of it."""
    kind, size = ("fI", 4) if width == 32 else ("dQ", 8)
    assert struct.calcsize(kind[0]) == size
    low, high = (Fraction(struct.unpack(kind[0], struct.pack(kind[1], b))[0]) for b in (bits, bits + 1))
    digits, power = decimal((low + high) / 2)
    below = str(int(digits) * 10 - 1)
    return [
        f"{digits}e{power}",
        f"-{digits}1e{power - 1}",
        f"{below}e{power - 1}",
        f"{digits}{'0' * 50}1e{power - 51}",
        f"{int(digits) - 1}{'9' * 900}e{power - 900}",
        f"{digits[0]}.{digits[1:]}000e{power + len(digits) - 1}",
    ]


SHAPES = """
    0 -0 0. .0 -.0e9 +5 .5 5. 5.e2 1e5 1E+5 1e-5 000123.4500 -0.000000 1e00000000000000000000000000000000001
    inf -inf +Inf INFINITY -infinity nan -NaN 1e400 -1e400 1e-400 -1e-400 1e99999999999999999999
    1e-99999999999999999999 0e99999999999999999999 9007199254740993 9007199254740993.0000000000000000000000001
    1.00000017881393432617187499 1.000000178813934326171875 1.00000017881393432617187501 16777217 16777219 1e23
    8.5e22 100000000000000000000000.000000000000000001 99999999999999999999999.9999999999999999
    1.7976931348623157e308 1.7976931348623158e308 1.7976931348623159e308 3.4028235677973366e38
    3.4028235677973367e38 3.402823567797336616375393954e38 340282356779733661637539395458142568447
    340282356779733661637539395458142568448 340282356779733661637539395458142568448.0001 5e-324
    2.4703282292062327e-324 2.4703282292062328e-324 7.006492321624085e-46
    7.00649232162408535461864791644958e-46
    7.006492321624085354618647916449580656401309709382578858785341419448955413429303e-46 1e-45
    1.1754943508222875e-38
    1.17549435082228750796873653722224567781866555677208752150875170627841725945472717285e-38
"""


def test_literals_of_every_shape():
    check(SHAPES.split())
    check([f"{sign}{'3' * 35}.25{e}" for sign in ("", "+", "-") for e in ("e+1", "E-01", "e+0", "e-0", "e+00300")])
    check([" 1.5", "1.5\t", "\t -2.25e1 \t", f"   {'1' * 40}   ", " infinity ", "1" * 400, "0" * 400 + "7", "1" * 309])


def test_no_rows():
    assert _PARSE["float64"](tf.constant([], tf.string)).shape == (0,)
    assert _PARSE["float32"](tf.constant([], tf.string)).shape == (0,)


def test_mantissas_longer_than_any_midpoint():
    zeros = "0" * 3000
    check([f"0.{zeros}25e3001", f"25{zeros}e-3000", f"1.{zeros}1", f"1.5{'3' * 3500}e-310", "9" * 310])
    digits, power = decimal(Fraction(1, 2**1075))  # half the smallest subnormal
    check([f"{digits}e{power}", f"{digits}{zeros}1e{power - 3001}", f"{digits[:-1]}4{'9' * 3000}e{power - 3000}"])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 0x7FEF_FFFF_FFFF_FFFE), min_size=1, max_size=4))
def test_midpoints_of_float64(patterns):
    check([text for bits in patterns for text in around_midpoint(bits, 64)])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 0x7F7F_FFFE), min_size=1, max_size=6))
def test_midpoints_of_float32(patterns):
    check([text for bits in patterns for text in around_midpoint(bits, 32)])


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(0, 0x00FF_FFFF), min_size=1, max_size=4),
    st.lists(st.integers(0, 2**53), min_size=1, max_size=3),
)
def test_midpoints_of_subnormals(patterns32, patterns64):
    check([text for bits in patterns32 for text in around_midpoint(bits, 32)])
    check([text for bits in patterns64 for text in around_midpoint(bits, 64)])


LITERAL = st.from_regex(
    r"[ \t]{0,2}[+-]?([0-9]{1,40}\.?[0-9]{0,40}|\.[0-9]{1,40})([eE][+-]?[0-9]{1,3})?[ \t]{0,2}", fullmatch=True
)
FLOATS = st.floats(allow_nan=False).map(repr) | st.floats(width=32, allow_nan=False).map(repr)


@settings(max_examples=60, deadline=None)
@given(st.lists(LITERAL, min_size=1, max_size=20))
def test_any_literal(texts):
    check(texts)


@settings(max_examples=30, deadline=None)
@given(st.lists(FLOATS, min_size=1, max_size=20))
def test_shortest_texts_of_floats(texts):
    check(texts)


def test_a_text_that_is_no_number_is_refused():
    with pytest.raises(tf.errors.InvalidArgumentError, match="abc"):
        _PARSE["float64"](tf.constant(["1", "abc"]))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 2**54), st.integers(-1075, 971), st.integers(1, 10**30), st.integers(-330, 300)),
        min_size=1,
        max_size=6,
    )
)
def test_compare(cases):
    rows = []
    for mantissa, power, digits, exponent in cases:
        exact, down = decimal(Fraction(mantissa) * Fraction(2) ** power)
        rows.append((str(digits), exponent, mantissa, power))
        rows += [(exact, down, mantissa, power), (exact + "3", down - 1, mantissa, power)]
    stripped = [(d.rstrip("0"), e + len(d) - len(d.rstrip("0")), m, p) for d, e, m, p in rows]
    digits, *numbers = zip(*stripped, strict=True)
    got = compare(tf.constant(digits), *(tf.constant(n, tf.int64) for n in numbers)).numpy().tolist()
    value = [(int(d) * Fraction(10) ** e, m * Fraction(2) ** p) for d, e, m, p in stripped]
    assert got == [(a > b) - (a < b) for a, b in value]
