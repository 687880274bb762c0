"""Strings as lengths, and as what they share, against one at a time in Python."""

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.parquet.encodings import (
    agree,
    damaged,
    delta,
    delta_bytes,
    delta_length,
    read_delta_bytes,
    read_delta_length,
    without_xla,
)
from tf_loadops.parquet.delta_strings import delta_byte_array, delta_length_byte_array

FORMS = {
    "lengths": (delta_length_byte_array, delta_length, read_delta_length),
    "shared": (delta_byte_array, delta_bytes, read_delta_bytes),
}
forms = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)


@st.composite
def texts(draw):
    """Texts that share a lot: each is cut out of the last, and some bytes are put behind."""
    values, value = [], b""
    for cut, more in draw(st.lists(st.tuples(st.integers(0, 140), st.binary(max_size=70)), max_size=50)):
        value = value[: max(len(value) - cut, 0)] + more
        values.append(value)
    return values * draw(st.sampled_from([1, 1, 3]))


def read(form, data, count):
    values, ok = form[0](tf.constant(data), tf.constant(count))
    return values.numpy().tolist(), bool(ok)


@forms
@given(texts())
@settings(max_examples=60)
def test_values(form, values):
    assert read(form, form[1](values), len(values)) == (values, True)


@forms
@given(st.data())
@settings(max_examples=150)
def test_damaged_bytes(form, data):
    values = data.draw(texts())
    agree(form[0], form[2], data.draw(damaged(form[1](values))), len(values))


@forms
def test_nothing_and_other_counts(form):
    data = form[1]([b"abc", b"abd", b"", b"x"])
    for count in (-1, 0, 3, 5, 2**31 - 1):
        assert read(form, data, count) == ([], False)
    assert read(form, b"", 0) == ([], True)
    assert read(form, form[1]([]), 0) == ([], True)
    assert not read(form, b"", 2)[1]


@forms
def test_cut_off_anywhere(form):
    data = form[1]([b"hello", b"help", b"", b"helpless" * 5])
    for size in range(len(data)):
        assert read(form, data[:size], 4) == ([], False)


def test_lengths_that_cannot_be():
    for lengths in ([-1, 3], [2**62, 2], [2**63 - 1, 3], [2, 1], [1], [2**31, 2 - 2**31], [2**32 + 2]):
        agree(delta_length_byte_array, read_delta_length, delta(lengths) + b"ab", len(lengths))


def test_shared_lengths_that_cannot_be():
    for shared in ([1, 0], [0, 3], [0, -1], [0, 2**31], [0, 2**63 - 1], [-(2**63), 0], [2**32, 0], [0, 2]):
        agree(delta_byte_array, read_delta_bytes, delta(shared) + delta_length([b"ab", b""]), 2)


def test_a_small_page_that_stands_for_too_much():
    count = 5000
    data = delta([0] + [100_000] * (count - 1)) + delta_length([b"x" * 100_000] + [b""] * (count - 1))
    assert read(FORMS["shared"], data, count) == ([], False)


def test_more_than_a_round_holds():
    """Long chains, and values longer than what is put together at once."""
    chain = [b"prefix/%06d" % (i // 3) for i in range(40_000)]
    grown = [b"ab" * (i * 50) for i in range(100)]
    long = [b"y" * 70_000, b"y" * 69_000 + b"z", b"", b"y" * 200_000, b"y" * 199_999, b"w" * 300_000]
    for values in (chain, chain[:100] + grown + chain[:9], long, [b""] * 20_000 + [b"a", b"ab"] + [b"a"] * 20_000):
        assert read(FORMS["shared"], delta_bytes(values), len(values)) == (values, True)


def test_without_xla():
    with without_xla():
        for form in FORMS.values():
            values = [b"", b"abc", b"abd", b"a" * 100, b"a" * 99 + b"b" * 60]
            assert read(form, form[1](values), 5) == (values, True)
        test_shared_lengths_that_cannot_be()
