"""Whether the code being traced will be compiled by XLA, where strings, and so refusals, do not exist."""

from __future__ import annotations

import tensorflow as tf


def compiling() -> bool:
    """Whether this is traced under `tf.function(jit_compile=True)`, at any depth."""
    if tf.executing_eagerly():
        return False
    graph = tf.compat.v1.get_default_graph()
    while graph is not None:
        context = graph._get_control_flow_context()
        while context is not None:
            if context.IsXLAContext():
                return True
            context = context.outer_context
        graph = getattr(graph, "outer_graph", None)
    return False
