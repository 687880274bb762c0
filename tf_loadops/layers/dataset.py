"""Batches of rows out of whole files, for training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tf_loadops.errors import LoadError

Tensor = Any


def batches(
    paths: Tensor,
    load: Callable[[Tensor], Any],
    batch_size: int,
    shuffle: bool,
    seed: int | None,
    drop_remainder: bool,
) -> tf.data.Dataset:
    """Loads file after file and deals out their rows.

    Args:
      paths: string [files].
      load: from a scalar path to a nest of tensors [rows, ...].
      batch_size: rows per element; batches go on from one file into the next.
      shuffle: whether files, and rows within each, come in a new order in every pass.
      seed: makes the orders repeatable.
      drop_remainder: leave out a last batch with fewer rows.

    Returns:
      A dataset of batches.
    """
    if batch_size < 1:
        raise LoadError(f"batch_size is at least 1. Received: batch_size={batch_size!r}.")
    if paths.shape[0] == 0:
        raise LoadError("No path was given: the vector of paths is empty.")
    load = tf.autograph.experimental.do_not_convert(load)
    files = tf.data.Dataset.from_tensor_slices(paths)
    if shuffle:
        files = files.shuffle(tf.size(paths, out_type=tf.int64), seed=seed, reshuffle_each_iteration=True)
        draws = tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=True).batch(2, drop_remainder=True)
        order = tf.autograph.experimental.do_not_convert(lambda path, draw: _shuffled(load(path), draw))
        whole = tf.data.Dataset.zip((files, draws)).map(order)
    else:
        whole = files.map(load)
    # tf.data would spend up to a minute on the graph of a read before the first row, and finds nothing to improve.
    options = tf.data.Options()
    options.experimental_optimization.apply_default_optimizations = False
    return whole.rebatch(batch_size, drop_remainder=drop_remainder).prefetch(tf.data.AUTOTUNE).with_options(options)


def _shuffled(rows: Any, seed: Tensor) -> Any:
    count = tf.shape(tf.nest.flatten(rows)[0])[0]
    order = tf.random.experimental.stateless_shuffle(tf.range(count), seed=seed)
    return tf.nest.map_structure(lambda tensor: tf.gather(tensor, order), rows)
