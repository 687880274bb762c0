"""A SavedModel that was moved runs in a C program, without Python."""

import os

import pytest

from .cases import MISSING
from .values import assert_same, said


@pytest.fixture
def results(background, case):
    results = background["c"].result()
    if results is None:
        reason = "there is no C compiler to build tests/conformance/client.c with"
        if os.environ.get("TLO_REQUIRE_CC") == "1":
            pytest.fail(f"TLO_REQUIRE_CC=1, but {reason}")
        pytest.skip(reason)
    return {key.partition("/")[2]: value for key, value in results.items() if key.startswith(f"{case.name}/")}


def test_paths(results, case):
    assert_same(results["path"]["outputs"], case.first.expected, case.tolerance)
    assert_same(results["two paths"]["outputs"], case.both, case.tolerance)


def test_embedded_source(results, made):
    assert not made.carried.exists()
    assert_same(results["embedded"]["outputs"], made.case.first.expected, made.case.tolerance)


def test_refusal(results, made):
    assert said(results["missing"]["error"]) == made.text_of(MISSING, made.carried)
    assert_same(results["path again"]["outputs"], made.case.first.expected, made.case.tolerance)
