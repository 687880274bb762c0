"""What walks over the bytes of a page: windows of a fixed size, and programs that are compiled for that size once.

Where the next item begins is known only when this one is read, so no parallel op can find all items of a page. A loop
that XLA compiles does in tens of nanoseconds a step what TensorFlow's own does in ten microseconds. But XLA compiles
anew for each shape, so a plain loop around it cuts the page into windows of one size, and hands on where the last one
ended.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable
from typing import Any

import tensorflow as tf
from tensorflow.compiler.tf2xla.python import xla as tfxla

from tf_loadops.compiled import always_graph, xla

Tensor = Any


def window(data: Tensor, at: Tensor, size: int) -> Tensor:
    """Cuts bytes out of a page, filled up with zeros behind its end.

    Args:
      data: string scalar, the page.
      at: int32 scalar, not negative, where the window begins.
      size: how many bytes it has.

    Returns:
      uint8 [size].

    Example:
      >>> window(tf.constant("abc"), tf.constant(1), 4).numpy().tolist()
      [98, 99, 0, 0]
    """
    piece = tf.strings.substr(data, tf.minimum(at, tf.strings.length(data)), size)
    return tf.ensure_shape(tf.io.decode_raw(piece, tf.uint8, fixed_length=size), [size])


def program(build: Callable[..., Callable[..., Any]], *static: Hashable) -> Callable[..., Any]:
    """A program of tensors of static shapes, compiled once in a process, or run op by op without `xla()`.

    Args:
      build: a module-level function of `static` that returns the program as a graph function.
      *static: what the program depends on.

    Returns:
      The program.
    """
    return _program(build, static, xla())


@functools.lru_cache(maxsize=64)
def _program(build: Callable[..., Callable[..., Any]], static: tuple[Hashable, ...], compiled: bool) -> Any:
    return always_graph(tf.function(build(*static), jit_compile=compiled or None, autograph=False))


def get(buffer: Tensor, at: Tensor, size: int) -> Tensor:
    """Reads a piece of a buffer.

    Args:
      buffer: [n].
      at: int32 scalar, where the piece begins.
      size: how many elements it has; they are in the buffer.

    Returns:
      [size], of the same dtype.
    """
    if xla():
        # Not `tf.slice`: where that begins at what depends on an argument, XLA compiles anew for each value of it. And
        # not `tf.gather`: with one in it, XLA would take a step for a large one, and run it op by op.
        return tfxla.dynamic_slice(buffer, tf.reshape(at, [1]), tf.constant([size]))
    return tf.slice(buffer, [at], [size])


def item(buffer: Tensor, at: Tensor) -> Tensor:
    """Reads one element of a buffer, as `get` reads several."""
    return tf.reshape(get(buffer, at, 1), [])


def put(buffer: Tensor, piece: Tensor, at: Tensor) -> Tensor:
    """Writes a piece into a buffer, in place if this is the buffer's last use.

    Args:
      buffer: uint8 [n].
      piece: uint8 [k].
      at: int32 scalar, where the piece goes; it fits.

    Returns:
      uint8 [n].
    """
    if xla():
        # Were the piece read from this very buffer in the same fused loop, XLA would copy the buffer on each step.
        (piece,) = tfxla.optimization_barrier(piece)
        return tfxla.dynamic_update_slice(buffer, piece, tf.reshape(at, [1]))
    places = at + tf.range(tf.size(piece))
    return tf.tensor_scatter_nd_update(buffer, places[:, None], piece)
