"""check_moments refuses what nobody should standardize with, by column name and with the same text in every mode."""

import pytest
import tensorflow as tf

from tests.standardize.refused import text_of as _text
from tf_loadops import LoadError, Moments, Standardize
from tf_loadops.standardize import check_moments

NAN, INF = float("nan"), float("inf")
NAMES = ["size", "price"]

CASES = {
    "no rows": ([], None, "There are no rows to take statistics of. Pass at least one row."),
    "all missing": (
        [[1.0, NAN], [2.0, NAN]],
        None,
        "column 'price': all 2 values are missing, so it has no mean. Drop it, or fill it.",
    ),
    "infinity": (
        [[1.0, 3.5], [2.0, -INF]],
        None,
        "column 'price': holds an infinity, so it has no finite mean (smallest value -inf, largest 3.5). Replace "
        "infinities, or make them NaN to count them as missing.",
    ),
    "too large": (
        [[1e200, 1.0], [-1e200, 2.0]],
        None,
        "column 'size': values from -1e+200 to 1e+200 are too large for their squares to be summed in float64. Divide "
        "the column by a constant first.",
    ),
    "bad weight": (
        [[1.0, 1.0], [2.0, 2.0]],
        [1.0, -1.0],
        "column 'size': weights are not negative and not NaN, but at least one is. Correct it.",
    ),
}


def _rows(rows):
    return tf.reshape(tf.constant(rows, tf.float64), [-1, 2])


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("mode", ["eager", "graph"])
def test_refusals(case, mode):
    rows, weights, text = CASES[case]
    check = lambda x: check_moments(Moments.of(x, weights), NAMES)  # noqa: E731
    check = check if mode == "eager" else tf.function(check)
    with pytest.raises(tf.errors.InvalidArgumentError) as refused:
        check(_rows(rows))
    assert _text(refused.value) == text


@pytest.mark.parametrize("case", [case for case in CASES if CASES[case][1] is None])
def test_the_layer_refuses_with_the_same_text(case):
    rows, _, text = CASES[case]
    adapted = Standardize(names=NAMES)
    with pytest.raises(LoadError) as refused:
        adapted.adapt(_rows(rows))
    assert str(refused.value) == text
    layer = Standardize("call", names=NAMES)
    for call in (layer, tf.function(layer)):
        with pytest.raises(tf.errors.InvalidArgumentError) as refused:
            call(_rows(rows))
        assert _text(refused.value) == text


def test_columns_without_names_are_numbered():
    with pytest.raises(tf.errors.InvalidArgumentError) as refused:
        check_moments(Moments.of(_rows([[1.0, NAN]])))
    assert _text(refused.value) == (
        "column 1: all 1 values are missing, so it has no mean. Drop it, or fill it."
    )


def test_names_are_one_for_each_column():
    with pytest.raises(LoadError) as refused:
        check_moments(Moments.zeros(2), ["a"])
    assert str(refused.value) == "names has one name for each of the 2 columns. Received: 1 names."


def test_good_moments_pass_unchanged():
    m = Moments.of(_rows([[1.0, 2.0], [3.0, NAN]]))
    for check in (check_moments, tf.function(check_moments)):
        assert [field.numpy().tolist() for field in check(m)] == [field.numpy().tolist() for field in m]


@pytest.mark.parametrize("value", [2**53 + 1, -(2**53) - 1])
@pytest.mark.parametrize("graph", [False, True])
def test_integers_that_float64_would_round_are_refused(value, graph):
    x = tf.constant([[1, 2], [3, value]], tf.int64)
    layer = Standardize("call", names=["size", "id"])
    for call, column in ((Moments.of, "column 1"), (layer, "column 'id'")):
        with pytest.raises(tf.errors.InvalidArgumentError) as error:
            (tf.function(call, autograph=False) if graph else call)(x)
        assert (
            f"{column}: the integer {value} is beyond 2**53, where float64 no longer holds every integer. "
            "Subtract a constant from the column, or cast it to float64 if rounding is meant."
        ) in error.value.message
    assert Moments.of(tf.constant([[2**53], [-(2**53)]], tf.int64)).max.numpy().tolist() == [2.0**53]
    assert Moments.of(x, validity=tf.constant([[True, True], [True, False]])).max.numpy().tolist() == [3.0, 2.0]
