"""parse_numeric against Python's csv, float and int, and what it must leave to the general engine."""

import csv
import io
import math
import struct

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from test_exact import bits32

from tf_loadops import compiled
from tf_loadops.csv import numeric, numeric_chunks
from tf_loadops.csv.numeric import parse_numeric
from tf_loadops.csv.numeric_round import nearest

NA = ("", "NA", "nan")
_GRAPHS = {}
_NEAREST = tf.function(nearest, jit_compile=True, autograph=False)


def parse(text, dtypes, index=None, columns=None, offset=0, delimiter=",", na=NA):
    """Runs the engine as one graph per list of types, as its callers do."""
    index = list(range(len(dtypes))) if index is None else index
    columns = len(dtypes) if columns is None else columns
    key = (tuple(dtypes), delimiter, na, compiled.xla(), numeric._MANY)
    if key not in _GRAPHS:
        spec = tf.TensorSpec([], tf.int32)

        def run(text, offset, columns, index):
            return parse_numeric(text, offset, columns, index, dtypes, delimiter, [na] * len(dtypes))

        _GRAPHS[key] = tf.function(
            run,
            input_signature=[tf.TensorSpec([], tf.string), spec, spec, tf.TensorSpec([len(dtypes)], tf.int32)],
            autograph=False,
        )
    result = _GRAPHS[key](tf.constant(text), tf.constant(offset), tf.constant(columns), tf.constant(index))
    if not bool(result.clean):
        return None
    taken = dict.fromkeys(dtypes, 0)
    out = []
    for dtype in dtypes:
        at = taken[dtype]
        taken[dtype] += 1
        out.append((result.values[dtype].numpy()[:, at], result.missing[dtype].numpy()[:, at]))
    return out


def same(got, expected, dtype):
    """Bit for bit, but any NaN for NaN."""
    if dtype.startswith("float"):
        kind = np.uint32 if dtype == "float32" else np.uint64
        both = np.isnan(got) & np.isnan(expected)
        return np.array_equal(np.where(both, 0, got.view(kind)), np.where(both, 0, expected.view(kind)))
    return np.array_equal(got, expected)


def as_float(text, dtype):
    if text.strip() in NA:
        return math.nan
    if dtype == "float64":
        return float(text)
    return struct.unpack("f", struct.pack("I", bits32(text)))[0]


def oracle(text, dtypes):
    """The columns by a loop over csv.reader."""
    rows = list(csv.reader(io.StringIO(text.decode(), newline="")))
    columns = []
    for j, dtype in enumerate(dtypes):
        cells = [row[j] for row in rows]
        missing = np.array([cell.strip() in NA for cell in cells], bool)
        if dtype == "bool":
            values = np.array([cell.strip().lower() in ("1", "true") for cell in cells], bool)
        elif dtype.startswith("int"):
            values = np.array([0 if m else int(c) for c, m in zip(cells, missing, strict=True)], dtype)
        else:
            values = np.array([as_float(cell, dtype) for cell in cells], dtype)
        columns.append((values, missing))
    return columns


def check(text, dtypes):
    got = parse(text, dtypes)
    assert got is not None, text[:200]
    for (values, missing), (expected, absent), dtype in zip(got, oracle(text, dtypes), dtypes, strict=True):
        assert np.array_equal(missing, absent), (text[:200], dtype)
        assert same(values, expected, dtype), (text[:200], dtype, values, expected)


PLAIN = st.from_regex(r"[+-]?([0-9]{1,12}\.?[0-9]{0,6}|\.[0-9]{1,12})", fullmatch=True)
ANY_FLOAT = st.one_of(
    PLAIN,
    st.sampled_from(["", " ", "NA", "inf", "-Infinity", "-0", ".5", "5.", "1e5", " 2 ", "+7", "000000000000001"]),
    st.from_regex(r" ?[+-]?[0-9]{1,25}(\.[0-9]{0,25})?([eE][+-]?[0-9]{1,1})? ?", fullmatch=True),
    st.floats(width=32, allow_nan=False, allow_infinity=False).map(repr),
)
ANY_INT32 = st.one_of(st.integers(-(2**31), 2**31 - 1).map(str), st.sampled_from(["", "+5", " 7", "007", "-0", "NA"]))
ANY_INT64 = st.one_of(st.integers(-(2**63), 2**63 - 1).map(str), st.integers(-9, 9).map(str), st.just(""))
ANY_BOOL = st.sampled_from(["0", "1", "true", "FALSE", "True", "false", " 1", "", "NA"])
MIXED = ["float32", "int64", "float64", "bool", "int32", "float32"]
CELLS = [ANY_FLOAT, ANY_INT64, ANY_FLOAT, ANY_BOOL, ANY_INT32, ANY_FLOAT]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(*CELLS), max_size=12), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_every_type_as_python_reads_it(rows, end, last_end):
    text = end.join(",".join(row) for row in rows)
    if rows and (last_end or not rows[-1][-1]):
        text += end
    check(text.encode(), MIXED)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(PLAIN, ANY_FLOAT).filter(str.strip), min_size=1, max_size=30))
def test_one_column(cells):
    check("\n".join(cells).encode(), ["float32"])
    check("\n".join(cells).encode(), ["float64"])


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=60) | st.text("0123456789.,\n\r-+eE \"NAx", max_size=60).map(str.encode))
def test_no_text_crashes_it(text):
    got = parse(text, ["float32", "int64"])
    if got is not None:  # then Python reads it as well, and finds the same
        check(text, ["float32", "int64"])


@pytest.mark.parametrize(
    "text",
    [
        '1,"2"\n', "1,2\n\n3,4\n", "\n1,2\n", "1,2\n3\n", "1\n2,3,4\n", "1,2,3\n4\n", "1,2\r3,4\n", "1,2\r\n3,4\n",
        "1,2\n3,4\r\n", "1,x\n", "x,1\n", "1,1.0\n", "1,9223372036854775808\n", "1,-9223372036854775809\n",
        "1e39,1\n", "1\0,2\n", "1,--2\n", "-,1\n", ".,1\n", "-.,1\n", "1.2.3,1\n", "1-,1\n", "1,1_0\n", "0x10,1\n",
        "1e,1\n", ",\n,\n1\n", "1,2\r\r\n",
    ],
)  # fmt: skip
def test_what_is_not_clean(text):
    assert parse(text.encode(), ["float32", "int64"]) is None


def test_a_row_of_one_empty_field_is_a_blank_line():
    assert parse(b"1\n\n2\n", ["float32"]) is None
    assert parse(b"1\n \n2\n", ["float32"])[0][1].tolist() == [False, True, False]  # this one is no blank line


def test_no_rows():
    for text, offset in ((b"", 0), (b"a,b\n", 4)):
        (values, missing), (integers, _) = parse(text, ["float32", "int64"], offset=offset)
        assert values.shape == missing.shape == integers.shape == (0,)


def test_columns_by_index_and_skipped_text():
    text = "é,1.5,{\n,-2,ok\n".encode()
    assert parse(text, ["float64"], index=[1], columns=3)[0][0].tolist() == [1.5, -2.0]
    (b, _), (a, _) = parse(b"1,x,2\n3,y,4\n", ["float32", "int64"], index=[2, 0], columns=3)
    assert (b.tolist(), a.tolist()) == ([2.0, 4.0], [1, 3])


def test_nonsense_indices_are_not_clean():
    assert parse(b"1,2\n", ["float32"], index=[2], columns=2) is None
    assert parse(b"1,2\n", ["float32"], index=[-1], columns=2) is None
    assert parse(b"1,2\n", ["float32"], index=[0], columns=0) is None


def test_header_offset_and_delimiters():
    assert parse(b"a;b\n1;2\n", ["int64", "float32"], offset=4, delimiter=";")[1][0].tolist() == [2.0]
    assert parse(b"1\t2\r\n3\t4", ["int64", "int64"], delimiter="\t")[0][0].tolist() == [1, 3]
    assert parse(b"1|2.5\n", ["int64", "float64"], delimiter="|")[1][0].tolist() == [2.5]


def test_words_that_look_like_numbers():
    values, missing = parse(b"-999\n-999.0\n999\n1\n", ["float32"], na=("-999",))[0]
    assert missing.tolist() == [True, False, False, False]
    assert same(values, np.array([np.nan, -999, 999, 1], np.float32), "float32")
    assert parse(b"1,\n", ["float32", "float32"], na=("-999",)) is None  # nothing at all is no such word here


def test_doubles_and_their_float32_neighbours():
    # The float64 of this text lies on a midpoint of float32 and the text just below it: rounding twice is wrong.
    texts = ["1.000000178814", "16777217", "16777217.0", "8388608.50000001", "0.50000002980232", "9007199254740993"]
    check("\n".join(texts).encode(), ["float32"])
    check("\n".join(texts).encode(), ["float64"])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2**64 - 1), st.integers(-345, 320)), min_size=32, max_size=32))
def test_nearest_is_correctly_rounded(cases):
    mantissa, power = zip(*cases, strict=True)
    values, unsure = _NEAREST(tf.constant(np.array(mantissa, np.uint64)), tf.constant(power))
    for m, q, value, left in zip(mantissa, power, values.numpy(), unsure.numpy(), strict=True):
        expected = float(f"{m}e{q}")
        assert left or value == expected, (m, q)
        assert not left or not 1e-300 < expected < 1e300, (m, q)


def test_nearest_at_midpoints():
    fractions = (2**52, 2**52 + 1, 2**53 - 1, 2**53 - 2, 6004799503160661)
    odd = [(2 * f + 1) << shift for f in fractions for shift in range(10)]
    values, unsure = _NEAREST(tf.constant(np.array(odd, np.uint64)), tf.zeros([len(odd)], tf.int32))
    assert values.numpy().tolist() == [float(m) for m in odd]
    assert not unsure.numpy().any()


LONG = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.floats(-1e9, 1e9).map(lambda x: f"{x:.18e}"),
    st.floats(-1e9, 1e9).map(lambda x: f"{x:.12f}"),
    st.floats(-1, 1).map(lambda x: f"{x:.17g}".replace("0.", ".")),
    st.integers(-(10**20), 10**20).map(str),
    st.sampled_from(["1e5", "1E+05", "-.5e-3", "+5.e2", "-0e5", "0e999", "1e22", "1e23", "00000000000000000000012"]),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(LONG, min_size=1, max_size=20))
def test_long_fields_by_their_own_program(cells):
    # Of so few fields, one hard one is enough to have the block read again.
    previous, numeric._MANY = numeric._MANY, 2**40
    try:
        check("\n".join(cells).encode(), ["float64"])
    finally:
        numeric._MANY = previous


ODD = "1e 1e+ e5 1ee5 1e5e5 1e5.5 .e5 -e5 1.2.3e5 1e--5 1e5- +-1e5 1e5x x1e5 1..2e3 1e400 true 12345678901234567x"


@pytest.mark.parametrize("field", ODD.split())
def test_what_the_long_program_leaves_is_refused(monkeypatch, field):
    monkeypatch.setattr(numeric, "_MANY", 2**40)
    assert parse(f"1e3\n{field}\n".encode(), ["float64"]) is None


def chunked(monkeypatch, size):
    monkeypatch.setattr(numeric_chunks, "CHUNK", size)
    monkeypatch.setattr(numeric_chunks, "_NEAR", 64)
    numeric._program.cache_clear()
    _GRAPHS.clear()


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_many_chunks(monkeypatch, end):
    chunked(monkeypatch, 1024)
    rng = np.random.default_rng(5)
    last = ["", "1e3", "NA", "0.1", " 7"]
    rows = [
        f"{rng.normal():.6f},{rng.integers(-10**9, 10**9)},{float(rng.normal() * 1e3)!r},{i % 2},{i},{last[i % 5]}"
        for i in range(900)
    ]
    text = end.join(rows).encode()
    try:
        check(text, MIXED)
        check(text + end.encode(), MIXED)
        assert parse(text.replace(b",0,", b',"0",', 1), MIXED) is None
        # A row as long as a chunk has no place to be cut at.
        assert parse(b"1,2\n" * 300 + b"1" * 3000 + b",2\n" + b"3,4\n" * 300, ["float32", "float32"]) is None
        check(b"1,2\n" * 200 + b"1" * 300 + b".,2\n" + b"3,4\n" * 300, ["float64", "float32"])
    finally:
        numeric._program.cache_clear()
        _GRAPHS.clear()


def test_the_same_without_xla():
    text = b"1.5,-7,1e300,true,5,\n-2.25,9223372036854775807,0.1,0,-3,NA\n,,,,,7\n"
    before = compiled.use_xla(False)
    try:
        check(text, MIXED)
    finally:
        assert compiled.use_xla(before) is False
    check(text, MIXED)


def test_the_programs_hold_no_host_call():
    words = tf.zeros([numeric_chunks.HEAD + numeric_chunks.CHUNK // 8], tf.uint64)
    ends = tf.zeros([32], tf.int64)
    scalars = tf.constant(3, tf.int64), tf.constant(0, tf.uint64), tf.constant(True)
    groups = (numeric.Group("float32", (NA,)), numeric.Group("int64", (NA,)))
    programs = [(numeric._program(numeric._scan_program, ord(","), True), (words, tf.constant(9), tf.constant(False)))]
    for build in (numeric._short_program, numeric._long_program):
        program = numeric._program(build, groups, ord(","), 16, True)
        programs.append((program, (words, ends, ends[:16], *scalars)))
    # As for a GPU; older TensorFlow shows no StableHLO.
    stage, op = ("stablehlo", "stablehlo.add") if tf.__version__ >= "2.20" else ("hlo", " add(")
    for program, arguments in programs:
        text = program.experimental_get_compiler_ir(*arguments)(stage=stage, platform_name="GPU")
        assert op in text
        for forbidden in ("custom_call", "custom-call", "infeed", "outfeed", "send", "recv", "callback"):
            assert forbidden not in text
