"""PreprocessingDataLoader refuses columns that have no statistics."""

from __future__ import annotations

import pathlib

import pytest
import tensorflow as tf

import tf_loadops as tlo

SCHEMA = tlo.Schema([tlo.Column("a", "float64"), tlo.Column("b", "float64")])
CASES = {
    "a,b\n1,\n2,\n": "column 'b': all 2 values are missing, so it has no mean. Drop it, or fill it.",
    "a,b\n1,inf\n2,2\n": (
        "column 'b': holds an infinity, so it has no finite mean (smallest value 2, largest inf). "
        "Replace infinities, or make them NaN to count them as missing."
    ),
}


@pytest.mark.parametrize("text", list(CASES), ids=["all missing", "infinity"])
@pytest.mark.parametrize("in_graph", [False, True], ids=["eager", "graph"])
def test_a_column_without_statistics_is_named(tmp_path: pathlib.Path, text: str, in_graph: bool):
    file = tmp_path / "a.csv"
    file.write_text(text)
    layer = tlo.PreprocessingDataLoader(schema=SCHEMA)
    call = tf.function(layer) if in_graph else layer
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        call(tf.constant(str(file)))
    assert CASES[text] in error.value.message


def test_zero_rows_have_no_statistics_unless_they_are_allowed(tmp_path: pathlib.Path):
    file = tmp_path / "a.csv"
    file.write_text("a,b\n")
    result = tlo.PreprocessingDataLoader(schema=SCHEMA, allow_empty=True)(file)
    assert result.shape == (0, 2)
    assert result.dtype == tf.float32
