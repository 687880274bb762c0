"""adapt: every kind of source, one pass, progress, going on after an interruption, and what is refused."""

import json
import re

import numpy as np
import pytest
import tensorflow as tf

import tf_loadops as tlo
from tf_loadops import LoadError, Moments, Standardize
from tf_loadops.csv import stream

NAN = float("nan")
X = np.random.default_rng(4).normal([5, -1e4], [2, 0.5], (1000, 2))
X[3, 0] = NAN
WIDE = np.ma.masked_invalid(X.astype(np.longdouble))


def _require(layer, times=1):
    m = layer.moments
    assert m.count.numpy().tolist() == [999 * times, 1000 * times]
    assert m.missing.numpy().tolist() == [times, 0]
    np.testing.assert_allclose(m.mean, WIDE.mean(0).astype(float), rtol=1e-14)
    np.testing.assert_allclose(m.std(), WIDE.std(0).astype(float), rtol=1e-12)


class Loader:
    """Whatever has a `dataset` is a loader; one with a label yields pairs."""

    features = ("size", "price")

    def __init__(self, x):
        self.x = x

    def dataset(self, batch_size):
        return tf.data.Dataset.from_tensor_slices((self.x, np.zeros(len(self.x)))).batch(batch_size)


SOURCES = {
    "array": X,
    "list": X.tolist(),
    "tensor": tf.constant(X),
    "three axes": X.reshape(10, 100, 2),
    "dataset": tf.data.Dataset.from_tensor_slices(X).batch(33),
    "dataset of known shapes": tf.data.Dataset.from_tensor_slices(X).batch(50, drop_remainder=True),
    "loader": Loader(X),
    "moments": Moments.of(X),
}


@pytest.mark.parametrize("source", SOURCES)
def test_sources(source):
    layer = Standardize()
    layer.adapt(SOURCES[source], batch_size=64)
    _require(layer)


def test_paths(tmp_path):
    files = [tmp_path / "a.csv", tmp_path / "b.csv"]
    for file, part in zip(files, np.split(X, 2), strict=True):
        file.write_text("p,q\n" + "\n".join("" if v != v else f"{v!r},{w!r}" for v, w in part.tolist()) + "\n")
    files[0].write_text(files[0].read_text().replace("\n\n", f"\n,{float(X[3, 1])!r}\n"))
    layer = Standardize()
    layer.adapt(files)
    _require(layer)


def test_adapting_again_starts_anew_or_goes_on():
    layer = Standardize()
    layer.adapt(X[:10])
    layer.adapt(X)
    _require(layer)
    layer.adapt(X, reset=False)
    _require(layer, times=2)


def test_one_pass_only():
    seen = tf.Variable(0)

    def count(x):
        seen.assign_add(1)
        return x

    Standardize().adapt(tf.data.Dataset.from_tensor_slices(X).batch(100).map(count))
    assert seen.numpy() == 10


def test_going_on_after_an_interruption(tmp_path, monkeypatch):
    monkeypatch.setattr("tf_loadops.standardize.adapt._SECONDS_BETWEEN_SAVES", 0)
    monkeypatch.setattr("tf_loadops.standardize.sources._BURST_VALUES", 1)
    state, broken = tmp_path / "state.json", tf.Variable(True)

    def fail(i, x):
        bad = broken & tf.equal(i, 5)
        with tf.control_dependencies([tf.debugging.Assert(~bad, ["the disk is gone"])]):
            return tf.identity(x)

    dataset = tf.data.Dataset.from_tensor_slices(X).batch(100).enumerate().map(fail, num_parallel_calls=1)
    layer = Standardize()
    with pytest.raises(tf.errors.InvalidArgumentError, match="the disk is gone"):
        layer.adapt(dataset, state=state)
    assert not layer.built
    document = json.loads(state.read_text())
    assert (document["rows"], document["batches"]) == (500, 5)
    broken.assign(False)
    layer.adapt(dataset, state=state)
    _require(layer)
    assert not state.exists()


def test_going_on_in_an_array(tmp_path, monkeypatch):
    monkeypatch.setattr("tf_loadops.standardize.sources._ARRAY_VALUES", 1)
    state = tmp_path / "state.json"
    half = Moments.of(X[:500])
    fields = {name: [value.hex() for value in field.numpy().tolist()] for name, field in half._asdict().items()}
    document = {"rows": 500, "batches": 5, "unit": "batches of 100 rows", "moments": fields}
    state.write_text(json.dumps(document))
    layer = Standardize()
    layer.adapt(X, state=state, batch_size=100)
    _require(layer)
    state.write_text(json.dumps(document))
    with pytest.raises(LoadError) as refused:
        layer.adapt(X, state=state, batch_size=50)
    assert str(refused.value) == (
        f"{state}: counts batches of 100 rows, but this pass takes batches of 50 rows. Remove it, or go on as the pass "
        "that kept it."
    )
    assert json.loads(state.read_text()) == document


def test_state_files_of_something_else(tmp_path):
    state = tmp_path / "state.json"
    state.write_text("{}")
    with pytest.raises(LoadError) as refused:
        Standardize().adapt(X, state=state)
    assert str(refused.value) == f"{state}: is no state file of an earlier pass: 'moments'. Remove it."
    fields = {name: [0.0.hex()] for name in Moments._fields}
    state.write_text(json.dumps({"rows": 1, "batches": 1, "unit": "", "moments": fields}))
    with pytest.raises(LoadError) as refused:
        Standardize().adapt(X, state=state)
    assert str(refused.value) == (
        f"{state}: holds the statistics of 1 columns, but the source has 2. Remove it, or pass the source it belongs "
        "to."
    )


def test_progress(capfd):
    Standardize().adapt(X, verbose="auto")
    assert capfd.readouterr() == ("", "")
    Standardize().adapt(X, verbose=True)
    shown = re.sub(r"\s+", " ", capfd.readouterr().err)
    assert "adapt" in shown
    assert "1,000/1,000 rows" in shown
    assert "rows/s" in shown
    assert "0:00:00 left" in shown
    Standardize().adapt(SOURCES["dataset"], verbose=True)
    shown = capfd.readouterr().err
    assert "1,000 rows" in shown
    assert "left" not in shown
    Standardize().adapt(SOURCES["dataset"], verbose=True, rows=1000)
    assert "1,000/1,000 rows" in capfd.readouterr().err


def _refusal(source, **kwargs):
    layer = Standardize(**kwargs)
    with pytest.raises(LoadError) as refused:
        layer.adapt(source)
    assert not layer.built
    return str(refused.value)


def test_refusals():
    assert _refusal([1.0, 2.0]) == (
        "Statistics are taken of a matrix [rows, columns] of real numbers. Received: list, shape=(2,), dtype=float64."
    )
    assert _refusal(np.array([["a"]], object)) == (
        "Statistics are taken of a matrix [rows, columns] of real numbers. Received: ndarray, shape=(1, 1), "
        "dtype=string."
    )
    pairs = tf.data.Dataset.from_tensors((X[:, :1], X))
    assert _refusal(pairs) == (
        "Statistics are taken of a dataset of batches [rows, columns] with a known number of columns. Received "
        f"elements: {pairs.element_spec}. Map the dataset to the features, for example with ds.map(lambda x, y: x)."
    )
    assert _refusal(Loader(X * [1, NAN])) == (
        "column 'price': all 1000 values are missing, so it has no mean. Drop it, or fill it."
    )
    assert _refusal(Loader(X), names=["a", "b", "c"], name="z") == (
        "Standardize 'z': the layer has 3 columns ('a', 'b', 'c'). Received: 2 columns, shape=(None, 2). Pass the same "
        "columns in the same order."
    )


def write_table(path, x, quote=False):
    cells = ["" if v != v else repr(v) for v in x[:, 0].tolist()]
    names = [f'"row\n{i}"' if quote else f"row {i}" for i in range(len(x))]
    rows = [f"{a},{name},{b!r}" for a, name, b in zip(cells, names, x[:, 1].tolist(), strict=True)]
    path.write_text("p,name,q\n" + "\n".join(rows))
    return tlo.Schema([tlo.Column("p", "float64"), tlo.Column("name", "string"), tlo.Column("q", "float64")])


@pytest.mark.parametrize("quote", [False, True])
def test_a_file_is_read_in_parts(tmp_path, monkeypatch, quote):
    monkeypatch.setattr(stream, "BLOCK_BYTES", 10_000)
    schema = write_table(tmp_path / "a.csv", X, quote)
    assert len(list(stream.texts(str(tmp_path / "a.csv"), schema.dialect))) >= 4
    layer = Standardize()
    layer.adapt(tlo.CSVDataLoader(tmp_path / "a.csv", schema=schema, features=["p", "q"], dtype="float64"))
    _require(layer)


def test_a_refusal_in_a_later_part_names_the_line_of_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(stream, "BLOCK_BYTES", 1_000)
    path = tmp_path / "a.csv"
    path.write_text("p\n" + "".join(f"{i}.5\n" for i in range(800)) + "oops\n" + "1\n" * 300)
    loader = tlo.CSVDataLoader(path, schema=tlo.Schema([tlo.Column("p", "float64")]))
    layer = Standardize()
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        layer.adapt(loader)
    with pytest.raises(tf.errors.InvalidArgumentError) as expected:
        tlo.read_csv(path, loader.schema)
    assert error.value.message == expected.value.message
    assert error.value.message.startswith(f"{path}:802: column 'p': ")
    assert not layer.built


def test_a_part_without_a_good_row_is_no_mistake(tmp_path, monkeypatch):
    monkeypatch.setattr(stream, "BLOCK_BYTES", 100)
    path = tmp_path / "a.csv"
    path.write_text("p\n" + "1\n2\n3\n" * 40 + "bad\n" * 80 + "4\n" * 40)
    layer = Standardize()
    layer.adapt(tlo.CSVDataLoader(path, schema=tlo.Schema([tlo.Column("p", "float64")]), on_bad_row="skip"))
    assert layer.moments.count.numpy().tolist() == [160]
    assert layer.moments.mean.numpy().tolist() == [(40 * 6 + 160) / 160]


def test_a_missing_file_is_refused_as_by_the_reader(tmp_path):
    loader = tlo.CSVDataLoader(str(tmp_path / "no.csv"), schema=tlo.Schema([tlo.Column("p", "float64")]))
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        Standardize().adapt(loader)
    assert error.value.message == (
        f"{tmp_path}/no.csv: no such file. Check the path; a relative one starts at the working directory of the "
        "process."
    )


HEADER = ["a,b\n", "", "a,b\nx,1\ny,2\n", "\n\n\n\n"]


@pytest.mark.parametrize("text", HEADER)
@pytest.mark.parametrize("allow_empty", [False, True])
def test_a_file_without_a_row_is_refused_like_by_the_loader(tmp_path, text, allow_empty):
    good, other = tmp_path / "good.csv", tmp_path / "other.csv"
    good.write_text("a,b\n1,2\n3,4\n")
    other.write_text(text)
    schema = tlo.Schema([tlo.Column("a", "float64"), tlo.Column("b", "float64")])
    loader = tlo.CSVDataLoader([good, other], schema=schema, on_bad_row="skip", allow_empty=allow_empty)
    layer = Standardize()
    try:
        expected = loader.read().counts["rows"].numpy()
    except tf.errors.InvalidArgumentError as refusal:
        with pytest.raises(tf.errors.InvalidArgumentError) as error:
            layer.adapt(loader)
        assert error.value.message == refusal.message
        assert str(other) in refusal.message
    else:
        assert (allow_empty, expected) == (True, 2)
        layer.adapt(loader)
        assert layer.moments.mean.numpy().tolist() == [2, 3]


@pytest.mark.parametrize("name", ["a.csv\0b", "/dev/zero"])
def test_paths_that_are_no_files_are_refused(tmp_path, name):
    (tmp_path / "a.csv").write_text("p\n1\n2\n")
    loader = tlo.CSVDataLoader(str(tmp_path / name), schema=tlo.Schema([tlo.Column("p", "float64")]))
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        Standardize().adapt(loader)
    assert error.value.message.endswith(
        ": no regular file: it lies in /dev or /proc, or its name holds a NUL. Give the path of a file."
    )


def test_only_a_file_begins_with_marks(tmp_path, monkeypatch):
    monkeypatch.setattr(stream, "BLOCK_BYTES", 8)
    path = tmp_path / "a.csv"
    schema = tlo.Schema([tlo.Column("a", "float64"), tlo.Column("b", "float64")], dialect=tlo.Dialect(header=False))
    path.write_bytes(b"\xef\xbb\xbf1,2\n3,4\nx\x9c,6\n7,8\n")
    layer = Standardize()
    layer.adapt(tlo.CSVDataLoader(path, schema=schema, on_bad_row="skip"))
    assert layer.moments.count.numpy().tolist() == [3, 3]
    path.write_bytes(b"1,2\n3,4\n\xef\xbb\xbf5,6\n7,8\n")
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        layer.adapt(tlo.CSVDataLoader(path, schema=schema))
    with pytest.raises(tf.errors.InvalidArgumentError) as expected:
        tlo.CSVDataLoader(path, schema=schema).read()
    assert error.value.message == expected.value.message
    assert error.value.message.startswith(f"{path}:3: column 'a': ")


@pytest.mark.parametrize("source", [[[2**53 + 1, 1]], np.array([[1, 2], [2**60, 3]])], ids=["list", "array"])
@pytest.mark.parametrize("dataset", [False, True])
def test_integers_that_float64_would_round_are_refused_by_name(source, dataset):
    data = tf.data.Dataset.from_tensor_slices(source).batch(1) if dataset else source
    layer = Standardize(names=["id", "size"])
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        layer.adapt(data)
    assert error.value.message == (
        f"column 'id': the integer {np.max(source)} is beyond 2**53, where float64 no longer holds every integer. "
        "Subtract a constant from the column, or cast it to float64 if rounding is meant."
    )
