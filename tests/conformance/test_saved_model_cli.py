"""A SavedModel that was moved runs in TensorFlow's own command, which loads it as a TensorFlow 1 session."""

import sys
from pathlib import Path

import pytest

from .cases import CASES
from .cli import arguments, read
from .values import assert_same
from .workshop import run


def test_paths(background, case):
    assert_same(background["cli"].result()[case.name], case.first.expected, case.tolerance)


@pytest.mark.parametrize("case", CASES[:1], ids=lambda case: case.name)
def test_embedded_source(background, made, tmp_path):
    background["only_tensorflow"].result()  # the source that was exported is gone
    command = Path(sys.executable).with_name("saved_model_cli")
    run([str(command), *arguments(made, "embedded", tmp_path / "outputs")], tmp_path)
    assert_same(read(tmp_path / "outputs"), made.case.first.expected)
