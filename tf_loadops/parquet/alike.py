"""What pages have in common that are read together: DATA pages, with definition levels in runs or none."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from tf_loadops.bytesops.swar import AND, SHR
from tf_loadops.parquet.hybrid import repeats

Tensor = Any

_RLE = 3  # an Encoding


class Pages(NamedTuple):
    """Pages that were read together.

    Attributes:
      count: int32 scalar, how many.
      end: int32 scalar, where the last one ends in the file.
      values: of all their rows, of the dtype; anything where there is none.
      states: uint8 of the same shape, PRESENT, MISSING or OUT_OF_RANGE.
      paid: bool scalar, whether it was worth looking at them together.
    """

    count: Tensor
    end: Tensor
    values: Tensor
    states: Tensor
    paid: Tensor


def no_pages(dtype: str) -> Pages:
    """None."""
    nothing = tf.zeros([0], dtype)
    return Pages(tf.constant(0), tf.constant(0), nothing, tf.zeros([0], tf.uint8), tf.constant(False))


def leading_levels(head: Tensor, size: Tensor, count: Tensor, levels: Tensor, definition: Tensor) -> tuple[Tensor, ...]:
    """How many bytes of definition levels pages begin with, int32 [n], and whether that can be, bool [n].

    The last result says whether it is plain from their first bytes that no value is missing, bool [n].

    Args:
      head: uint8 [n, 12], the first bytes of each page, and zeros behind its last.
      size: int32 [n], how many it has.
      count: int32 [n], its values.
      levels: int32 [n], the Encoding of its levels.
      definition: int32 scalar, the level of a value that is there.
    """
    # Their length, and one run of the level of a value that is there.
    length = tf.bitcast(head[:, :4], tf.int32)
    same, level, run = repeats(head[:, 4:], count)
    full = (same & tf.equal(level, definition) & (run <= length)) | _ones(head[:, 4:], count, length, definition)
    required = tf.equal(definition, 0)
    sound = tf.equal(levels, _RLE) & (length >= 0) & (length <= size - 4)
    return tf.where(required | ~sound, 0, 4 + length), required | sound, required | (sound & full)


def _ones(head: Tensor, count: Tensor, length: Tensor, definition: Tensor) -> Tensor:
    """Whether a run of bits, uint8 [n, 8] with its header, holds `count` ones, as some write few of them: bool [n]."""
    head = tf.cast(head, tf.int32)
    places = tf.range(56)
    bits = AND(SHR(tf.gather(head, 1 + places // 8, axis=1), places % 8), 1)
    ones = tf.reduce_all(tf.equal(bits, 1) | (places >= count[:, None]), axis=1)
    first = head[:, 0]
    groups = SHR(first, 1)
    fits = (first < 128) & tf.equal(AND(first, 1), 1) & (count <= 8 * groups) & (groups < length) & (count <= 56)
    return tf.equal(definition, 1) & ones & fits


def first_good(good: Tensor) -> Tensor:
    """How many of the first are good, up to one that is not: int32 scalar."""
    return tf.reduce_sum(tf.math.cumprod(tf.cast(good, tf.int32)))
