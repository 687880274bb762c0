"""Graphs for eager callers: each part of a read is traced when it is first needed, and kept."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable
from typing import Any

import tensorflow as tf

Tensor = Any


def call(function: Callable[..., Any], *tensors: Tensor, static: tuple[Hashable, ...] = ()) -> Any:
    """Calls a graph function: inlined in a graph, as a graph of its own when called eagerly.

    Args:
      function: a module-level function of the tensors, followed by `static`.
      *tensors: tensors of known rank.
      static: what the graph depends on besides.

    Returns:
      What the function returns.
    """
    if not tf.executing_eagerly():
        return function(*tensors, *static)
    kinds = tuple((tensor.shape.rank, tensor.dtype) for tensor in tensors)
    return _graph(function, kinds, static, repr(static))(*tensors)  # repr: 0.0 equals -0.0, and they are two defaults


@functools.lru_cache(maxsize=256)
def _graph(
    function: Callable[..., Any], kinds: tuple[tuple[int, Any], ...], static: tuple[Hashable, ...], shown: str
) -> Any:
    del shown
    specs = [tf.TensorSpec([None] * rank, dtype) for rank, dtype in kinds]
    graph = tf.function(lambda *tensors: function(*tensors, *static), input_signature=specs, autograph=False)
    # The concrete function: TensorFlow would warn of retracing where callers just have several schemas.
    return graph.get_concrete_function()
