"""A SavedModel that was moved runs in TensorFlow's own command, which loads it as a TensorFlow 1 session."""

import sys
from pathlib import Path

import pytest

from .cases import CASES
from .cli import SIGNATURES, arguments, read
from .values import assert_same
from .workshop import run


@pytest.mark.parametrize("signature", SIGNATURES)
def test_run(background, case, signature):
    outputs = background["cli"].result()[f"{case.name}/{signature}"]
    assert_same(outputs, case.first.expected, case.tolerance)


@pytest.mark.parametrize("case", CASES[:1], ids=lambda case: case.name)
def test_the_command_itself(background, made, tmp_path):
    background["only_tensorflow"].result()  # the source that was exported is gone
    command = Path(sys.executable).with_name("saved_model_cli")
    run([str(command), *arguments(made, "embedded", tmp_path / "outputs")], tmp_path)
    assert_same(read(tmp_path / "outputs"), made.case.first.expected)
