"""Moments: count, mean, squared deviations, range and missing values of each column, and how two of them merge."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from tf_loadops.standardize import _merge, _sums

Tensor = Any


class Moments(NamedTuple):
    """What standardizing needs to know of each column, in float64, from one batch or from many.

    A Moments is a nest of seven [columns] tensors: it passes through `tf.function`, with or without `jit_compile`,
    `tf.while_loop`, `tf.cond` and `Dataset.reduce` like any tuple. Batches are summed by a corrected two-pass algorithm
    and merged by the pairwise formula of Chan, Golub and LeVeque. The mean is carried as an unevaluated sum of two
    float64 numbers, so that neither the order of merging nor the size of the batches shows in the result, even where
    the mean is many orders of magnitude larger than the spread.

    Attributes:
      count: the number of values, or the sum of their weights; missing values are not among them.
      mean: the mean, rounded to float64; 0 where there is no value.
      mean_low: what `mean` lacks: the mean is `mean + mean_low`.
      m2: the (weighted) sum of squared deviations from the mean.
      min: the smallest value; +infinity where there is none.
      max: the largest value; -infinity where there is none.
      missing: the number of values left out because they are NaN or marked as not valid.

    Example:
      >>> m = Moments.of(tf.constant([[1.0, 5.0], [3.0, float("nan")]]))
      >>> m.mean.numpy().tolist(), m.std().numpy().tolist(), m.missing.numpy().tolist()
      ([2.0, 5.0], [1.0, 0.0], [0.0, 1.0])

    Source: T. F. Chan, G. H. Golub, R. J. LeVeque, "Algorithms for computing the sample variance: analysis and
    recommendations", The American Statistician 37 (1983) 242-247.
    """

    count: Tensor
    mean: Tensor
    mean_low: Tensor
    m2: Tensor
    min: Tensor
    max: Tensor
    missing: Tensor

    @classmethod
    def zeros(cls, columns: int | Tensor) -> Moments:
        """The moments of no rows at all, the neutral element of `merge`.

        Args:
          columns: the number of columns, an int or an integer scalar.

        Returns:
          Moments of shape [columns]: count 0, min +infinity, max -infinity.

        Example:
          >>> Moments.zeros(2).count.numpy().tolist()
          [0.0, 0.0]
        """
        return cls(*_merge.zeros(columns))

    @classmethod
    def of(cls, x: Tensor, weights: Tensor | None = None, validity: Tensor | None = None) -> Moments:
        """The moments of the columns of one batch.

        Args:
          x: [rows, columns], or [..., columns], of any real dtype. NaN is a missing value. Integers are taken as
            float64, which is exact up to 2**53.
          weights: how often each row counts, [rows] (or `x`'s shape without its last axis), not negative; None for once
            each. A row of weight 0 is not there at all.
          validity: bool of `x`'s shape, False where the value is missing; None where only NaN is.

        Returns:
          Moments of shape [columns].

        Raises:
          LoadError: if `x` has no column axis, holds no real numbers, or a shape does not fit.
          tf.errors.InvalidArgumentError: at run time, if an integer is beyond 2**53 (not checked inside XLA).

        Example:
          >>> float(Moments.of(tf.constant([[1.0], [4.0]]), weights=tf.constant([2.0, 1.0])).mean[0])
          2.0
        """
        return cls(*_sums.batch(x, weights, validity))

    def update(self, x: Tensor, weights: Tensor | None = None, validity: Tensor | None = None) -> Moments:
        """These moments with one more batch.

        Args:
          x: the batch, as for `of`.
          weights: as for `of`.
          validity: as for `of`.

        Returns:
          Moments of all rows.

        Raises:
          LoadError: as `of`.

        Example:
          >>> float(Moments.zeros(1).update(tf.constant([[2.0]])).update(tf.constant([[4.0]])).mean[0])
          3.0
        """
        return self.merge(Moments.of(x, weights, validity))

    def merge(self, other: Moments) -> Moments:
        """The moments of the rows of both; either may be empty.

        Args:
          other: Moments of the same columns.

        Returns:
          Moments of all rows.

        Example:
          >>> a, b = Moments.of(tf.constant([[1.0]])), Moments.of(tf.constant([[3.0]]))
          >>> float(a.merge(b).std()[0])
          1.0
        """
        return Moments(*_merge.merge(self, other))

    def scaled(self, factor: Tensor) -> Moments:
        """The same mean and variance with every value counted `factor` times: how old rows are forgotten.

        Args:
          factor: float64 scalar, or [columns], not negative.

        Returns:
          Moments with `count`, `m2` and `missing` multiplied; `min` and `max` stay.

        Example:
          >>> float(Moments.of(tf.constant([[1.0], [3.0]])).scaled(0.5).count[0])
          1.0
        """
        factor = tf.cast(factor, tf.float64)
        return self._replace(count=self.count * factor, m2=self.m2 * factor, missing=self.missing * factor)

    def variance(self, ddof: float = 0) -> Tensor:
        """The variance of each column.

        Args:
          ddof: what is taken from the count in the denominator: 0 for the variance of these values themselves, 1 for
            the estimate of that of a population they are a sample of.

        Returns:
          [columns] float64; NaN where the count does not exceed `ddof`.

        Example:
          >>> Moments.of(tf.constant([[1.0], [3.0]])).variance(ddof=1).numpy().tolist()
          [2.0]
        """
        degrees = self.count - tf.cast(ddof, tf.float64)
        known = degrees > 0
        nan = tf.constant(float("nan"), tf.float64)
        return tf.where(known, self.m2 / tf.where(known, degrees, tf.ones_like(degrees)), nan)

    def std(self, ddof: float = 0) -> Tensor:
        """The standard deviation of each column.

        Args:
          ddof: as for `variance`.

        Returns:
          [columns] float64; NaN where the count does not exceed `ddof`.

        Example:
          >>> Moments.of(tf.constant([[1.0], [3.0]])).std().numpy().tolist()
          [1.0]
        """
        return tf.sqrt(self.variance(ddof))
