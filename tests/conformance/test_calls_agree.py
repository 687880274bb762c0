"""A loader gives the same eagerly and in every kind of graph."""

import tensorflow as tf

from .values import assert_same, plain


def test_eager(made):
    assert_same(plain(made.model(made.path(made.source))), made.case.first.expected, made.case.tolerance)
    if made.case.takes_none:
        assert_same(plain(made.model(None)), made.case.first.expected, made.case.tolerance)


def test_graphs(made, background):
    expected, tolerance = made.case.first.expected, made.case.tolerance
    assert_same(plain(made.with_argument(made.path(made.source))), expected, tolerance)
    assert_same(plain(made.with_constant()), expected, tolerance)
    assert_same(plain(made.with_outer_constant()), expected, tolerance)


def test_files_behind_one_another(made):
    both = tf.constant([str(made.source), str(made.second)])
    assert_same(plain(made.model(both)), made.case.both, made.case.tolerance)
