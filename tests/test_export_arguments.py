"""Arguments of export_saved_model that are refused before anything is written, and what it exports by default."""

from __future__ import annotations

import pytest
import tensorflow as tf

import tf_loadops as tlo

SCHEMA = tlo.Schema([tlo.Column("x", "float32")])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"directory": "file:///m"}, "The directory is a local path; copy the SavedModel from there. "
                                     "Received: 'file:///m'."),
        ({"signatures": "path"}, "signatures is a sequence of names. Received: signatures='path'."),
    ],
    ids=["a URI", "a str"],
)  # fmt: skip
def test_refusals(tmp_path, arguments, message):
    with pytest.raises(tlo.LoadError) as error:
        tlo.export_saved_model(tlo.CSVDataLoader(schema=SCHEMA), **{"directory": tmp_path / "m", **arguments})
    assert str(error.value) == message
    assert list(tmp_path.iterdir()) == []


def test_rows_are_no_default_signature_where_bad_rows_are_skipped(tmp_path):
    tlo.export_saved_model(tlo.CSVDataLoader(schema=SCHEMA, on_bad_row="skip", engine="general"), tmp_path / "m")
    assert sorted(tf.saved_model.load(str(tmp_path / "m")).signatures) == ["path", "serving_default"]
