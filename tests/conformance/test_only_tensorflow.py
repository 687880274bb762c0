"""A SavedModel that was moved does the same in a process that has TensorFlow and nothing else, and is deterministic."""

import pytest

from .cases import MISSING
from .values import assert_same, said


@pytest.fixture
def results(background, case):
    results = background["only_tensorflow"].result()
    return {key.partition("/")[2]: value for key, value in results.items() if key.startswith(f"{case.name}/")}


def test_paths(results, case):
    assert_same(results["path"]["outputs"], case.first.expected, case.tolerance)
    assert_same(results["two paths"]["outputs"], case.both, case.tolerance)


def test_rows(results, case):
    if case.rows is None:
        pytest.skip("this source has no rows of text")
    assert_same(results["rows"]["outputs"], case.rows_expected, case.tolerance)


def test_baked_path_is_read_on_every_call(results, made):
    case = made.case
    assert_same(results["baked"]["outputs"], case.first.expected, case.tolerance)
    assert_same(results["baked, rewritten"]["outputs"], case.second.expected, case.tolerance)
    assert said(results["baked, removed"]["error"]) == MISSING.text.replace("{path}", str(made.carried))


def test_embedded_source_outlives_the_original(results, made):
    assert not made.carried.exists()
    assert_same(results["embedded"]["outputs"], made.case.first.expected, made.case.tolerance)


def test_refusals(results, made):
    for refusal in made.case.refusals:
        assert said(results[refusal.name]["error"]) == made.text_of(refusal, made.carried), refusal.name
    assert_same(results["path again"]["outputs"], made.case.first.expected, made.case.tolerance)
