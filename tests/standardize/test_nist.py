"""Moments have the digits that NIST certifies, whichever way they are taken."""

import numpy as np
import pytest
import tensorflow as tf

import tf_loadops as tlo
from tests.standardize import nist
from tf_loadops import Moments
from tf_loadops.standardize import _sums


def one_batch(x):
    return Moments.of(x)


def in_graph(x):
    return tf.function(Moments.of)(tf.constant(x))


def compiled(x):
    return tf.function(Moments.of, jit_compile=True)(tf.constant(x))


def batches_of_7(x):
    m = Moments.zeros(1)
    for start in range(0, len(x), 7):
        m = m.update(x[start : start + 7])
    return m


def merged_as_a_tree(x):
    level = [Moments.of(x[start : start + 7]) for start in range(0, len(x), 7)]
    while len(level) > 1:
        level = [a.merge(b) for a, b in zip(level[::2], level[1::2], strict=False)] + level[len(level) & ~1 :]
    return level[0]


def dataset_reduce(x):
    return tf.data.Dataset.from_tensor_slices(x).batch(7).reduce(Moments.zeros(1), lambda m, batch: m.update(batch))


def weighted(x):
    return Moments.of(x, weights=np.ones(len(x)))


def with_missing(x):
    gaps = np.full([len(x), 1], np.nan)
    return Moments.of(np.reshape(np.concatenate([x, gaps], axis=1), [-1, 1]))


def adapted(x):
    layer = tlo.Standardize(ddof=1)
    layer.adapt(tf.data.Dataset.from_tensor_slices(x).batch(7))
    return layer.moments


WAYS = [
    one_batch, in_graph, compiled, batches_of_7, merged_as_a_tree, dataset_reduce, weighted, with_missing, adapted,
]  # fmt: skip


def _require_digits(name, moments):
    observations, mean, sd, least = nist.SETS[name]
    assert moments.count.numpy().tolist() == [observations]
    assert nist.digits(float(moments.mean[0]), mean) >= 14
    assert nist.digits(float(moments.std(ddof=1)[0]), sd) >= least


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("name", nist.SETS)
def test_certified_digits(name, way):
    x = np.array(nist.values(name), np.float64)[:, np.newaxis]
    _require_digits(name, way(x))


@pytest.mark.parametrize("name", nist.SETS)
def test_certified_digits_part_by_part(name, monkeypatch):
    monkeypatch.setattr(_sums, "_PART", 7)
    x = tf.constant(np.array(nist.values(name), np.float64)[:, np.newaxis])
    _require_digits(name, Moments(*tf.function(_sums._parts)(x, None, None)))


@pytest.mark.parametrize("name", nist.SETS)
def test_certified_digits_from_a_csv_file(name, tmp_path):
    file = tmp_path / "nist.csv"
    file.write_text("y\n" + "\n".join(nist.values(name)) + "\n")
    table = tlo.read_csv(str(file), tlo.Schema([tlo.Column("y", "float64")]))
    _require_digits(name, Moments.of(table.matrix(dtype=tf.float64)))


@pytest.mark.parametrize("name", nist.SETS)
def test_the_last_digit_does_not_depend_on_the_batches(name):
    x = np.array(nist.values(name), np.float64)[:, np.newaxis]
    whole, parts = Moments.of(x), merged_as_a_tree(x[::-1])
    np.testing.assert_allclose(parts.std(), whole.std(), rtol=1e-12)
    np.testing.assert_allclose(parts.mean, whole.mean, rtol=1e-15)
