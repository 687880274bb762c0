"""What is counted of a read: expected numbers come from numpy."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tf_loadops.blocks import COUNTS, count

SIZES = [0, 1, 254, 255, 256, 509, 510, 511, 65_024, 65_025, 65_026]  # around what a byte counts, and its square


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("missing", [True, False])
def test_cells_that_are_all_alike(size: int, missing: bool) -> None:
    mask = np.full([size, 1], not missing)
    assert int(count([tf.constant(mask)], tf.constant(0, tf.int64), tf.constant(""))["missing"]) == size * missing


@given(st.lists(st.tuples(st.integers(1, 7), st.integers(0, 2**32 - 1), st.floats(0, 1)), min_size=1, max_size=4),
       st.integers(0, 700))
def test_missing_cells_of_several_blocks(blocks: list[tuple[int, int, float]], rows: int) -> None:
    masks = [np.random.default_rng(seed).random([rows, columns]) < share for columns, seed, share in blocks]
    found = count([tf.constant(mask) for mask in masks], tf.constant(5, tf.int64), tf.constant("öl"))
    expected = [rows, 5, sum(int(np.count_nonzero(~mask)) for mask in masks), 3]
    assert [int(found[name]) for name in COUNTS] == expected
