"""DELTA_BINARY_PACKED against one value at a time in Python, hand-written bytes, and what pyarrow writes."""

import pytest
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.parquet.encodings import MalformedError, damaged, delta, read_delta, signed, uleb, without_xla
from tests.parquet.encodings import zigzag as zigzagged
from tf_loadops.parquet.delta import delta_binary_packed
from tf_loadops.parquet.varints import leb128, zigzag

LAYOUTS = st.sampled_from([(128, 4), (128, 1), (256, 4), (256, 8), (1024, 32), (384, 3)])
SIZES = st.one_of(st.integers(0, 5), st.sampled_from([31, 32, 33, 34, 64, 65, 127, 128, 129, 130, 256, 257, 258, 400]))
# Steps of some bits: all widths from 0 to 64 come up, and wrap around.
STEPS = st.integers(0, 64).flatmap(lambda bits: st.integers(-(2 ** max(bits - 1, 0)), 2 ** max(bits - 1, 0)))


@st.composite
def numbers(draw):
    size, steps, start = draw(SIZES), draw(st.lists(STEPS, min_size=1, max_size=12)), draw(st.integers(-(2**63), 2**63))
    values, value = [], signed(start)
    for i in range(size):
        values.append(value)
        value = signed(value + steps[i * i % len(steps)])
    return values


def read(data, count):
    values, used, ok = delta_binary_packed(tf.constant(data), tf.constant(count))
    return values.numpy().tolist(), int(used), bool(ok)


def agree(data, count):
    try:
        values, used = read_delta(data, count)
    except MalformedError:
        assert read(data, count) == ([], 0, False)
    else:
        assert read(data, count) == (values, used, True)


@given(numbers(), LAYOUTS, st.binary(max_size=3), st.sampled_from([0, 7, 255]))
@example([signed(i * (2**63 - 1)) for i in range(130)], (128, 4), b"", 0)
def test_all_widths_and_layouts(values, layout, behind, spare):
    data = delta(values, *layout, spare=spare)
    assert read(data + behind, len(values)) == (values, len(data), True)


@given(numbers().flatmap(lambda values: st.tuples(damaged(delta(values)), st.just(len(values)))))
@settings(max_examples=300)
def test_damaged_bytes(case):
    agree(*case)


def test_bytes_of_the_specification():
    """Encodings.md, "Example 2": 7, 5, 3, 1, 2, 3, 4, 5 with the differences -2, -2, -2, 1, 1, 1, 1 in two bits."""
    packed = [0b11_00_00_00, 0b00_11_11_11, *[0] * 6]  # of 0 0 0 3 3 3 3, the first lowest
    data = bytes([0x80, 0x01, 0x04, 0x08, 0x0E, 0x03, 2, 0, 0, 0, *packed])
    assert read(data, 8) == ([7, 5, 3, 1, 2, 3, 4, 5], len(data), True)


def test_nothing_and_one():
    assert read(b"", 0) == ([], 0, True)
    assert read(delta([]), 0) == ([], len(delta([])), True)
    assert read(delta([-5]), 1) == ([-5], len(delta([-5])), True)
    assert not read(b"", 1)[2] and not read(delta([1]), 0)[2] and not read(delta([1, 2]), -2)[2]


def test_cut_off_anywhere():
    data = delta([i * i % 301 for i in range(200)])
    for size in range(len(data)):
        assert read(data[:size], 200) == ([], 0, False)


HEADS = {
    "block 0": (0, 4, 3),
    "block 100": (100, 1, 3),
    "no miniblocks": (128, 0, 3),
    "miniblocks of 16": (128, 8, 3),
    "three do not divide": (128, 3, 3),
    "huge block": (2**40, 4, 3),
    "huge count": (128, 4, 2**32 + 3),
    "another count": (128, 4, 4),
    "many miniblocks": (2**26, 2**20, 3),
}


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_impossible_headers(head):
    agree(b"".join(map(uleb, head)) + b"\0" + b"\2" + bytes(200), 3)


def test_long_varints():
    head = uleb(128) + uleb(4) + uleb(2)
    for first in (b"\xff" * 9 + b"\1", b"\x80" * 9 + b"\0", b"\xff" * 9 + b"\2", b"\xff" * 10 + b"\0", b"\xff" * 30):
        agree(head + first + b"\2" + bytes(4), 2)
        agree(head + b"\2" + first + bytes(4), 2)
    agree(b"\x80\x81\x80\x80\0" + b"\x84\0" + b"\x82\x80\0" + b"\2" + b"\2" + bytes(4), 2)


def test_a_width_above_64_counts_only_where_there_are_values():
    data = bytearray(delta(list(range(100))))
    start = len(uleb(128)) + 3 + 1
    assert read(bytes(data), 100)[2]
    data[start + 3] = 65
    agree(bytes(data), 100)
    assert not read(bytes(data), 100)[2]


def test_more_than_a_window_holds():
    values = [signed(i * i * 0x9E3779B97F4A7C15) for i in range(70_000)]
    data = delta(values)
    assert len(data) > 2 * 2**18
    assert read(data, len(values)) == (values, len(data), True)
    assert not read(data[:-1], len(values))[2]


@pytest.mark.parametrize("layout", [(128, 4), (2**21, 2**16), (2**17, 1), (2**20, 2**14)])
def test_blocks_and_miniblocks_of_any_size(layout):
    values = [i * 3 % 1001 for i in range(150_000)]
    data = delta(values, *layout)
    expected = (values, len(data), True) if layout[1] <= 2**15 else ([], 0, False)
    assert read(data, len(values)) == expected


def test_without_xla():
    with without_xla():
        test_bytes_of_the_specification()
        test_nothing_and_one()
        test_a_width_above_64_counts_only_where_there_are_values()
        for bits in (0, 1, 13, 63, 64):
            values = [signed(i * i << max(bits - 8, 0)) if bits else 4 for i in range(150)]
            assert read(delta(values), 150) == (values, len(delta(values)), True)


@given(st.integers(0, 2**64 - 1), st.integers(0, 3))
def test_varints(number, padding):
    data = uleb(number)
    data = data[:-1] + bytes([data[-1] | 128]) + b"\x80" * padding + b"\0" if padding and len(data) < 7 else data
    words = tf.bitcast(tf.constant([*data.ljust(16, b"\xff")], tf.uint8, [2, 8]), tf.uint64)
    found = leb128(words[0], words[1])
    assert (int(found.value), int(found.size), bool(found.ok)) == (number, len(data), True)
    value = signed(number)
    assert int(zigzag(tf.constant(zigzagged(value), tf.uint64))) == value
