"""Moments of several replicas made into one: exchanged in one collective and merged once each."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tf_loadops.errors import LoadError
from tf_loadops.standardize.moments import Moments

Tensor = Any


def merge_replicas(moments: Moments) -> Moments:
    """The moments of the rows of all replicas, the same on each; to be called inside `strategy.run`.

    Args:
      moments: the Moments of this replica's own rows.

    Returns:
      Moments of all rows, merged in the replicas' order; `moments` itself without a strategy.

    Raises:
      LoadError: if called outside of `strategy.run`, in the scope of a strategy.

    Example:
      >>> float(merge_replicas(Moments.of(tf.constant([[1.0], [3.0]]))).mean[0])
      2.0
    """
    (first, _), *others = from_replicas(moments, tf.constant(0))
    for other, _ in others:
        first = first.merge(other)
    return first


def from_replicas(moments: Moments, rows: Tensor) -> list[tuple[Moments, Tensor]]:
    """What each replica has, on every replica.

    Args:
      moments: the Moments of this replica's own rows.
      rows: their number, an integer scalar.

    Returns:
      `(moments, rows)` of each replica in order, rows as float64; one pair in the scope of a strategy of one replica.

    Raises:
      LoadError: if called outside of `strategy.run`, in the scope of a strategy of several replicas.

    Example:
      >>> len(from_replicas(Moments.zeros(1), tf.constant(0)))
      1
    """
    rows = tf.cast(rows, tf.float64)
    context = tf.distribute.get_replica_context()
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    if replicas == 1:
        return [(moments, rows)]
    if context is None:
        raise LoadError(
            f"The statistics of {replicas} replicas are merged inside strategy.run(...), where each has its own batch. "
            "Received: a call outside of it. Call strategy.run(layer.update, args=(batch,)), or layer.adapt(dataset)."
        )
    packed = tf.stack([*moments, tf.zeros_like(moments.count) + rows])
    # A sum in which each replica fills its own place, which is exact: the cheapest exchange there is, ragged or not.
    own = tf.equal(tf.range(replicas), context.replica_id_in_sync_group)[:, tf.newaxis, tf.newaxis]
    gathered = context.all_reduce(tf.distribute.ReduceOp.SUM, tf.where(own, packed, tf.zeros_like(packed)))
    parts = [tf.unstack(gathered[replica], num=len(moments) + 1) for replica in range(replicas)]
    return [(Moments(*fields), counts[0]) for *fields, counts in parts]


def worker_count() -> int:
    """The number of processes that the current strategy keeps in step; 1 without one."""
    strategy = tf.distribute.get_strategy()
    resolver = strategy.cluster_resolver
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy) or resolver is None:
        return 1
    return max(1, len(resolver.cluster_spec().as_dict().get("worker", [])) + ("chief" in resolver.cluster_spec().jobs))
