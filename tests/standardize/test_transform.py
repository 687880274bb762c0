"""standardize and unstandardize: values by hand and by NumPy, missing values, constants, large matrices."""

import numpy as np
import pytest
import tensorflow as tf

from tf_loadops import LoadError, Moments
from tf_loadops.standardize import standardize, transform, unstandardize

NAN, INF = float("nan"), float("inf")
X = np.array([[1.0, 7.0, 2.0], [3.0, 7.0, NAN], [5.0, 7.0, 4.0]])
A = np.sqrt(1.5)
EXPECTED = np.array([[-A, 0, -1], [0, 0, 0], [A, 0, 1]], np.float32)


@pytest.mark.parametrize("wrap", [lambda f: f, tf.function, lambda f: tf.function(f, jit_compile=True)])
def test_values(wrap):
    y = wrap(lambda x: standardize(x, Moments.of(x)))(tf.constant(X))
    assert y.dtype == tf.float32
    np.testing.assert_allclose(y, EXPECTED, rtol=2e-7)


def test_missing_kept_and_indicated():
    m = Moments.of(X)
    kept = standardize(X, m, missing="keep", indicator=True).numpy()
    assert np.isnan(kept[1, 2])
    assert kept[:, 3:].tolist() == [[0, 0, 0], [0, 0, 1], [0, 0, 0]]
    valid = np.array([[True, True, True], [False, True, True], [True, True, True]])
    y = standardize(X, m, validity=valid, indicator=True).numpy()
    assert y[1].tolist() == [0, 0, 0, 1, 0, 1]
    whole = np.array([[1], [3]])
    assert standardize(whole, Moments.of(whole), indicator=True).numpy().tolist() == [[-1, 0], [1, 0]]


def test_a_constant_column_becomes_0_even_for_other_values():
    m = Moments.of([[5.0], [5.0]])
    assert standardize(np.array([[5.0], [6.0], [NAN]]), m).numpy().tolist() == [[0], [0], [0]]
    assert unstandardize(np.array([[0.0], [3.0]]), m).numpy().tolist() == [[5], [5]]
    assert np.isnan(standardize(np.array([[INF]]), m).numpy()).all()  # no number, and not made to look like one


def test_differences_are_taken_in_float64():
    x = np.array([[1e7 + 0.1], [1e7 + 0.3]])
    assert standardize(x, Moments.of(x)).numpy().tolist() == [[-1], [1]]
    x = 1e16 + np.array([[2.0], [4.0]])
    assert standardize(x, Moments.of(x)).numpy().tolist() == [[-1], [1]]


def test_ddof():
    x = np.array([[1.0], [3.0]])
    np.testing.assert_allclose(standardize(x, Moments.of(x), ddof=1), [[-np.sqrt(0.5)], [np.sqrt(0.5)]], rtol=1e-7)
    np.testing.assert_allclose(unstandardize([[1.0]], Moments.of(x), ddof=1), [[2 + np.sqrt(2)]], rtol=1e-15)


def test_moments_that_say_nothing_give_nan():
    assert np.isnan(standardize(np.array([[1.0]]), Moments.zeros(1)).numpy()).all()
    assert np.isnan(standardize(np.array([[1.0]]), Moments.of([[1.0], [2.0]]), ddof=2).numpy()).all()


def test_the_way_back():
    x = np.random.default_rng(0).normal([1e6, -3], [0.5, 100], (50, 2))
    m = Moments.of(x)
    back = unstandardize(standardize(x, m), m)
    assert back.dtype == tf.float64
    np.testing.assert_allclose(back, x, rtol=0, atol=5e-5)
    np.testing.assert_allclose(back[:, 0], x[:, 0], rtol=0, atol=5e-7)


@pytest.mark.parametrize("rows", [None, 50])
def test_large_matrices_are_compiled(monkeypatch, rows):
    monkeypatch.setattr(transform, "_WORTH_COMPILING", 1)
    m = Moments.of(X)
    spec = tf.TensorSpec([rows, 3], tf.float64)
    run = tf.function(lambda x: standardize(x, m, indicator=True), input_signature=[spec])
    many = np.tile(X, [17, 1])[:50]
    np.testing.assert_allclose(run(many)[:3, :3], EXPECTED, rtol=2e-7)
    assert run(many).numpy()[:, 5].tolist() == ([0, 1, 0] * 17)[:50]


def test_refusals():
    m = Moments.of(X)
    with pytest.raises(LoadError) as refused:
        standardize(X, m, missing="drop")
    assert str(refused.value) == "Expected one of mean, keep. Received: missing='drop'."
    for f in (standardize, unstandardize):
        with pytest.raises(LoadError) as refused:
            f(X[:, :2], m)
        assert str(refused.value) == (
            "The data has the columns that the statistics were taken of, 3, as its last axis. Received: shape=(3, 2)."
        )
