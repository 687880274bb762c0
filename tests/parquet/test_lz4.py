"""LZ4 against pyarrow's codecs, one byte at a time in Python, and blocks written by hand."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.parquet.encodings import agree, damaged, read_lz4, without_xla
from tf_loadops.parquet.lz4 import hadoop_lz4, lz4_block

pyarrow = pytest.importorskip("pyarrow")

# Runs with periods around what is copied at once, and bytes that repeat nothing.
RUNS = st.tuples(st.binary(min_size=1, max_size=70), st.integers(1, 12)).map(lambda run: run[0] * run[1])
TEXTS = st.lists(st.one_of(RUNS, st.binary(max_size=300)), max_size=12).map(b"".join)


def compress(text):
    return pyarrow.Codec("lz4_raw").compress(text, asbytes=True)


def framed(*texts):
    packed = [(text, compress(text)) for text in texts]
    return b"".join(len(t).to_bytes(4, "big") + len(p).to_bytes(4, "big") + p for t, p in packed)


def read(data, size, function=lz4_block):
    text, ok = function(tf.constant(data), tf.constant(size))
    return text.numpy(), bool(ok)


@given(TEXTS)
def test_texts(text):
    assert read(compress(text), len(text)) == (text, True)


@given(TEXTS.flatmap(lambda text: st.tuples(damaged(compress(text)), st.just(len(text)))))
@settings(max_examples=300)
def test_damaged_bytes(case):
    agree(lz4_block, read_lz4, *case)


def test_nothing():
    assert read(b"\0", 0) == (b"", True) and read(b"", 0) == (b"", True)
    for data, size in ((b"", 1), (b"\0", 1), (b"\0", -1), (b"\0\0", 0), (b"\x10a", 0), (b"\x10a", 2**31 - 1)):
        assert read(data, size) == (b"", False)


@pytest.mark.parametrize("back", [1, 2, 3, 7, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100])
def test_matches_that_overlap_themselves(back):
    literals = bytes(range(100))
    for count in (4, 18, 19, 31, 32, 33, 64, 100, 255 + 19, 1000):
        data = bytes([0xF0 | min(count - 4, 15), 100 - 15]) + literals + back.to_bytes(2, "little")
        if count >= 19:
            data += b"\xff" * ((count - 19) // 255) + bytes([(count - 19) % 255])
        data += b"\x20xy"
        expected = read_lz4(data, 100 + count + 2)
        assert read(data, len(expected)) == (expected, True)


def test_matches_that_reach_out():
    for data, size in ((b"\x10a\2\0\x10b", 6), (b"\x10a\0\0\x10b", 6), (b"\0\1\0\x10b", 5), (b"\x10a\1\0", 5)):
        agree(lz4_block, read_lz4, data, size)


def test_cut_off_anywhere():
    text = b"abcabcabcabcd" * 9 + bytes(range(60)) + bytes(400)
    data = compress(text)
    for size in range(len(data)):
        assert read(data[:size], len(text)) == (b"", False)
    for size in (len(text) - 1, len(text) + 1):
        assert read(data, size) == (b"", False)


@pytest.mark.parametrize("kind", ["zeros", "noise", "words", "far"])
def test_more_than_a_window(kind):
    random = np.random.default_rng(3)
    noise = random.integers(0, 256, 700_000, dtype=np.uint8).tobytes()
    text = {
        "zeros": bytes(1_000_000),
        "noise": noise,
        "words": b" ".join(b"word%d" % i for i in random.integers(0, 300, 60_000)),
        "far": noise[:65_000] * 9 + noise[:100],
    }[kind]
    assert read(compress(text), len(text)) == (text, True)


def test_blocks_of_hadoop():
    texts = [b"one" * 50, b"two", b"", b"x" * 3000]
    whole = b"".join(texts)
    assert read(framed(*texts), len(whole), hadoop_lz4) == (whole, True)
    assert read(compress(whole), len(whole), hadoop_lz4) == (whole, True)
    assert read(b"", 0, hadoop_lz4) == (b"", True)
    data = framed(*texts)
    for size in range(len(data)):
        assert read(data[:size], len(whole), hadoop_lz4) == (b"", False)
    for at in (0, 3, 4, 7):
        assert not read(data[:at] + b"\xff" + data[at + 1 :], len(whole), hadoop_lz4)[1]


def test_without_xla():
    with without_xla():
        text = b"abcabcabcabcd" * 3 + bytes(range(60)) + bytes(100)
        assert read(compress(text), len(text)) == (text, True)
        assert read(framed(text), len(text), hadoop_lz4) == (text, True)
        assert not read(compress(text)[:-1], len(text))[1]
