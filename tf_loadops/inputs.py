"""What users pass as a source, and how a graph function of it is called."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any, TypeVar, cast

import tensorflow as tf

from tf_loadops.errors import LoadError, plainly

Tensor = Any
Tool = TypeVar("Tool", bound=Callable[..., Any])


def as_strings(value: Any) -> Tensor:
    """A string tensor of what users have: str, bytes, path-likes, lists of them, arrays, tensors."""
    if tf.is_tensor(value):
        return tf.ensure_shape(value, value.shape)
    if isinstance(value, (list, tuple)):
        value = [os.fspath(item) if isinstance(item, os.PathLike) else item for item in value]
        return tf.constant(value, tf.string, shape=[len(value)])
    return tf.constant(os.fspath(value) if isinstance(value, os.PathLike) else value, tf.string)


def run(function: Callable[..., Any], source: Tensor, *more: Any) -> Any:
    """Calls a function of a source; eager callers get a refusal's message and nothing else."""
    if source.shape.rank not in (0, 1):
        raise LoadError(
            f"A source is a string scalar or vector. Received: a tensor of shape {source.shape}. "
            "Give it a rank with tf.reshape or tf.ensure_shape."
        )
    if not tf.executing_eagerly():
        return function(source, *more)
    with plainly():
        return function(source, *more)


def at_once(tool: Tool) -> Tool:
    """Runs an eager tool eagerly also where a function is being traced, in which a loader may be made."""

    @functools.wraps(tool)
    def eager(*arguments: Any, **named: Any) -> Any:
        with tf.init_scope():
            return tool(*arguments, **named)

    return cast(Tool, eager)
