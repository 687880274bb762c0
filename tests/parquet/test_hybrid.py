"""Runs of levels, indices and bools: what was written is read, over the borders of blocks, and nonsense is not."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tf_loadops.parquet.hybrid import BLOCK, read_hybrid

from .encodings import uleb, without_xla


def repeated(value: int, times: int, width: int) -> bytes:
    return uleb(times << 1) + value.to_bytes((width + 7) // 8, "little")


def packed(values: list[int], width: int) -> bytes:
    """A run of groups of eight; zeros fill up the last one."""
    groups = -(-len(values) // 8)
    whole = sum(value << (i * width) for i, value in enumerate(values))
    return uleb(groups << 1 | 1) + whole.to_bytes(groups * width, "little")


def read(data: bytes, width: int, count: int, at: int = 0, end: int | None = None) -> tuple[list[int], bool]:
    numbers = map(tf.constant, (at, len(data) if end is None else end, width, count))
    values, ok = read_hybrid(tf.constant(data), *numbers)
    return (values.numpy().astype(np.uint32)).tolist(), bool(ok)


@st.composite
def runs(draw: st.DrawFn) -> tuple[int, bytes, list[int]]:
    """A width, some runs, and what they hold."""
    width = draw(st.integers(0, 32))
    value = st.integers(0, 2**width - 1)
    data, values = b"", []
    for _ in range(draw(st.integers(1, 12))):
        if draw(st.booleans()):
            one, times = draw(value), draw(st.integers(1, 100) | st.just(BLOCK - 3) | st.just(2 * BLOCK + 5))
            data += repeated(one, times, width)
            values += [one] * times
        else:
            several = [draw(value) for _ in range(8 * draw(st.integers(1, 9)))]
            data += packed(several, width)
            values += several
    return width, data, values


@settings(max_examples=150)
@given(written=runs(), before=st.binary(max_size=9), behind=st.binary(max_size=9), fewer=st.integers(0, 20))
def test_runs_are_read_as_written(
    written: tuple[int, bytes, list[int]], before: bytes, behind: bytes, fewer: int
) -> None:
    width, data, values = written
    count = max(0, len(values) - fewer)
    text, end = before + data + behind, len(before) + len(data)
    assert read(text, width, count, len(before), end) == (values[:count], True)


@pytest.mark.parametrize("width", [1, 7, 20, 32])
def test_long_runs_of_bits(width: int) -> None:
    rng = np.random.default_rng(width)
    values = rng.integers(0, 2**width, 3 * BLOCK + 16).tolist()
    assert read(packed(values, width), width, len(values)) == (values, True)
    # Many short ones, as many as a block can have, and one more.
    short = b"".join(repeated(value, 1, width) for value in values[: BLOCK + 1])
    assert read(short, width, BLOCK + 1) == (values[: BLOCK + 1], True)


def test_the_same_without_xla() -> None:
    data = packed([1, 2, 3, 4, 5, 6, 7, 0], 3) + repeated(5, 9, 3)
    with without_xla():
        assert read(data, 3, 17) == ([1, 2, 3, 4, 5, 6, 7, 0, *[5] * 9], True)


@pytest.mark.parametrize(
    ("data", "width", "count"),
    [
        (b"", 1, 1),
        (repeated(1, 4, 1), 1, 5),
        (packed([1] * 8, 1), 1, 9),
        (packed([5] * 16, 3)[:-1], 3, 16),
        (uleb(8 << 1), 1, 8),
        (repeated(1, 0, 1) + repeated(1, 8, 1), 1, 8),
        (b"\x01", 1, 1),
        (b"\xff" * 9, 1, 8),
        (repeated(1, 4, 8), 33, 4),
        (repeated(2, 8, 1), 1, 8),
        (repeated(1, 8, 3) + repeated(8, 8, 3), 3, 16),
        (repeated(2**31, 8, 31), 31, 8),
    ],
    ids=["nothing", "too few", "too few of bits", "cut off", "no value", "a run of none", "no groups", "no head",
         "wider than 32 bits", "a wider value", "a wider value behind others", "one of 32 bits in 31"],
)  # fmt: skip
def test_what_is_no_run(data: bytes, width: int, count: int) -> None:
    assert read(data, width, count) == ([], False)


def test_no_values_need_no_runs() -> None:
    assert read(b"", 5, 0) == ([], True)
