"""Standardize: the Keras layer that holds moments as weights, or takes them of the data at hand."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tf_loadops.arguments import one_of
from tf_loadops.errors import LoadError, refuse_unless
from tf_loadops.standardize._exact import exact_integers
from tf_loadops.standardize._xla import compiling
from tf_loadops.standardize.adapt import moments_of, require
from tf_loadops.standardize.checks import check_moments
from tf_loadops.standardize.moments import Moments
from tf_loadops.standardize.replicas import from_replicas
from tf_loadops.standardize.sources import open_source
from tf_loadops.standardize.transform import MISSING, standardize, unstandardize

Tensor = Any
MODES = ("call", "adapted", "running")
_START = {"min": float("inf"), "max": -float("inf")}  # of no values; the other fields start at 0

# Concurrent first calls would each add the weights (Keras does not guard `build`).
_BUILDING = threading.RLock()


@keras.saving.register_keras_serializable(package="tf_loadops")
class Standardize(keras.layers.Layer):
    """Brings each column to mean 0 and standard deviation 1, with statistics kept exactly, in float64.

    The statistics are those of the data in each call (`mode="call"`), those taken once by `adapt` and then frozen
    (`"adapted"`), or those of everything seen in training so far (`"running"`: a call with `training=True` first adds
    its batch to the statistics, one without only uses them). Without statistics the layer refuses; it never passes data
    through unchanged. Under `jit_compile`, where nothing can be refused at run time, the result is NaN instead.

    Args:
      mode: "call", "adapted" or "running".
      missing: what a NaN becomes: "mean" for the mean, which is 0 in the output, or "keep" for NaN.
      indicator: whether to append, for each column, another one that is 1 where its value is missing and 0 elsewhere.
      ddof: what is taken from the count in the variance's denominator: 0 as in NumPy and scikit-learn, 1 for the
        estimate from a sample.
      half_life: in mode "running", the number of rows after which a row counts half; None to forget nothing. How the
        rows are batched makes no difference to it.
      names: the columns' names, for messages.
      **kwargs: `name`, `dtype` and `trainable`, as for every Keras layer.

    Input: [..., columns] of any real dtype, not cast beforehand. Output: float32, [..., columns], or [..., 2 * columns]
    with indicators.

    Raises:
      LoadError: if an argument is none of these, the number of columns is another one than before, or, from the eager
        methods, the data cannot be standardized.
      tf.errors.InvalidArgumentError: at run time, with the same text, from calls.

    Example:
      >>> layer = Standardize()
      >>> layer.adapt([[1.0, 5.0], [3.0, 5.0]])
      >>> layer(tf.constant([[1.0, 5.0], [5.0, float("nan")]])).numpy().tolist()
      [[-1.0, 0.0], [3.0, 0.0]]
    """

    def __init__(
        self,
        mode: str = "adapted",
        *,
        missing: str = "mean",
        indicator: bool = False,
        ddof: float = 0,
        half_life: float | None = None,
        names: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        one_of(MODES, mode=mode)
        one_of(MISSING, missing=missing)
        if not ddof >= 0:
            raise LoadError(f"ddof is a number that is not negative. Received: ddof={ddof!r}.")
        if half_life is not None and (mode != "running" or not half_life > 0):
            raise LoadError(
                f'half_life is a positive number of rows, in mode="running". Received: {half_life=}, {mode=}.'
            )
        self.mode, self.missing, self.indicator, self.ddof, self.half_life = mode, missing, indicator, ddof, half_life
        self.names = None if names is None else list(names)
        self._statistics: list[Any] = []

    def build(self, input_shape: Any) -> None:
        """Adds the seven float64 weights, unless the mode needs none.

        Args:
          input_shape: the input's shape; its last axis is known.

        Raises:
          LoadError: if it is not.
        """
        columns = input_shape[-1] if input_shape is not None and len(input_shape) > 1 else None
        if columns is None:
            raise LoadError(
                f"Standardize {self.name!r}: the input is [rows, columns], with a known number of columns. "
                f"Received: shape={_shown(input_shape)}."
            )
        self._require(columns, input_shape)
        if self.mode == "call" or self._statistics:
            return
        for field in Moments._fields:
            initializer = keras.initializers.Constant(_START.get(field, 0.0))
            self._statistics.append(
                self.add_weight(
                    shape=(columns,),
                    initializer=initializer,
                    dtype="float64",
                    trainable=False,
                    autocast=False,
                    aggregation="only_first_replica",
                    name=field,
                )
            )

    @tf.autograph.experimental.do_not_convert
    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Calls the layer, with the weights added once however many threads call first."""
        shape = getattr(inputs, "shape", None)
        if shape is not None and getattr(shape, "rank", 0) is not None:
            self._build_once(tuple(shape))
            self._require(shape[-1], shape)  # here rather than in `call`, where Keras would wrap the message
        return super().__call__(inputs, *args, **kwargs)

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """Standardizes `inputs`; in mode "running" and with `training=True`, after adding them to the statistics."""
        inputs = exact_integers(inputs, self.names)
        if self.mode == "call":
            moments = Moments.of(inputs)
            moments = moments if compiling() else check_moments(moments, self.names)
        elif self.mode == "running" and training:
            moments = self.update(inputs)
        else:
            moments = self._ready()
        return standardize(inputs, moments, missing=self.missing, indicator=self.indicator, ddof=self.ddof)

    def compute_output_spec(self, inputs: Any, training: bool | None = None) -> Any:
        """The output's shape and dtype."""
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), dtype="float32")

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """The output's shape."""
        columns = input_shape[-1]
        return (*input_shape[:-1], columns * 2 if self.indicator and columns is not None else columns)

    @property
    def moments(self) -> Moments:
        """The statistics as they are now."""
        self._require_statistics("moments")
        if not self._statistics:
            raise LoadError(self._unready())
        return Moments(*(tf.convert_to_tensor(weight.value) for weight in self._statistics))

    def adapt(
        self,
        x: Any,
        *,
        reset: bool = True,
        batch_size: int = 65536,
        rows: int | None = None,
        state: str | os.PathLike[str] | None = None,
        verbose: bool | str = "auto",
    ) -> None:
        """Takes the statistics of a whole source, in one pass and bounded memory; changes nothing if it is refused.

        Args:
          x: a matrix [rows, columns], a `tf.data.Dataset` of such batches, a loader (whatever has
            `dataset(batch_size=...)`), a path or list of paths of CSV files, a dataset distributed by the current
            `tf.distribute` strategy, or ready-made `Moments`.
          reset: whether to forget earlier statistics first; False adds to them.
          batch_size: the rows taken at once from an array or a loader; CSV files are read in parts of 16 MiB.
          rows: the number of rows to expect, for the time left, where the source does not tell.
          state: a file in which the statistics so far are kept during the pass, so that a second `adapt` with the same
            source and file goes on where the first was interrupted. It is removed at the end.
          verbose: True for a progress bar, False for none, "auto" for one if stderr is a terminal.

        Raises:
          LoadError: if the source is of no known kind, has no rows, or another number of columns than before; or if a
            column has only missing values or holds an infinity.
          tf.errors.InvalidArgumentError: if a file cannot be read, or an integer is beyond 2**53.
        """
        self._require_statistics("adapt")
        if isinstance(x, Moments):
            moments = x
            require(moments, self.names)
        else:
            source = open_source(x, batch_size, rows, self.names)
            self._require(source.columns, (None, source.columns))
            moments = moments_of(source, names=self.names or source.names, state=state, verbose=verbose)
        self._build_once((None, moments.count.shape[0]))
        self._require(moments.count.shape[0], (None, moments.count.shape[0]))
        self._assign(moments if reset else self.moments.merge(moments))

    @tf.autograph.experimental.do_not_convert
    def update(self, x: Tensor) -> Moments:
        """Adds one batch to the statistics; may be traced into a SavedModel signature.

        Under a `tf.distribute` strategy, in `strategy.run`, the batches of all replicas are added, each once.

        Args:
          x: [..., columns].

        Returns:
          The new statistics.

        Raises:
          tf.errors.InvalidArgumentError: at run time, if the new statistics could not be used; the old ones stay.
        """
        self._require_statistics("update")
        x = tf.convert_to_tensor(x)
        self._build_once(tuple(x.shape))
        self._require(x.shape[-1], x.shape)
        x = exact_integers(x, self.names)
        weights = None
        if self.half_life is not None:
            order = tf.reshape(tf.range(tf.size(x[..., 0])), tf.shape(x)[:-1])
            weights = self._weight_at(tf.cast(tf.size(order) - 1 - order, tf.float64))
        moments = self.moments
        for batch, rows in from_replicas(Moments.of(x, weights), tf.size(x[..., 0])):
            moments = (moments if self.half_life is None else moments.scaled(self._weight_at(rows))).merge(batch)
        moments = moments if compiling() else check_moments(moments, self.names)
        self._assign(moments)
        return moments

    def reset(self) -> None:
        """Forgets all statistics; may be traced into a SavedModel signature."""
        self._require_statistics("reset")
        if self._statistics:
            self._assign(Moments.zeros(self._statistics[0].shape[0]))

    def inverse(self, y: Tensor) -> Tensor:
        """Brings standardized values back to the columns' own scale.

        Args:
          y: [..., columns], or [..., 2 * columns] if the layer appends indicators: then a value that was missing
            becomes NaN again.

        Returns:
          float64, [..., columns].

        Raises:
          LoadError: if `y` has another number of columns.
        """
        self._require_statistics("inverse")
        y = tf.convert_to_tensor(y)
        moments = self._ready()
        columns = moments.mean.shape[0]
        if self.indicator and y.shape[-1] == 2 * columns:
            y, flags = tf.split(y, 2, axis=-1)
            y = tf.where(flags > 0, tf.constant(float("nan"), y.dtype), y)
        return unstandardize(y, moments, ddof=self.ddof)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        names = ("mode", "missing", "indicator", "ddof", "half_life", "names")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}

    def _build_once(self, shape: Any) -> None:
        with _BUILDING:
            if not self.built:
                self.build(shape)

    def _assign(self, moments: Moments) -> None:
        for weight, field in zip(self._statistics, moments, strict=True):
            weight.assign(field)

    def _weight_at(self, age: Tensor) -> Tensor:
        """What a row counts after `age` more rows."""
        return tf.pow(tf.constant(2.0, tf.float64), -age / self.half_life)

    def _ready(self) -> Moments:
        moments = self.moments
        if compiling():
            return moments
        with tf.control_dependencies([refuse_unless(tf.reduce_all(moments.count > 0), lambda: self._unready())]):
            return Moments(*map(tf.identity, moments))

    def _unready(self) -> str:
        ways = "adapt(data)" if self.mode == "adapted" else "adapt(data) or update(batch)"
        return f"Standardize {self.name!r}: there are no statistics yet. Call {ways} first, or load saved weights."

    def _require_statistics(self, what: str) -> None:
        if self.mode == "call":
            raise LoadError(
                f'Standardize {self.name!r}: mode="call" keeps no statistics, so there is no {what}. '
                'Use mode="adapted" or mode="running".'
            )

    def _require(self, columns: int | None, shape: Any) -> None:
        """Refuses another number of columns than the layer has."""
        expected = self._statistics[0].shape[0] if self._statistics else self.names and len(self.names)
        if expected and columns is not None and columns != expected:
            listed = "" if self.names is None else f" ({', '.join(map(repr, self.names))})"
            raise LoadError(
                f"Standardize {self.name!r}: the layer has {expected} columns{listed}. Received: {columns} columns, "
                f"shape={_shown(shape)}. Pass the same columns in the same order."
            )


def _shown(shape: Any) -> str:
    return "unknown" if shape is None or getattr(shape, "rank", 0) is None else str(tuple(shape))
