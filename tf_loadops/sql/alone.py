"""One read of a database at a time in a process, so that none loses its lock.

SQLite locks a database with POSIX locks. They belong to the process: when it closes a file, by whatever descriptor, all
its locks on that file are gone, and a writer elsewhere goes on in the middle of somebody's read. SQLite takes care of
that among its own connections. But guards, and the scan, open the file by TensorFlow's own means, and a connection that
is told that a file is immutable takes no such care. So each of these runs alone, and so does each query.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

_NAME = "tf_loadops_database_files"


def alone(function: Callable[[], Any]) -> Any:
    """Calls a graph function of nothing while no other such function runs in the process; they must not be nested.

    Args:
      function: returns a nest of tensors.

    Returns:
      The same nest.
    """
    mutex = tf.raw_ops.MutexV2(shared_name=_NAME)
    lock = tf.raw_ops.MutexLock(mutex=mutex)
    try:
        with tf.control_dependencies([lock]):
            out = function()
        with tf.control_dependencies([tensor.op for tensor in tf.nest.flatten(out)] if _in_graph() else []):
            end = tf.raw_ops.ConsumeMutexLock(mutex_lock=lock)
        with tf.control_dependencies([end] if _in_graph() else []):
            return tf.nest.map_structure(tf.identity, out)
    finally:
        # The lock lasts as long as its tensor, which an exception's traceback would keep.
        del lock


def _in_graph() -> bool:
    return not tf.executing_eagerly()
