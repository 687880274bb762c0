"""Neither the order of rows, nor of merging, nor the size of batches shows; the oracle is exact rational arithmetic."""

from fractions import Fraction

import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tf_loadops import Moments

NAN = float("nan")
# Any offset and any spread, also a spread far below the offset's last float32 digit; no numbers so small that their
# squares vanish, or that TensorFlow flushes to 0.
offsets = st.sampled_from([0.0, 1.0, -1e3, 1e7 + 0.2, -1e12])
spreads = st.sampled_from([1e-3, 0.1, 1.0, 1e4])
columns = st.builds(
    lambda offset, spread, units: [NAN if unit is None else offset + spread * unit for unit in units],
    offsets,
    spreads,
    st.lists(st.one_of(st.none(), st.integers(-(10**9), 10**9).map(lambda unit: unit / 1e9)), min_size=1, max_size=40),
)
_of = tf.function(Moments.of, input_signature=[tf.TensorSpec([None, 1], tf.float64)])
_merge = tf.function(lambda a, b: a.merge(b))


def _exact(column):
    present = [Fraction(value) for value in column if value == value]
    mean = sum(present, Fraction(0)) / max(len(present), 1)
    return present, mean, sum(((value - mean) ** 2 for value in present), Fraction(0))


def _require_exact(m, column):
    present, mean, m2 = _exact(column)
    assert (int(m.count[0]), int(m.missing[0])) == (len(present), len(column) - len(present))
    if not present:
        assert (float(m.mean[0]), float(m.m2[0]), float(m.min[0])) == (0, 0, float("inf"))
        return
    assert (float(m.min[0]), float(m.max[0])) == (min(present), max(present))
    carried = Fraction(float(m.mean[0])) + Fraction(float(m.mean_low[0]))
    spread = max(present) - min(present)
    assert abs(carried - mean) <= spread * Fraction(1, 10**14)
    assert abs(Fraction(float(m.m2[0])) - m2) <= m2 * Fraction(1, 10**12)


@given(columns)
def test_one_batch(column):
    _require_exact(_of(np.array(column)[:, np.newaxis]), column)


@settings(max_examples=50)
@given(columns, st.integers(1, 9), st.randoms(use_true_random=False))
def test_any_batches_merged_in_any_order(column, size, order):
    x = np.array(column)[:, np.newaxis]
    parts = [_of(x[start : start + size]) for start in range(0, len(x), size)]
    while len(parts) > 1:
        a, b = (parts.pop(order.randrange(len(parts))) for _ in range(2))
        parts.append(Moments(*_merge(a, b)))
    _require_exact(parts[0], column)


@settings(max_examples=50)
@given(columns, st.randoms(use_true_random=False))
def test_rows_in_any_order(column, order):
    shuffled = list(column)
    order.shuffle(shuffled)
    _require_exact(_of(np.array(shuffled)[:, np.newaxis]), column)
