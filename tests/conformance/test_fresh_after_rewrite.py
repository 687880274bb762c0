"""A source that changed gives other values on the next call, whatever was compiled before."""

import contextlib

import pytest
import tensorflow as tf

from .cases import CASES
from .values import assert_same, plain


@contextlib.contextmanager
def rewritten(made):
    try:
        yield made.case.second.write(made.source.parent)
    finally:
        made.case.first.write(made.source.parent)


WAYS = {
    "eager": lambda made: made.model(made.path(made.source)),
    "own path": lambda made: made.model(None) if made.case.takes_none else made.model(made.path(made.source)),
    "graph with an argument": lambda made: made.with_argument(made.path(made.source)),
    "graph with a constant": lambda made: made.with_constant(),
    "outer graph with a constant": lambda made: made.with_outer_constant(),
    "loaded signature": lambda made: made.load_path(made.source),
}


@pytest.mark.parametrize("way", WAYS)
def test_second_state_is_seen(unread, way):
    assert_fresh(unread, WAYS[way])


@pytest.mark.parametrize("case", CASES[:1], ids=lambda case: case.name)
def test_graph_around_a_loaded_signature(unread):
    outer = tf.function(lambda: unread.load_path(unread.source), input_signature=[], autograph=False)
    assert_fresh(unread, lambda made: outer())


def assert_fresh(made, call):
    assert_same(plain(call(made)), made.case.first.expected, made.case.tolerance)
    with rewritten(made) as path:
        assert path == made.source
        assert_same(plain(call(made)), made.case.second.expected, made.case.tolerance)
    assert_same(plain(call(made)), made.case.first.expected, made.case.tolerance)
