"""Parquet's encodings by the letter, one value at a time: what the graph functions must agree with, on nonsense too."""

import contextlib
import struct

from hypothesis import strategies as st

from tf_loadops.compiled import use_xla

MASK = 2**64 - 1


class MalformedError(Exception):
    """What no writer writes."""


@contextlib.contextmanager
def without_xla():
    before = use_xla(False)
    try:
        yield
    finally:
        use_xla(before)


def require(condition):
    if not condition:
        raise MalformedError


def plain(values):
    return b"".join(struct.pack("<i", len(value)) + value for value in values)


def read_plain(data, count):
    values, at = [], 0
    for _ in range(count):
        require(len(data) >= at + 4)
        (length,) = struct.unpack_from("<i", data, at)
        require(0 <= length <= len(data) - at - 4)
        values.append(data[at + 4 : at + 4 + length])
        at += 4 + length
    require(at == len(data))
    return values


def agree(ours, oracle, data, count):
    """Whether the graph function gives what the oracle gives, or both refuse."""
    import tensorflow as tf

    values, ok = ours(tf.constant(data), tf.constant(count))
    try:
        expected = oracle(data, count)
    except MalformedError:
        assert not ok
    else:
        assert ok and values.numpy().tolist() == expected


@st.composite
def damaged(draw, data):
    """The same bytes with some of them changed, cut off, or put in."""
    broken = bytearray(data)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(broken)))
        match draw(st.sampled_from(["flip", "set", "cut", "insert"])):
            case "flip" if at < len(broken):
                broken[at] ^= 1 << draw(st.integers(0, 7))
            case "set" if at < len(broken):
                broken[at] = draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]))
            case "cut":
                del broken[at:]
            case _:
                broken[at:at] = draw(st.binary(min_size=1, max_size=9))
    return bytes(broken)
