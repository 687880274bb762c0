"""What is exported holds no Python and no op that plain TensorFlow does not have."""

import pytest
import tensorflow as tf


@pytest.fixture
def ops(made):
    """The ops in saved_model.pb, of the graph and of every function in it."""
    graph = made.meta_graph.graph_def
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    return {node.op for node in nodes} - {function.signature.name for function in graph.library.function}


def test_no_python(ops):
    assert ops.isdisjoint({"PyFunc", "PyFuncStateless", "EagerPyFunc"})


def test_stock_ops_only(ops):
    assert not ops.isdisjoint({"ReadFile", "SqlDataset"})
    # What TensorFlow's C library has, but tf.raw_ops does not.
    xla = {"XlaDynamicSlice", "XlaDynamicUpdateSlice", "XlaOptimizationBarrier"}
    assert sorted(op for op in ops - xla if not hasattr(tf.raw_ops, op)) == []
    assert [op for op in ops if ">" in op] == []  # as tensorflow-io names its ops


def test_signatures(made):
    names = (*made.case.signatures, "serving_default")
    signatures = {name: made.meta_graph.signature_def[name] for name in names}
    inputs = {name: sorted(signature.inputs) for name, signature in signatures.items()}
    expected = {"path": ["path"], "rows": ["rows"], "baked": [], "embedded": [], "serving_default": ["path"]}
    assert inputs == {name: expected[name] for name in names}
    for signature in signatures.values():
        assert sorted(signature.outputs) == sorted(made.case.first.expected)
