"""Which ops a graph is made of, and whether plain TensorFlow has them all."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tensorflow.compiler.tf2xla.ops import gen_xla_ops

from tf_loadops.errors import LoadError

# Ops that call back into the Python process that made the graph.
_PYTHON = ("PyFunc", "PyFuncStateless", "EagerPyFunc")


def ops_of(function: Any) -> set[str]:
    """Names the ops of a concrete function and of all functions it calls.

    Args:
      function: a `tf.types.experimental.ConcreteFunction`.

    Returns:
      The ops' names.
    """
    graph = function.graph.as_graph_def()
    nodes = [node for called in graph.library.function for node in called.node_def]
    called = {f.signature.name for f in graph.library.function}
    return {node.op for node in [*graph.node, *nodes]} - called


def check_ops(function: Any, what: str, allow_custom_ops: bool) -> None:
    """Refuses Python code in a graph, and ops that plain TensorFlow does not have.

    Args:
      function: a concrete function.
      what: how the message calls it.
      allow_custom_ops: whether ops of loaded libraries are allowed.

    Raises:
      LoadError: naming the ops.
    """
    ops = ops_of(function)
    python = sorted(ops & set(_PYTHON))
    if python:
        raise LoadError(
            f"{what} holds {', '.join(python)}: Python code (tf.py_function, tf.numpy_function) that a SavedModel "
            "cannot carry. Write it with TensorFlow ops."
        )
    custom = sorted(op for op in ops if not op.startswith("_") and not _is_stock(op))
    if custom and not allow_custom_ops:
        raise LoadError(
            f"{what} holds {', '.join(custom)}: ops that plain TensorFlow does not have. Use the stock engine, or pass "
            "allow_custom_ops=True if the process that loads the model also loads their library."
        )


def _is_stock(op: str) -> bool:
    # `tf.raw_ops` leaves out the ops of the XLA bridge, which every TensorFlow has.
    return hasattr(tf.raw_ops, op) or hasattr(gen_xla_ops, op)
