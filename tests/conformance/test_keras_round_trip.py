"""Configuration and weights come back from JSON, from a `.keras` file and in a clone."""

import json

import keras
import pytest

from .values import assert_same, plain


@pytest.fixture
def model(made):
    """The case in a functional model, which takes a vector of paths."""
    if not made.case.takes_none:
        return made.model
    files = keras.Input(shape=(), dtype="string", name="files")
    return keras.Model(files, made.model(files))


def assert_alike(made, model):
    both = keras.tree.map_structure(str, [made.source, made.second])
    result = model(keras.ops.convert_to_tensor(both, dtype="string"))
    assert_same(plain(result), made.case.both, made.case.tolerance)


def test_config(made):
    text = json.dumps(made.model.get_config())
    again = type(made.model).from_config(json.loads(text))
    assert json.dumps(again.get_config()) == text
    again.set_weights(made.model.get_weights())
    assert_same(plain(again(made.path(made.second))), made.case.second.expected, made.case.tolerance)


# Keras takes weights out of TensorFlow 2.21 in a way that NumPy 2 warns of.
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning")
def test_keras_file(made, model, tmp_path):
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert len(loaded.weights) == len(model.weights)
    assert_alike(made, loaded)


def test_clone(made, model):
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    assert_alike(made, clone)
