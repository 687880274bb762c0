"""Pieces of the page scan by themselves, eagerly."""

import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tests.sql.scanning import schema_of
from tf_loadops.bytesops.bigendian import ShortVarint, varint, word_at
from tf_loadops.bytesops.strings import to_strings
from tf_loadops.sql.scan_layout import TableColumn
from tf_loadops.sql.scan_values import to_numbers


@pytest.mark.parametrize(
    ("default", "dtype", "bad"),
    [
        *(("x", "float64", True), ((), "float64", True), (b"", "float32", True)),
        *((1.5, "float64", False), (None, "float32", False)),
        *((1.5, "int64", True), (2**31, "int32", True), (2**31, "int64", False), (None, "int64", True)),
        *((2, "bool", True), (1, "bool", False)),
    ],
)
def test_defaults_that_are_none_of_the_dtype(default, dtype, bad):
    absent = tf.constant([[-1]])
    declared = [TableColumn("a", default=default)]
    nothing = tf.zeros([1, 1], tf.uint64), absent, tf.zeros([1], tf.int64)
    numbers = to_numbers(*nothing, declared, schema_of(a=dtype), [0])
    assert numbers.bad.numpy().tolist() == [[bad]]
    if not bad:
        assert numbers.valid.numpy().tolist() == [[default is not None]]
        assert default is None or numbers.values.numpy().tolist() == [[default]]


def test_eight_bytes_at_any_place():
    raw = bytes(range(256))
    words = tf.bitcast(tf.io.decode_raw(raw, tf.int64, little_endian=False), tf.uint64)
    at = list(range(248))
    assert word_at(words, tf.constant(at)).numpy().tolist() == [int.from_bytes(raw[i : i + 8], "big") for i in at]


def as_varint(number):
    """A varint as sqlite.org/fileformat2.html has it."""
    number %= 2**64
    if number >= 2**56:
        return bytes(number >> shift & 127 | 128 for shift in range(57, 7, -7)) + bytes([number & 255])
    groups = [number & 127]
    while number := number >> 7:
        groups.append(number & 127 | 128)
    return bytes(reversed(groups))


@given(st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(0, 2**29) | st.integers(0, 300), min_size=1))
def test_varints(numbers):
    encoded = [as_varint(number) for number in numbers]
    raw = b"".join(encoded)
    words = tf.bitcast(tf.io.decode_raw(raw.ljust(len(raw) // 8 * 8 + 24), tf.int64, little_endian=False), tf.uint64)
    at = tf.constant([sum(map(len, encoded[:i])) for i in range(len(encoded))])
    value, length = varint(word_at(words, at), word_at(words, at + 8) // tf.constant(2**56, tf.uint64))
    assert value.numpy().tolist() == numbers
    assert length.numpy().tolist() == list(map(len, encoded))
    short = ShortVarint.read(words, at)
    fits = [0 <= number < 2**28 for number in numbers]
    assert short.short.numpy().tolist() == fits
    pairs = zip(short.value.numpy().tolist(), short.length.numpy().tolist(), strict=True)
    assert [pair for pair, fit in zip(pairs, fits, strict=True) if fit] == [
        (number, len(text)) for number, text, fit in zip(numbers, encoded, fits, strict=True) if fit
    ]


@given(st.lists(st.binary(max_size=300) | st.sampled_from([128, 16383, 16384, 70000]).map(bytes)))
def test_bytes_become_strings(texts):
    data = tf.io.decode_raw(tf.constant(b"".join(texts)), tf.uint8)
    assert to_strings(data, tf.constant([len(text) for text in texts], tf.int32)).numpy().tolist() == texts
