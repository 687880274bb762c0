"""Standardize: its modes, its options, and what it refuses."""

import threading

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.standardize.refused import text_of as _text
from tf_loadops import LoadError, Moments, Standardize

NAN = float("nan")
X = np.array([[1.0, 7.0], [3.0, 7.0], [5.0, NAN]])
A = np.float32(np.sqrt(1.5))
EXPECTED = [[-A, 0], [0, 0], [A, 0]]


def _adapted(**kwargs):
    layer = Standardize(**kwargs)
    layer.adapt(X)
    return layer


def _refusal(kind, run):
    with pytest.raises(kind) as refused:
        run()
    return str(refused.value) if kind is LoadError else _text(refused.value)


def test_mode_call():
    layer = Standardize("call")
    np.testing.assert_allclose(layer(X), EXPECTED, rtol=1e-7)
    np.testing.assert_allclose(tf.function(layer)(tf.constant(X * 10 + 3)), EXPECTED, rtol=1e-7)
    assert layer.weights == []


def test_mode_adapted_keeps_its_statistics():
    layer = _adapted()
    np.testing.assert_allclose(layer(X), EXPECTED, rtol=1e-7)
    np.testing.assert_allclose(layer(X[:1], training=True), EXPECTED[:1], rtol=1e-7)
    assert layer.moments.count.numpy().tolist() == [3, 2]
    assert [weight.name for weight in layer.weights] == ["count", "mean", "mean_low", "m2", "min", "max", "missing"]
    assert {weight.dtype for weight in layer.non_trainable_weights} == {"float64"}


def test_mode_running_learns_from_training_calls_only():
    layer = Standardize("running")
    assert layer(np.array([[1.0], [3.0]]), training=True).numpy().tolist() == [[-1], [1]]
    assert layer(np.array([[5.0]])).numpy().tolist() == [[3]]
    assert layer.moments.count.numpy().tolist() == [2]
    tf.function(lambda x: layer(x, training=True))(tf.constant([[5.0], [7.0]]))
    assert (layer.moments.count.numpy(), layer.moments.mean.numpy(), layer.moments.m2.numpy()) == (4, 4, 20)


def test_mode_running_in_fit():
    x = np.random.default_rng(1).normal(5, 3, (256, 3))
    layer = Standardize("running")
    model = keras.Sequential([keras.Input([3], dtype="float64"), layer, keras.layers.Dense(1)])
    model.compile("sgd", "mse", jit_compile=False)
    model.fit(x, np.zeros([256, 1]), batch_size=50, epochs=1, verbose=0)
    model.predict(x + 100, verbose=0)
    assert layer.moments.count.numpy().tolist() == [256] * 3
    seen = x.astype(np.float32).astype(np.float64)  # what Keras makes of an array before any layer sees it
    np.testing.assert_allclose(layer.moments.mean, seen.mean(0), rtol=1e-13)
    np.testing.assert_allclose(layer.moments.std(), seen.std(0), rtol=1e-12)


@pytest.mark.parametrize("size", [1, 37, 500])
def test_half_life_forgets_by_rows_not_by_batches(size):
    x = np.random.default_rng(2).normal([0, 1e5], [1, 3], (500, 2))
    x[100, 0] = NAN
    layer = Standardize("running", half_life=20)
    update = tf.function(layer.update, reduce_retracing=True)
    for start in range(0, 500, size):
        update(tf.constant(x[start : start + size]))
    past = pd.DataFrame(x).ewm(halflife=20, ignore_na=False)
    np.testing.assert_allclose(layer.moments.mean, past.mean().iloc[-1], rtol=1e-12)
    np.testing.assert_allclose(layer.moments.variance(), past.var(bias=True).iloc[-1], rtol=1e-10)


def test_missing_values_and_indicators():
    layer = _adapted(missing="keep", indicator=True)
    y = layer(X).numpy()
    np.testing.assert_array_equal(np.isnan(y), np.array([[0, 0, 0, 0], [0, 0, 0, 0], [0, 1, 0, 0]], bool))
    assert y[:, 2:].tolist() == [[0, 0], [0, 0], [0, 1]]
    filled = _adapted(indicator=True)
    assert filled(X).numpy()[2].tolist() == [A, 0, 0, 1]
    np.testing.assert_allclose(filled.inverse(filled(X)), X, rtol=1e-7)  # and missing again


def test_inverse():
    layer = _adapted(ddof=1)
    np.testing.assert_allclose(layer.inverse(layer(X[:2])), X[:2], rtol=1e-7)
    assert layer.inverse(np.array([[0.5, 0.0]])).numpy().tolist() == [[4, 7]]


def test_update_and_reset():
    layer = _adapted()
    layer.update(np.array([[7.0, 9.0]]))
    assert (layer.moments.count.numpy().tolist(), layer.moments.mean.numpy()[0]) == ([4, 3], 4)
    layer.reset()
    fresh = Moments.zeros(2)
    assert [f.numpy().tolist() for f in layer.moments] == [f.numpy().tolist() for f in fresh]


def test_a_refused_update_changes_nothing():
    layer = _adapted(names=["a", "b"])
    text = _refusal(tf.errors.InvalidArgumentError, lambda: tf.function(layer.update)(tf.constant([[1.0, np.inf]])))
    assert text == (
        "column 'b': holds an infinity, so it has no finite mean (smallest value 7, largest inf). Replace infinities, "
        "or make them NaN to count them as missing."
    )
    assert layer.moments.count.numpy().tolist() == [3, 2]


def test_symbolic_use_and_shapes():
    inputs = keras.Input([2])
    layer = _adapted(indicator=True)
    assert (layer(inputs).shape, layer(inputs).dtype) == ((None, 4), "float32")
    sequence = Standardize("call")
    assert sequence(keras.Input([5, 2])).shape == (None, 5, 2)
    x = np.arange(20.0).reshape(2, 5, 2)
    np.testing.assert_allclose(sequence(x), (x - x.mean((0, 1))) / x.std((0, 1)), rtol=1e-6)


@pytest.mark.parametrize("policy", ["float32", "float64", "mixed_float16"])
def test_no_dtype_policy_costs_digits(policy):
    layer = Standardize(dtype=policy)
    x = np.array([[1e7 + 0.1], [1e7 + 0.3]])
    layer.adapt(x)
    assert layer(tf.constant(x)).numpy().tolist() == [[-1], [1]]


def test_integers():
    layer = Standardize()
    layer.adapt(np.array([[1], [3]]))
    assert layer(tf.constant([[5]], tf.int64)).numpy().tolist() == [[3]]


def test_compiled_by_xla_and_nan_where_nothing_can_be_refused():
    layer = _adapted()
    np.testing.assert_allclose(tf.function(layer, jit_compile=True)(tf.constant(X)), EXPECTED, rtol=1e-6)
    layer.reset()
    assert np.isnan(tf.function(layer, jit_compile=True)(tf.constant(X[:2]))).all()
    model = keras.Sequential([keras.Input([2]), _adapted(), keras.layers.Dense(1)])
    model.compile(jit_compile=True)
    assert model.predict(X, verbose=0).shape == (3, 1)


def test_concurrent_first_calls_add_the_weights_once():
    layer = Standardize("running")
    start, results = threading.Barrier(4), []

    def work():
        start.wait()
        layer.update(tf.constant([[1.0], [3.0]]))
        results.append(len(layer.weights))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [7] * 4


def test_nothing_is_standardized_without_statistics():
    layer = Standardize(name="z")
    text = "Standardize 'z': there are no statistics yet. Call adapt(data) first, or load saved weights."
    assert _refusal(LoadError, lambda: layer.moments) == text
    for call in (layer, tf.function(layer), layer.inverse):
        assert _refusal(tf.errors.InvalidArgumentError, lambda call=call: call(tf.constant(X))) == text
    running = Standardize("running", name="r")
    assert _refusal(tf.errors.InvalidArgumentError, lambda: running(tf.constant(X))) == (
        "Standardize 'r': there are no statistics yet. Call adapt(data) or update(batch) first, or load saved weights."
    )


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"mode": "batch"}, "Expected one of call, adapted, running. Received: mode='batch'."),
        ({"missing": "drop"}, "Expected one of mean, keep. Received: missing='drop'."),
        ({"ddof": -1}, "ddof is a number that is not negative. Received: ddof=-1."),
        (
            {"half_life": 5},
            "half_life is a positive number of rows, in mode=\"running\". Received: half_life=5, mode='adapted'.",
        ),
    ],
)
def test_arguments(arguments, text):
    assert _refusal(LoadError, lambda: Standardize(**arguments)) == text


def test_mode_call_has_no_statistics():
    layer = Standardize("call", name="c")
    uses = {
        "moments": lambda: layer.moments,
        "adapt": lambda: layer.adapt(X),
        "update": lambda: layer.update(X),
        "reset": layer.reset,
        "inverse": lambda: layer.inverse(X),
    }
    for what, use in uses.items():
        assert _refusal(LoadError, use) == (
            f"Standardize 'c': mode=\"call\" keeps no statistics, so there is no {what}. Use mode=\"adapted\" or "
            'mode="running".'
        )


def test_wrong_number_of_columns():
    layer = _adapted(name="z")
    text = (
        "Standardize 'z': the layer has 2 columns. Received: 3 columns, shape={}. Pass the same columns in the same "
        "order."
    )
    for call in (layer, tf.function(layer, autograph=False), layer.update):
        assert _refusal(LoadError, lambda call=call: call(tf.zeros([4, 3]))) == text.format("(4, 3)")
    assert _refusal(LoadError, lambda: layer.adapt(np.zeros([4, 3]))) == text.format("(None, 3)")
    named = Standardize(name="n", names=["a", "b"])
    assert _refusal(LoadError, lambda: named.adapt(np.zeros([4, 3]))) == (
        "Standardize 'n': the layer has 2 columns ('a', 'b'). Received: 3 columns, shape=(None, 3). Pass the same "
        "columns in the same order."
    )
    assert _refusal(LoadError, lambda: Standardize(name="v")(tf.constant([1.0]))) == (
        "Standardize 'v': the input is [rows, columns], with a known number of columns. Received: shape=(1,)."
    )
