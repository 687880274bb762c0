"""Every digit of the statistics survives: config, `.keras`, weights, clone, SavedModel, in another process too."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_loadops import Standardize

# Keras itself, when it writes weights under NumPy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

X = np.random.default_rng(3).normal([1e7, 0.1, 3], [0.1, 1e-3, 40], (101, 3))
X[7, 1] = np.nan


def _model(mode="adapted"):
    layer = Standardize(mode, name="z", missing="keep", indicator=True, ddof=1, names=["a", "b", "c"])
    layer.adapt(X)
    return keras.Sequential([keras.Input([3], dtype="float64"), layer])


def _digits(layer):
    return [[value.hex() for value in field.numpy().tolist()] for field in layer.moments]


def test_config():
    layer = Standardize("running", missing="keep", indicator=True, ddof=1, half_life=10.0, names=["a"], name="z")
    config = layer.get_config()
    again = Standardize.from_config(config)
    assert again.get_config() == config
    assert {key: config[key] for key in ("mode", "missing", "indicator", "ddof", "half_life", "names", "name")} == {
        "mode": "running",
        "missing": "keep",
        "indicator": True,
        "ddof": 1,
        "half_life": 10.0,
        "names": ["a"],
        "name": "z",
    }


def test_keras_file(tmp_path):
    model = _model()
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    assert _digits(again.layers[0]) == _digits(model.layers[0])
    np.testing.assert_array_equal(again(X), model(X))


def test_weights_file_and_clone(tmp_path):
    model = _model()
    model.save_weights(tmp_path / "m.weights.h5")
    clone = keras.models.clone_model(model)
    clone.load_weights(tmp_path / "m.weights.h5")
    assert _digits(clone.layers[0]) == _digits(model.layers[0])
    clone.set_weights(model.get_weights())
    assert _digits(clone.layers[0]) == _digits(model.layers[0])


def test_a_model_with_more_layers_and_fit(tmp_path):
    layer = Standardize()
    layer.adapt(X[:, :2])
    inputs = keras.Input([2])
    model = keras.Model(inputs, keras.layers.Dense(1)(layer(inputs)))
    before = _digits(layer)
    model.compile("sgd", "mse")
    model.fit(X[:, :2].astype("float32"), np.zeros([101, 1]), verbose=0)
    assert _digits(layer) == before
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(again.predict(X[:, :2], verbose=0), model.predict(X[:, :2], verbose=0), rtol=1e-6)


READ = """
import sys
import numpy as np
import tensorflow as tf
folder = sys.argv[1]
served = tf.saved_model.load(folder)
x = np.load(folder + ".x.npy")
np.save(folder + ".y.npy", served.signatures["serving_default"](tf.constant(x))["y"])
if "update" in served.signatures:
    try:
        served.signatures["reset"]()
        served.signatures["serving_default"](tf.constant(x))
    except tf.errors.InvalidArgumentError as error:
        print(error.message.split("string: ")[1].splitlines()[0])
    for part in np.array_split(x, 5):
        count = served.signatures["update"](tf.constant(part))["count"]
    print(count.numpy().tolist())
    np.save(folder + ".z.npy", served.signatures["serving_default"](tf.constant(x))["y"])
"""


def _in_another_process(folder):
    env = dict(os.environ, TF_CPP_MIN_LOG_LEVEL="3", PYTHONPATH="")
    command = [sys.executable, "-c", READ, str(folder)]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_saved_model_with_update_and_reset(tmp_path):
    layer = _model("running").layers[0]
    spec = tf.TensorSpec([None, 3], tf.float64, name="x")
    module = tf.Module()
    module.statistics = [weight.value for weight in layer.weights]
    module.serve = tf.function(lambda x: {"y": layer(x)}, input_signature=[spec])
    module.update = tf.function(lambda x: {"count": layer.update(x).count}, input_signature=[spec])

    @tf.function(input_signature=[])
    def reset():
        layer.reset()
        return {"count": layer.moments.count}

    module.reset = reset
    folder = tmp_path / "served"
    signatures = {"serving_default": module.serve, "update": module.update, "reset": module.reset}
    tf.saved_model.save(module, str(folder), signatures=signatures)
    np.save(f"{folder}.x.npy", X)
    refusal, count = _in_another_process(folder)
    assert refusal == (
        "Standardize 'z': there are no statistics yet. Call adapt(data) or update(batch) first, or load saved weights."
    )
    assert count == "[101.0, 100.0, 101.0]"
    expected = (X - np.nanmean(X, 0)) / np.nanstd(X, 0, ddof=1)
    for when in "yz":
        y = np.load(f"{folder}.{when}.npy")
        np.testing.assert_allclose(y[:, :3], expected, rtol=1e-6, atol=1e-6)
        np.testing.assert_array_equal(y[:, 3:], np.isnan(X))


@pytest.mark.parametrize("mode", ["call", "adapted"])
def test_model_export(tmp_path, mode):
    layer = Standardize(mode)
    if mode == "adapted":
        layer.adapt(X)
    model = keras.Sequential([keras.Input([3], dtype="float64"), layer])
    model.export(tmp_path / "served", verbose=False)
    served = tf.saved_model.load(str(tmp_path / "served"))
    np.testing.assert_array_equal(served.serve(X), model(X))
