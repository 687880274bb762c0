"""PLAIN strings against one at a time in Python, and as pyarrow writes them."""

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.parquet.encodings import agree, damaged, plain, read_plain, without_xla
from tf_loadops.parquet.byte_arrays import plain_byte_arrays

# Around the bytes that are copied at once, the windows, and what a varint of one byte can say.
LENGTHS = st.one_of(st.integers(0, 5), st.sampled_from([31, 32, 33, 63, 64, 65, 127, 128, 129, 4090, 4097]))
VALUES = st.lists(LENGTHS.map(lambda n: bytes(i % 251 for i in range(n))), max_size=40)


def read(data, count):
    values, ok = plain_byte_arrays(tf.constant(data), tf.constant(count))
    return values.numpy().tolist(), bool(ok)


@given(VALUES)
def test_values_of_all_lengths(values):
    assert read(plain(values), len(values)) == (values, True)


def test_another_count_than_there_are():
    data = plain([b"ab", b"", b"c"])
    counts = (-(2**31), -1, 0, 2, 3, 4, 2**31 - 1)
    assert [read(data, count)[1] for count in counts] == [count == 3 for count in counts]
    assert read(b"", 0) == ([], True)
    assert not read(b"", 1)[1]


@given(VALUES.flatmap(lambda values: st.tuples(damaged(plain(values)), st.just(len(values)))))
@settings(max_examples=200)
def test_damaged_bytes(case):
    agree(plain_byte_arrays, read_plain, *case)


def test_cut_off_anywhere():
    data = plain([b"one", b"", b"x" * 40, b"two"])
    for size in range(len(data)):
        assert not read(data[:size], 4)[1]


@pytest.mark.parametrize("length", [-1, -(2**31), 2**31 - 1, 2**31 - 5, 4, 3, 1])
def test_wrong_lengths(length):
    data = bytearray(plain([b"ab", b"cd", b"ef"]))
    data[6:10] = length.to_bytes(4, "little", signed=True)
    agree(plain_byte_arrays, read_plain, bytes(data), 3)


def test_more_than_a_window_holds():
    values = [b"x" * (i % 17) for i in range(50_000)] + [b"y" * 600_000, b"", b"z" * 300_000] + [b""] * 70_000
    assert read(plain(values), len(values)) == (values, True)
    assert not read(plain(values)[:-1], len(values))[1]


def test_without_xla():
    with without_xla():
        test_another_count_than_there_are()
        test_wrong_lengths(-1)
        values = [b"x" * n for n in (0, 1, 31, 32, 33, 5000, 2)]
        assert read(plain(values), len(values)) == (values, True)


def test_in_a_loop_of_a_graph():
    """As the reader calls it: page after page, in a branch."""

    @tf.function
    def read_pages(pages, counts):
        def body(i, texts, ok):
            values, good = tf.cond(
                counts[i] > 0,
                lambda: plain_byte_arrays(pages[i], counts[i]),
                lambda: (tf.zeros([0], tf.string), tf.constant(True)),
            )
            return i + 1, texts.write(i, tf.strings.reduce_join(values, separator=",")), ok & good

        texts = tf.TensorArray(tf.string, tf.size(pages))
        state = tf.constant(0), texts, tf.constant(True)
        _, texts, ok = tf.while_loop(lambda i, *_: i < tf.size(pages), body, state)
        return texts.stack(), ok

    pages = [[b"a", b"b"], [], [b"c"] * 3]
    texts, ok = read_pages(tf.constant([plain(p) for p in pages]), tf.constant([len(p) for p in pages]))
    assert texts.numpy().tolist() == [b"a,b", b"", b"c,c,c"] and ok
