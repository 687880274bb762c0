"""What statistics can be taken of: arrays, tensors, datasets, loaders, paths."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tf_loadops.csv.stream import BLOCK_BYTES
from tf_loadops.errors import LoadError
from tf_loadops.standardize._csv import estimated_rows, matrices
from tf_loadops.standardize._exact import exact_integers
from tf_loadops.standardize.moments import Moments
from tf_loadops.standardize.replicas import merge_replicas, worker_count

Step = tuple[Moments, int, int]


class Source(NamedTuple):
    """Rows to take statistics of, a part at a time.

    Attributes:
      columns: their number of columns.
      rows: about their number of rows, for the time left; None if not known beforehand.
      parts: given how many batches to skip, yields `(moments, rows, batches)` of the parts that follow, each a few
        million values large.
      names: the columns' names, None if not known.
      unit: what a batch is, so that a pass goes on only where one of the same batches stopped.
    """

    columns: int
    rows: int | None
    parts: Callable[[int], Iterator[Step]]
    names: list[str] | None = None
    unit: str = "batches of a dataset"


def open_source(
    source: Any, batch_size: int, rows: int | None = None, names: list[str] | None = None
) -> Source:
    """Finds out what `source` is.

    Args:
      source: a matrix [rows, columns] (array, tensor, or what `numpy.asarray` takes), a `tf.data.Dataset` of such
        batches, a loader (whatever has `dataset(batch_size=...)`), a path or list of paths of CSV files, or a dataset
        distributed by the current `tf.distribute` strategy.
      batch_size: the rows that are taken at once from an array or a loader; CSV files are read in parts of 16 MiB.
      rows: the number of rows, if the caller knows what the source cannot tell.
      names: the columns' names, for messages.

    Returns:
      The Source.

    Raises:
      LoadError: if it is none of these, or its elements are no [rows, columns] batches.

    Example:
      >>> open_source([[1.0], [2.0]], 10).rows
      2
    """
    if isinstance(source, tf.distribute.DistributedDataset):
        return _of_distributed(source, rows)
    workers = worker_count()
    if workers > 1:
        raise LoadError(
            f"{workers} workers take statistics together, so it must be plain who reads what. Pass "
            "strategy.experimental_distribute_dataset(dataset), or Moments that are the same on every worker. "
            f"Received: {type(source).__name__}."
        )
    if isinstance(source, tf.data.Dataset):
        fix = "Map the dataset to the features, for example with ds.map(lambda x, y: x)."
        return _of_dataset(source, rows, names, fix)
    if _is_path(source):
        from tf_loadops.layers.csv import CSVDataLoader

        # Every number fits float64, so that the first rows tell enough; text further on is refused with its line.
        source = CSVDataLoader(source, dtype="float64", sample_rows=_SAMPLE_ROWS)
    if _is_csv_loader(source):
        return _of_csv(source, rows)
    if callable(getattr(source, "dataset", None)):
        dataset = source.dataset(batch_size=batch_size)
        if isinstance(dataset.element_spec, tuple) and len(dataset.element_spec) == 2:
            dataset = dataset.map(lambda x, y: x)  # a loader with a label yields (features, label)
        names = names or getattr(source, "features", None)
        opened = _of_dataset(dataset, rows, names, 'Use a loader with output="matrix".')
        return opened._replace(names=names, unit=f"batches of {batch_size} rows")
    return _of_array(source, batch_size, names)


def _is_path(source: Any) -> bool:
    if isinstance(source, (str, os.PathLike)):
        return True
    return isinstance(source, (list, tuple)) and bool(source) and all(isinstance(s, (str, os.PathLike)) for s in source)


def _is_csv_loader(source: Any) -> bool:
    from tf_loadops.layers.csv import CSVDataLoader

    # A subclass may make other numbers of what it reads.
    return type(source) is CSVDataLoader and source.output_kind == "matrix" and source.source is not None


def _of_csv(loader: Any, rows: int | None) -> Source:
    def parts(skip: int) -> Iterator[Step]:
        for load in itertools.islice(matrices(loader), skip, None):
            x, _ = load()
            yield Moments.of(x), x.shape[0], 1

    unit = f"parts of {BLOCK_BYTES >> 20} MiB"
    return Source(len(loader.features), rows or estimated_rows(loader), parts, loader.features, unit)


def _of_array(source: Any, batch_size: int, names: list[str] | None) -> Source:
    x = source if isinstance(source, (np.ndarray, tf.Tensor)) else np.asarray(source)
    if len(x.shape) < 2 or not (tf.as_dtype(x.dtype).is_floating or tf.as_dtype(x.dtype).is_integer or x.dtype == bool):
        raise LoadError(
            "Statistics are taken of a matrix [rows, columns] of real numbers. "
            f"Received: {type(source).__name__}, shape={tuple(x.shape)}, dtype={tf.as_dtype(x.dtype).name}."
        )

    if len(x.shape) > 2:
        x = (np if isinstance(x, np.ndarray) else tf).reshape(x, [-1, x.shape[-1]])
    size = max(batch_size, _ARRAY_VALUES // max(x.shape[-1], 1))

    def parts(skip: int) -> Iterator[Step]:
        for start in range(skip * size, len(x), size):
            piece = x[start : start + size]
            yield Moments.of(exact_integers(tf.convert_to_tensor(piece), names)), len(piece), 1

    return Source(x.shape[-1], len(x), parts, unit=f"batches of {size} rows")


def _of_dataset(dataset: Any, rows: int | None, names: Sequence[str] | None, fix: str) -> Source:
    spec = dataset.element_spec
    if not isinstance(spec, tf.TensorSpec) or spec.shape.rank is None or spec.shape.rank < 2 or spec.shape[-1] is None:
        raise LoadError(
            "Statistics are taken of a dataset of batches [rows, columns] with a known number of columns. "
            f"Received elements: {spec}. {fix}"
        )

    shown = names and tuple(names)

    def parts(skip: int) -> Iterator[Step]:
        iterator = iter(dataset.skip(skip))
        burst = tf.constant(_BURST_VALUES, tf.int64)
        more = True
        while more:
            moments, done, batches, more = _burst(iterator, Moments.zeros(spec.shape[-1]), burst, shown)
            yield Moments(*moments), int(done), int(batches)

    return Source(spec.shape[-1], rows, parts)


def _of_distributed(dataset: Any, rows: int | None) -> Source:
    strategy = tf.distribute.get_strategy()
    columns = {spec.shape[-1] for spec in tf.nest.flatten(_component_specs(dataset)) if spec.shape.rank}
    if len(columns) != 1 or None in columns:
        raise LoadError(
            "Statistics are taken of a distributed dataset of batches [rows, columns] with a known number of columns. "
            f"Received elements: {dataset.element_spec}. Map the dataset to the features before distributing it."
        )
    (width,) = columns

    @tf.function
    def add(total: Any, batch: Any) -> Any:
        return strategy.run(lambda total, x: total.update(x), args=(total, batch))

    @tf.function
    def end(total: Any) -> Any:
        return strategy.run(merge_replicas, args=(total,))

    def parts(skip: int) -> Iterator[Step]:
        if skip:
            raise LoadError("A pass over a distributed dataset cannot go on from a state file. Remove the file.")
        total = strategy.run(lambda: Moments.zeros(width))
        for batch in dataset:
            total = add(total, batch)
        merged = Moments(*(strategy.experimental_local_results(field)[0] for field in end(total)))
        yield merged, 0, 0

    return Source(width, rows, parts)


def _component_specs(dataset: Any) -> Any:
    spec = dataset.element_spec
    return getattr(spec, "_component_specs", spec)


_ARRAY_VALUES = 1 << 26
_SAMPLE_ROWS = 10_000
_BURST_VALUES = 1 << 22


@tf.function
def _burst(iterator: Any, moments: Moments, most_values: Any, names: tuple[str, ...] | None) -> Any:
    """Takes batches until a few million values are through, so that the host is asked for little and often enough."""

    def go_on(more: Any, values: Any, *_: Any) -> Any:
        return more & (values < most_values)

    def step(more: Any, values: Any, rows: Any, batches: Any, moments: Moments) -> Any:
        following = iterator.get_next_as_optional()

        def take() -> Any:
            x = exact_integers(following.get_value(), names)
            size = tf.size(x, tf.int64)
            return True, values + size, rows + tf.shape(x, tf.int64)[0], batches + 1, moments.update(x)

        return tf.cond(following.has_value(), take, lambda: (False, values, rows, batches, moments))

    zero = tf.constant(0, tf.int64)
    more, _, rows, batches, moments = tf.while_loop(go_on, step, (True, zero, zero, zero, moments))
    return moments, rows, batches, more
