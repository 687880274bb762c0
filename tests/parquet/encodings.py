"""Parquet's encodings by the letter, one value at a time: what the graph functions must agree with, on nonsense too."""

import contextlib
import itertools
import struct

import numpy as np
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


def uleb(number):
    out = bytearray()
    while number >= 128:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def signed(number):
    """The 64-bit integer that is the same modulo 2 ** 64."""
    return (number + 2**63 & MASK) - 2**63


def zigzag(number):
    return number << 1 if number >= 0 else (-number << 1) - 1


def packed(values, width):
    """Bit-packed, the lowest bit of the first value first."""
    eights = np.array(values, "<u8").view(np.uint8).reshape(-1, 8)
    return np.packbits(np.unpackbits(eights, axis=1, bitorder="little")[:, :width], bitorder="little").tobytes()


def unpacked(data, width, count):
    bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")[: count * width].reshape(count, width)
    bits = np.pad(bits, [(0, 0), (0, 64 - width)])
    return np.packbits(bits, axis=1, bitorder="little").view("<u8").ravel().tolist()


def delta(values, block=128, miniblocks=4, spare=0, width_of=int.bit_length):
    """Integers of 64 bits; `spare` is the width written for miniblocks that hold nothing."""
    out = uleb(block) + uleb(miniblocks) + uleb(len(values)) + uleb(zigzag(values[0] if values else 0))
    deltas = [signed(b - a) for a, b in itertools.pairwise(values)]
    height = block // miniblocks
    for at in range(0, len(deltas), block):
        some = deltas[at : at + block]
        parts = [some[i : i + height] for i in range(0, block, height)]
        least = min(some)
        rest = [[signed(value - least) & MASK for value in part] for part in parts]
        widths = [max((width_of(value) for value in part), default=spare) for part in rest]
        out += uleb(zigzag(least)) + bytes(widths)
        for part, width in zip(rest, widths, strict=True):
            out += packed(part + [0] * (height - len(part)), width) if part else b""
    return out


def read_uleb(data, at):
    value = 0
    for i in range(10):
        require(at + i < len(data))
        value |= (data[at + i] & 127) << 7 * i
        if data[at + i] < 128:
            require(value <= MASK)
            return value, at + i + 1
    raise MalformedError


def unzigzag(number):
    return number >> 1 ^ -(number & 1)


def read_delta(data, count):
    """The values and how many bytes they take."""
    if count == 0 and not data:
        return [], 0
    (block, at), head = read_uleb(data, 0), []
    for _ in range(3):
        value, at = read_uleb(data, at)
        head.append(value)
    miniblocks, total, first = head
    require(0 < block < 2**31 and block % 128 == 0 and miniblocks and block % miniblocks == 0)
    height = block // miniblocks
    require(height % 32 == 0 and total == count)
    values = [unzigzag(first)] if count else []
    while len(values) < count:
        least, at = read_uleb(data, at)
        widths, at = data[at : at + miniblocks], at + miniblocks
        require(at <= len(data))
        for width in widths:
            if len(values) == count:
                break
            require(width <= 64 and at + height // 8 * width <= len(data))
            for step in unpacked(data[at : at + height // 8 * width], width, min(height, count - len(values))):
                values.append(signed(values[-1] + step + unzigzag(least)))
            at += height // 8 * width
    return values, at


def delta_length(values):
    return delta([len(value) for value in values]) + b"".join(values)


def read_delta_length(data, count):
    lengths, at = read_delta(data, count)
    require(all(length >= 0 for length in lengths) and at + sum(lengths) == len(data))
    values = []
    for length in lengths:
        values.append(data[at : at + length])
        at += length
    return values


def delta_bytes(values):
    shared = [0] * len(values)
    for i in range(1, len(values)):
        pairs = zip(values[i - 1], values[i], strict=False)
        shared[i] = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
    return delta(shared) + delta_length([value[head:] for value, head in zip(values, shared, strict=True)])


def read_delta_bytes(data, count):
    shared, at = read_delta(data, count)
    values, value = [], b""
    for head, rest in zip(shared, read_delta_length(data[at:], count), strict=True):
        require(0 <= head <= len(value))
        value = value[:head] + rest
        values.append(value)
    return values


def read_lz4(data, size):
    if not data and not size:
        return b""
    out, at = bytearray(), 0

    def byte():
        nonlocal at
        require(at < len(data))
        at += 1
        return data[at - 1]

    def length(nibble):
        more = 255 if nibble == 15 else 0
        while more == 255:
            more = byte()
            nibble += more
        return nibble

    while True:
        token = byte()
        literals = length(token >> 4)
        require(at + literals <= len(data))
        out += data[at : at + literals]
        at += literals
        if at == len(data):
            require(len(out) == size)
            return bytes(out)
        back = byte() | byte() << 8
        require(0 < back <= len(out))
        count = length(token & 15) + 4
        require(len(out) + count <= size)
        for _ in range(count):
            out.append(out[-back])


def agree(ours, oracle, data, count):
    """Whether the graph function gives what the oracle gives, or both refuse."""
    import tensorflow as tf

    values, ok = ours(tf.constant(data), tf.constant(count))
    try:
        expected = oracle(data, count)
    except MalformedError:
        assert not ok
    else:
        values = values.numpy()
        assert ok and (values if isinstance(values, bytes) else values.tolist()) == expected


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
