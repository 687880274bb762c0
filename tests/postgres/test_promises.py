"""The promises of tests/conformance that can hold for what reads a server, in each of the ways to call it.

Those that cannot: its ops are tensorflow-io's, so neither `saved_model_cli`, nor a C program, nor a process with
TensorFlow alone runs them; and no export carries a server's rows.
"""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from conformance.values import said

import tf_loadops as tlo

pytestmark = pytest.mark.io

FIRST, SECOND = [[1.5, 3.0], [np.nan, 16777216.0]], [[-2.0, 0.0], [0.5, 7.0], [4.0, 4.0]]
WRITE = "DELETE FROM promised; INSERT INTO promised VALUES "
FIRST_ROWS, SECOND_ROWS = "(1, 1.5, 3), (2, NULL, 16777217)", "(1, -2, 0), (2, 0.5, 7), (3, 4, 4)"
BAD_ROWS = "(1, 1, 1), (2, 1e39, 2)"
SCHEMA = tlo.Schema([tlo.Column("a", "float32"), tlo.Column("b", "float32")])


class Made:
    """A loader with its own address, and every way to call it."""

    def __init__(self, server, folder):
        server.sql("CREATE TABLE promised (id int, a float8, b int)")
        server.sql(WRITE + FIRST_ROWS)
        query = "SELECT a, b FROM promised WHERE id > :after ORDER BY id"
        self.loader = loader = tlo.DatabaseDataLoader(server.dsn, query, schema=SCHEMA, params={"after": 0})
        address = keras.Input(shape=(), dtype="string", name="address")
        model = keras.Model(address, loader(address))
        model.save(folder / "model.keras")
        tlo.export_saved_model(loader, folder / "saved", signatures=("path", "baked"), allow_custom_ops=True)
        signatures = tf.saved_model.load(folder / "saved").signatures
        spec, dsn = [tf.TensorSpec([], tf.string)], tf.constant(server.dsn)
        with_argument = tf.function(lambda address: loader(address), input_signature=spec, autograph=False)
        from_file, clone = keras.models.load_model(folder / "model.keras"), keras.models.clone_model(model)
        again = tlo.DatabaseDataLoader.from_config(json.loads(json.dumps(loader.get_config())))
        self.ways = {
            "eager": lambda: loader(None),
            "eager, with an address": lambda: loader(dsn),
            "graph": tf.function(lambda: loader(None), input_signature=[], autograph=False),
            "graph with an argument": lambda: with_argument(dsn),
            "outer graph with a constant": tf.function(lambda: with_argument(dsn), input_signature=[], autograph=False),
            "config": lambda: again(None),
            ".keras file": lambda: from_file(dsn[None]),
            "clone": lambda: clone(dsn[None]),
            "SavedModel, path": lambda: signatures["path"](path=dsn[None])["output"],
            "SavedModel, baked": lambda: signatures["baked"]()["output"],
        }


@pytest.fixture(scope="module")
def made(server, tmp_path_factory):
    return Made(server, tmp_path_factory.mktemp("promises"))


def test_calls_agree_and_are_fresh(server, made):
    for rows, expected in ((FIRST_ROWS, FIRST), (SECOND_ROWS, SECOND), (FIRST_ROWS, FIRST)):
        server.sql(WRITE + rows)
        for way, call in made.ways.items():
            np.testing.assert_array_equal(call(), np.array(expected, np.float32), err_msg=way)


def test_a_refusal_says_the_same_and_the_next_call_works(server, made):
    text = (
        f"{server.where}: row 2, column 'a': a double precision 1e+39 is out of range for float32. Declare a wider "
        'dtype, correct the value, or pass on_bad_row="skip" or "null".'
    )
    for way, call in made.ways.items():
        server.sql(WRITE + BAD_ROWS)
        with pytest.raises(tf.errors.InvalidArgumentError) as caught:
            call()
        assert said(caught.value.message) == text, way
        server.sql(WRITE + FIRST_ROWS)
        np.testing.assert_array_equal(call(), np.array(FIRST, np.float32), err_msg=way)
