"""export_saved_model: what it refuses, what it picks by default, and models other than one loader alone."""

import os

import keras
import numpy as np
import pytest
import tensorflow as tf

import tf_loadops as tlo
from tf_loadops.errors import LoadError

SCHEMA = tlo.Schema([tlo.Column("city", "string"), tlo.Column("size", "float32")])


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("city,size\nOslo,1\nRome,2\n,3\n")
    return path


def numbers(source=None, **kwargs):
    return tlo.CSVDataLoader(source, schema=SCHEMA, features=["size"], engine="general", **kwargs)


def columns():
    files = keras.Input(shape=(), dtype="string", name="files")
    return files, tlo.CSVDataLoader(schema=SCHEMA, output="columns")(files)


def load(directory, signature="serving_default", **inputs):
    loaded = tf.saved_model.load(str(directory))
    outputs = loaded.signatures[signature](**{name: tf.constant(value) for name, value in inputs.items()})
    return {name: value.numpy().tolist() for name, value in outputs.items()}


def refused(model, directory, **kwargs):
    """The message, after asserting that nothing at all was written."""
    before = sorted(os.listdir(directory.parent))
    with pytest.raises(LoadError) as caught:
        tlo.export_saved_model(model, directory, **kwargs)
    assert sorted(os.listdir(directory.parent)) == before
    return str(caught.value)


def test_unknown_signature(file, tmp_path):
    assert refused(numbers(file), tmp_path / "model", signatures=["path", "paths"]) == (
        "Expected some of path, rows, baked, embedded, params, embedded_params. Received: signatures=('path', 'paths')."
    )


def test_no_signature(file, tmp_path):
    assert refused(numbers(file), tmp_path / "model", signatures=[]) == (
        "Expected some of path, rows, baked, embedded, params, embedded_params. Received: signatures=()."
    )


def test_no_source(tmp_path):
    assert refused(numbers(), tmp_path / "model", signatures=["path", "embedded"]) == (
        "Signature 'embedded' reads a file that is known at export, but no loader has one. Pass source=..., or "
        "construct the loader with a path."
    )


def test_source_that_is_not_there(tmp_path):
    missing = tmp_path / "none.csv"
    assert refused(numbers(), tmp_path / "model", signatures=["embedded"], source=missing) == (
        f"{missing}: there is no such file. Signature 'embedded' carries a copy of it; check the path that source=... "
        "or the loader names."
    )


def test_unbuilt_model(file, tmp_path):
    model = keras.Sequential([numbers(file), keras.layers.Dense(1)])
    assert refused(model, tmp_path / "model") == (
        "An exported model is built. Call it once on data before exporting it."
    )


def test_no_loader(tmp_path):
    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.layers.Dense(1)(inputs), name="plain")
    assert refused(model, tmp_path / "model") == (
        "Nothing in 'plain' loads data: an exported model holds a tf_loadops loader or lookup layer."
    )


@keras.saving.register_keras_serializable("test_export")
class OwnFileOnly(keras.Model):
    def __init__(self, loader):
        super().__init__()
        self.loader = loader

    def call(self, inputs=None):
        return self.loader(None) * 2.0


def test_ignored_input(file, tmp_path):
    model = OwnFileOnly(numbers(file))
    model(None)
    assert refused(model, tmp_path / "model", signatures=["path"]) == (
        "Signature 'path' would ignore its input: the model's call does not hand it to a loader. Pass the input on, or "
        'export only signatures=("baked",) or ("embedded",).'
    )
    tlo.export_saved_model(model, tmp_path / "model", signatures=["embedded"])
    file.unlink()
    assert load(tmp_path / "model") == {"output": [[2.0], [4.0], [6.0]]}


@pytest.mark.parametrize(("function", "op"), [(tf.py_function, "EagerPyFunc"), (tf.numpy_function, "PyFunc")])
def test_python_in_the_model(tmp_path, function, op):
    class Python(keras.layers.Layer):
        def call(self, x):
            return tf.ensure_shape(function(lambda x: x, [x], tf.float32), x.shape)

    files = keras.Input(shape=(), dtype="string")
    model = keras.Model(files, Python()(numbers()(files)))
    assert refused(model, tmp_path / "model", signatures=["path"]) == (
        f"Signature 'path' holds {op}: Python code (tf.py_function, tf.numpy_function) that a SavedModel cannot carry. "
        "Write it with TensorFlow ops."
    )


def test_directory_that_holds_something(file, tmp_path):
    directory = tmp_path / "model"
    directory.mkdir()
    (directory / "notes.txt").write_text("mine")
    assert refused(numbers(file), directory, signatures=["rows"]) == (
        f"{directory}: the directory holds something already. Pass overwrite=True to replace it."
    )
    assert (directory / "notes.txt").read_text() == "mine"
    tlo.export_saved_model(numbers(file), directory, signatures=["rows"], overwrite=True)
    assert not (directory / "notes.txt").exists()
    assert load(directory, rows=["x,5"]) == {"output": [[5.0]]}


def test_a_file_in_its_place(file, tmp_path):
    assert refused(numbers(file), file, signatures=["rows"], overwrite=True) == (
        f"{file}: a file has the name of the directory that is to be written. Give another path."
    )
    assert file.read_text().startswith("city,size")


def test_three_outputs(file, tmp_path):
    class Three(OwnFileOnly):
        def call(self, inputs=None):
            return (self.loader(inputs),) * 3

    model = Three(numbers(file))
    model(None)
    assert refused(model, tmp_path / "model", signatures=["rows"]) == (
        "A signature returns a tensor, a dict of tensors, or a pair of one of these and a label."
    )


def test_default_signatures(file, tmp_path):
    tlo.export_saved_model(numbers(file), tmp_path / "with_source")
    loaded = tf.saved_model.load(str(tmp_path / "with_source"))
    assert sorted(loaded.signatures) == ["baked", "path", "rows", "serving_default"]
    assert loaded.signatures["serving_default"].structured_input_signature[1] == {
        "path": tf.TensorSpec([None], tf.string, name="path")
    }
    tlo.export_saved_model(numbers(), tmp_path / "without" / "source")
    assert sorted(tf.saved_model.load(str(tmp_path / "without" / "source")).signatures) == [
        "path", "rows", "serving_default",
    ]  # fmt: skip


def test_source_replaces_the_loaders_own(file, tmp_path):
    others = [tmp_path / part / "same.csv" for part in ("a", "b")]
    for number, other in enumerate(others, 7):
        other.parent.mkdir()
        other.write_text(f"city,size\nx,{number}\n")
    tlo.export_saved_model(numbers(file), tmp_path / "model", signatures=["baked", "embedded"], source=others)
    assert load(tmp_path / "model", "baked") == {"output": [[7.0], [8.0]]}
    for other in others:
        other.unlink()
    assert load(tmp_path / "model", "embedded") == {"output": [[7.0], [8.0]]}  # two assets of one name
    names = sorted(os.listdir(tmp_path / "model" / "assets"))
    assert len(names) == 2 and names[0] == "same.csv"


def test_several_loaders(file, tmp_path):
    @keras.saving.register_keras_serializable("test_export")
    class Joined(keras.Model):
        def __init__(self):
            super().__init__()
            other = tmp_path / "other.csv"
            other.write_text("a\n10\n20\n30\n")
            schema = tlo.Schema([tlo.Column("a", "float32")])
            self.left, self.right = numbers(file), tlo.CSVDataLoader(other, schema=schema, engine="general")

        def call(self, inputs=None):
            return keras.ops.concatenate([self.left(inputs), self.right(None)], axis=1)

    model = Joined()
    model(None)
    tlo.export_saved_model(model, tmp_path / "model", signatures=["path", "embedded"])
    assert load(tmp_path / "model", path=[str(file)]) == {"output": [[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]]}
    (tmp_path / "other.csv").unlink()
    file.unlink()
    assert load(tmp_path / "model", "embedded") == {"output": [[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]]}


def test_one_source_for_several_loaders(file, tmp_path):
    model = OwnFileOnly(numbers(file, name="left"))
    model.right = numbers(file, name="right")
    model(None)
    assert refused(model, tmp_path / "model", signatures=["baked"], source=file) == (
        "source=... names the files of one loader, but the model has 2: 'left', 'right'. Construct each of them with "
        "its own path."
    )


def test_one_input_for_loaders_of_different_sources(file, tmp_path):
    files = keras.Input(shape=(), dtype="string")
    both = [numbers(file)(files), numbers(tmp_path / "other.csv")(files)]
    model = keras.Model(files, keras.layers.Concatenate()(both))
    assert refused(model, tmp_path / "model", signatures=["baked"]) == (
        f"The model's one input feeds 2 loaders, which have different sources: {(str(file),)!r}, "
        f"{(str(tmp_path / 'other.csv'),)!r}. Pass source=... to say which is read."
    )
    tlo.export_saved_model(model, tmp_path / "model", signatures=["baked"], source=file)
    assert load(tmp_path / "model") == {"output": [[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]}


def test_two_inputs(file, tmp_path):
    files, other = (keras.Input(shape=(), dtype="string") for _ in range(2))
    model = keras.Model([files, other], keras.layers.Concatenate()([numbers(file)(files), numbers(file)(other)]))
    assert refused(model, tmp_path / "model") == (
        "An exported model takes one input, the paths. Received: a model with 2 inputs."
    )


def test_string_lookups(file, tmp_path):
    adapted = keras.layers.StringLookup()
    adapted.adapt(np.array(["Rome", "Rome", "Oslo"]))
    listed = keras.layers.StringLookup(vocabulary=["Oslo", "Rome"], output_mode="one_hot")
    files, table = columns()
    model = keras.Model(files, {"number": adapted(table["city"]), "one_hot": listed(table["city"])})
    tlo.export_saved_model(model, tmp_path / "model", signatures=["rows"])
    assert load(tmp_path / "model", rows=["Oslo,1", "Rome,2", "Bergen,3"]) == {
        "number": [2, 1, 0], "one_hot": [[0, 1, 0], [0, 0, 1], [1, 0, 0]],
    }  # fmt: skip


def test_hashing(file, tmp_path):
    files, table = columns()
    model = keras.Model(files, keras.layers.Hashing(num_bins=1000)(table["city"]))
    tlo.export_saved_model(model, tmp_path / "model", signatures=["path"])
    # FarmHash64 modulo 1000: what TensorFlow's own op says of these words.
    expected = tf.strings.to_hash_bucket_fast(["Oslo", "Rome", ""], 1000).numpy().tolist()
    assert load(tmp_path / "model", path=[str(file)]) == {"output": expected}


# Keras sometimes warns that a dict of the expected names is not the expected dict; the values tell.
@pytest.mark.filterwarnings("ignore:(?s).*The structure of `inputs` doesn't match:UserWarning")
def test_feature_space(file, tmp_path):
    space = keras.utils.FeatureSpace(
        {
            "city": keras.utils.FeatureSpace.string_categorical(num_oov_indices=1, output_mode="one_hot"),
            "size": keras.utils.FeatureSpace.float_normalized(),
        },
        output_mode="concat",
    )
    loader = tlo.CSVDataLoader(file, schema=SCHEMA, output="columns")
    space.adapt(loader.dataset(batch_size=2))
    encode = keras.Model(dict(space.get_inputs()), space.get_encoded_features())
    files, table = columns()
    model = keras.Model(files, encode(table))
    tlo.export_saved_model(model, tmp_path / "model", signatures=["rows"])
    (row,) = load(tmp_path / "model", rows=["Rome,2"])["output"]
    assert row[-1] == 0.0  # 2 is the mean
    assert sorted(row) == [0.0] * (len(row) - 1) + [1.0]


def test_weights_and_training(file, tmp_path):
    files = keras.Input(shape=(), dtype="string")
    model = keras.Model(files, keras.layers.Dense(1, kernel_initializer="ones")(numbers()(files)))
    tlo.export_saved_model(model, tmp_path / "before", signatures=["rows"])
    model.layers[-1].set_weights([np.array([[3.0]]), np.array([0.5])])
    tlo.export_saved_model(model, tmp_path / "after", signatures=["rows"])
    assert load(tmp_path / "before", rows=["x,2"]) == {"output": [[2.0]]}
    assert load(tmp_path / "after", rows=["x,2"]) == {"output": [[6.5]]}


def test_the_directory_is_readable_by_others(file, tmp_path):
    tlo.export_saved_model(numbers(file), tmp_path / "model", signatures=["rows"])
    assert (tmp_path / "model").stat().st_mode & 0o777 == 0o755
    assert sorted(os.listdir(tmp_path)) == ["data.csv", "model"]  # nothing temporary is left
