"""Moments: missing values, weights, dtypes, empty sides, and where they can be computed."""

import numpy as np
import pytest
import tensorflow as tf

from tf_loadops import LoadError, Moments
from tf_loadops.standardize import _sums
from tf_loadops.standardize._merge import two_sum

NAN, INF = float("nan"), float("inf")


def _listed(moments):
    return {name: field.numpy().tolist() for name, field in moments._asdict().items()}


X = np.array([[1.0, 10.0, NAN], [2.0, NAN, NAN], [6.0, 20.0, NAN]])
EXPECTED = {
    "count": [3, 2, 0],
    "mean": [3, 15, 0],
    "mean_low": [0, 0, 0],
    "m2": [14, 50, 0],
    "min": [1, 10, INF],
    "max": [6, 20, -INF],
    "missing": [0, 1, 3],
}


def test_fields():
    assert _listed(Moments.of(X)) == EXPECTED
    assert all(field.dtype == tf.float64 for field in Moments.of(X.astype(np.float32)))


def test_in_a_graph_and_compiled():
    x = tf.constant(X)
    assert _listed(tf.function(Moments.of)(x)) == EXPECTED
    assert _listed(tf.function(Moments.of, jit_compile=True)(x)) == EXPECTED


def test_rows_unknown_to_the_graph():
    of = tf.function(Moments.of, input_signature=[tf.TensorSpec([None, 3], tf.float64)])
    assert _listed(of(X)) == EXPECTED
    assert _listed(of(X[:0])) == _listed(Moments.zeros(3))
    columns_too = tf.function(Moments.of, input_signature=[tf.TensorSpec([None, None], tf.float64)])
    assert _listed(columns_too(X)) == EXPECTED


def test_while_loop_over_batches():
    @tf.function
    def run(x):
        def step(i, m):
            return i + 1, m.update(x[i : i + 1])

        return tf.while_loop(lambda i, m: i < 3, step, (0, Moments.zeros(3)))[1]

    assert _listed(run(tf.constant(X))) == EXPECTED


def test_dataset_reduce_and_cond():
    dataset = tf.data.Dataset.from_tensor_slices(X).batch(2)
    assert _listed(dataset.reduce(Moments.zeros(3), lambda m, x: m.update(x))) == EXPECTED
    chosen = tf.function(lambda yes: tf.cond(yes, lambda: Moments.of(X), lambda: Moments.zeros(3)))
    assert _listed(chosen(tf.constant(True))) == EXPECTED


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64", "int8", "uint8", "int32", "int64"])
def test_dtypes(dtype):
    m = Moments.of(tf.cast([[1], [2], [6]], dtype))
    assert (m.count.numpy(), m.mean.numpy(), m.m2.numpy(), m.min.numpy(), m.max.numpy()) == (3, 3, 14, 1, 6)
    assert _listed(Moments.of(tf.zeros([0, 1], dtype))) == _listed(Moments.zeros(1))


def test_bools_count_as_0_and_1():
    m = Moments.of(tf.constant([[True], [False], [True], [True]]))
    assert (m.mean.numpy(), m.m2.numpy(), m.min.numpy(), m.max.numpy()) == (0.75, 0.75, 0, 1)


def test_validity_marks_missing_values_whatever_stands_there():
    x = tf.constant([[1.0], [999.0], [3.0], [NAN]])
    m = Moments.of(x, validity=tf.constant([[True], [False], [True], [True]]))
    assert (m.count.numpy(), m.mean.numpy(), m.max.numpy(), m.missing.numpy()) == (2, 2, 3, 2)
    whole = Moments.of(tf.constant([[1], [9], [3]]), validity=tf.constant([[True], [False], [True]]))
    assert (whole.mean.numpy(), whole.missing.numpy()) == (2, 1)


def test_more_axes_are_more_rows():
    m = Moments.of(np.arange(12.0).reshape(2, 3, 2), weights=np.ones([2, 3]), validity=np.ones([2, 3, 2], bool))
    assert (m.count.numpy().tolist(), m.mean.numpy().tolist()) == ([6, 6], [5, 6])


def test_a_weight_is_a_number_of_rows():
    weighted = Moments.of(X, weights=[2, 1, 3])
    repeated = Moments.of(X[[0, 0, 1, 2, 2, 2]])
    for name in ("count", "mean", "m2", "min", "max"):
        np.testing.assert_allclose(getattr(weighted, name), getattr(repeated, name), rtol=1e-15)
    assert weighted.missing.numpy().tolist() == [0, 1, 3]


def test_weight_0_is_no_row_and_a_weight_that_is_none_poisons_the_count():
    some = Moments.of([[1.0], [INF], [3.0], [NAN]], weights=[1, 0, 1, 0])
    assert _listed(some) == _listed(Moments.of([[1.0], [3.0]]))
    assert np.isnan(Moments.of([[1.0], [2.0]], weights=[1, -1]).count.numpy()).all()
    assert np.isnan(Moments.of([[1.0], [2.0]], weights=[1, NAN]).count.numpy()).all()


def test_empty_sides():
    some, none = Moments.of(X), Moments.zeros(3)
    assert _listed(some.merge(none)) == _listed(none.merge(some)) == EXPECTED
    assert _listed(none.merge(none)) == _listed(none)
    far = Moments.of([[1e308], [1e308]])
    assert _listed(far.merge(Moments.zeros(1))) == _listed(Moments.zeros(1).merge(far)) == _listed(far)


@pytest.mark.parametrize("value", [0.1, 1 / 3, 1e7 + 0.2, -1e-300, 3e300])
def test_equal_values_have_no_spread_at_all(value):
    x = np.full([1001, 1], value)
    for m in (Moments.of(x), Moments.of(x[:300]).merge(Moments.of(x[300:])), tf.function(Moments.of)(x)):
        assert (m.mean.numpy(), m.m2.numpy(), m.std().numpy()) == (value, 0, 0)


def test_a_spread_of_one_last_digit_is_kept():
    x = np.array([[1e7], [np.nextafter(1e7, 2e7)]])
    ulp = 2.0**-29
    m = Moments.of(x)
    assert (m.m2.numpy(), float(m.mean[0]) + float(m.mean_low[0])) == (ulp**2 / 2, 1e7)
    assert m.mean_low.numpy() == ulp / 2  # halfway between the two values, which no float64 is


def test_variance_and_degrees_of_freedom():
    m = Moments.of([[1.0], [2.0], [6.0]])
    assert m.variance().numpy() == pytest.approx(14 / 3, rel=1e-15)
    assert m.variance(ddof=1).numpy() == 7
    assert m.std(ddof=1).numpy() == np.sqrt(7)
    assert np.isnan(m.variance(ddof=3).numpy()).all()
    assert np.isnan(Moments.zeros(1).std().numpy()).all()


def test_scaled_is_what_weights_would_be():
    m = Moments.of(X).scaled(0.5)
    w = Moments.of(X, weights=[0.5, 0.5, 0.5])
    assert (m.count.numpy().tolist(), m.m2.numpy().tolist()) == (w.count.numpy().tolist(), w.m2.numpy().tolist())
    assert m.missing.numpy().tolist() == [0, 0.5, 1.5]


def test_two_sum_is_exact_in_every_mode():
    a, b = tf.constant(1e16, tf.float64), tf.constant(3.14159, tf.float64)
    expected = (1e16 + 3.14159, 3.14159 - ((1e16 + 3.14159) - 1e16))
    folded = tf.function(lambda _, y: two_sum(a, y))
    for run in (two_sum, folded, tf.function(two_sum), tf.function(two_sum, jit_compile=True)):
        assert tuple(float(v) for v in run(a, b)) == expected


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
def test_large_matrices_go_through_strips(monkeypatch, dtype):
    monkeypatch.setattr(_sums, "_WORTH_COMPILING", 1)
    rng = np.random.default_rng(7)
    x = rng.normal([1e4, 0.0, -5.0], [1, 1e3, 30], (400_000, 3)).astype(dtype)
    gaps = rng.random(x.shape) < 0.01 if dtype != "int32" else np.zeros(x.shape, bool)
    if dtype != "int32":
        x[gaps] = NAN
    m = Moments(*tf.function(_sums._parts)(tf.constant(x), None, None))
    wide = np.ma.masked_array(x.astype(np.longdouble), gaps)
    assert m.count.numpy().tolist() == (~gaps).sum(0).tolist()
    assert m.missing.numpy().tolist() == gaps.sum(0).tolist()
    assert (m.min.numpy().tolist(), m.max.numpy().tolist()) == (wide.min(0).tolist(), wide.max(0).tolist())
    np.testing.assert_allclose(m.mean, wide.mean(0).astype(float), rtol=1e-13)
    np.testing.assert_allclose(m.std(), wide.std(0).astype(float), rtol=1e-12)


def test_large_matrices_eagerly():
    rng = np.random.default_rng(8)
    x = rng.normal(3, 2, (300_000, 4))
    m = Moments.of(tf.constant(x), validity=tf.constant(x > -2))
    wide = np.ma.masked_array(x.astype(np.longdouble), x <= -2)
    np.testing.assert_allclose(m.mean, wide.mean(0).astype(float), rtol=1e-13)
    np.testing.assert_allclose(m.m2, (wide.var(0) * wide.count(0)).astype(float), rtol=1e-12)


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (([["a"]],), "Moments are taken of real numbers. Received: dtype=string."),
        (([[1j]],), "Moments are taken of real numbers. Received: dtype=complex128."),
        (
            ([1.0, 2.0],),
            "Moments are taken of a matrix [rows, columns], or of [..., columns] of known rank. Received: shape=(2,). "
            "Reshape one column to [rows, 1].",
        ),
        (
            ([[1.0, 2.0]], None, [[True]]),
            "validity is bool and has the shape of x, (1, 2). Received: bool, shape=(1, 1).",
        ),
        (([[1.0, 2.0]], [1.0, 2.0]), "weights are one number per row, shape (1,). Received: shape=(2,)."),
    ],
    ids=["text", "complex", "vector", "validity", "weights"],
)
def test_refusals(args, text):
    with pytest.raises(LoadError) as refused:
        Moments.of(*args)
    assert str(refused.value) == text
