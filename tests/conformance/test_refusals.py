"""A refusal says the same, in full, eagerly, in a graph and from a SavedModel, and the next call works."""

import pytest
import tensorflow as tf

from .cases import CASES
from .values import assert_same, plain, said

REFUSED = [pytest.param(case, refusal, id=f"{case.name}-{refusal.name}") for case in CASES for refusal in case.refusals]


@pytest.mark.parametrize(("case", "refusal"), REFUSED)
def test_text(made, refusal):
    path = made.refused[refusal.name]
    ways = [
        (made.source, lambda path: made.model(made.path(path))),
        (made.source, lambda path: made.with_argument(made.path(path))),
        (made.carried, made.load_path),
    ]
    for own, call in ways:
        with pytest.raises(tf.errors.InvalidArgumentError) as caught:
            call(path)
        assert said(caught.value.message) == made.text_of(refusal, own)
        assert_same(plain(call(made.source)), made.case.first.expected, made.case.tolerance)
