"""From numbers to typed columns: exact where that is cheap, "hard" where it is not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from tf_loadops.bytesops.swar import u64
from tf_loadops.csv.numeric_short import Number

Tensor = Any


class Group(NamedTuple):
    """Columns of one dtype.

    Attributes:
      dtype: the dtype's name.
      words: per column, the words that mean "missing".
    """

    dtype: str
    words: tuple[tuple[str, ...], ...]


class Typed(NamedTuple):
    """The columns of one block or chunk: first three tuples of a tensor [rows, columns of the group] per group.

    Attributes:
      values: of the group's dtype; where missing, NaN, 0 or False.
      missing: bool.
      hard: bool, neither missing nor surely the value given.
      seen: int64 [2], how many fields are hard, and how many missing.
    """

    values: tuple[Tensor, ...]
    missing: tuple[Tensor, ...]
    hard: tuple[Tensor, ...]
    seen: Any = ()


def grouped(fields: Tensor, groups: Sequence[Group]) -> Tensor:
    """Brings [rows, columns] into one flat vector with the columns of a group together, row by row.

    XLA's loops are fast over one long dimension, and slow over a short inner one such as ten columns.
    """
    parts, at = [], 0
    for group in groups:
        parts.append(tf.reshape(fields[:, at : at + len(group.words)], [-1]))
        at += len(group.words)
    return tf.concat(parts, 0) if len(parts) > 1 else parts[0]


def typed(number: Number, wide: Tensor, unsure: Tensor, groups: Sequence[Group], rows: int) -> Typed:
    """Converts a block of numbers; compiles under XLA.

    Args:
      number: the fields as numbers, flat, in the order of `grouped`.
      wide: float64, their values where `unsure` is False.
      unsure: bool, whether `wide` may not be the nearest float64.
      groups: the columns' types.
      rows: how many rows.

    Returns:
      The columns.
    """
    values, missing, hards, seen = [], [], [], []
    at = 0
    for group in groups:
        shape = [rows, len(group.words)]
        size = shape[0] * shape[1]
        part = Number(*(field[at : at + size] for field in number))
        value, hard = _CONVERT[group.dtype](part, wide[at : at + size], unsure[at : at + size])
        if len(set(group.words)) == 1:
            hard = _look_closer(hard, part, tf.constant(True), group.words[0])
        else:
            for column, words in enumerate(group.words):
                here = tf.reshape(tf.broadcast_to(tf.equal(tf.range(shape[1]), column), shape), [-1])
                hard = _look_closer(hard, part, here, words)
        empty = part.empty & ~hard
        both = tf.cast(hard, tf.uint64) + tf.cast(empty, tf.uint64) * u64(2**32)  # two counts in one pass
        seen.append(tf.reduce_sum(both))
        values.append(tf.reshape(tf.where(empty | hard, _missing(group.dtype), value), shape))
        missing.append(tf.reshape(empty, shape))
        hards.append(tf.reshape(hard, shape))
        at += size
    counts = tf.add_n(seen)
    both = tf.stack([tf.bitwise.bitwise_and(counts, u64(2**32 - 1)), tf.bitwise.right_shift(counts, u64(32))])
    return Typed(tuple(values), tuple(missing), tuple(hards), tf.cast(both, tf.int64))


def _missing(dtype: str) -> Tensor:
    return tf.cast(tf.constant(float("nan") if dtype.startswith("float") else 0), dtype)


def _look_closer(hard: Tensor, part: Number, here: Tensor, words: Sequence[str]) -> Tensor:
    """Leaves to the exact path what may be a missing-word that looks like a number, and "" where it is none."""
    if "" not in words:
        hard |= part.empty & here
    for word in words:
        digits = word.strip().lstrip("+-").replace(".", "", 1)
        if digits.isdecimal() and digits.isascii() and int(digits) < 2**63:
            hard |= tf.equal(part.mantissa, u64(int(digits))) & here
        elif any(c.isdecimal() for c in word):
            hard |= here  # an odd word: let the exact path read the whole column
    return hard


def _float64(number: Number, wide: Tensor, unsure: Tensor) -> tuple[Tensor, Tensor]:
    return wide, number.hard | unsure


def _float32(number: Number, wide: Tensor, unsure: Tensor) -> tuple[Tensor, Tensor]:
    bits = tf.bitcast(wide, tf.int64)
    # A float64 exactly between two float32 may itself have been rounded there; an integer was not.
    middle = tf.equal(bits & 0x1FFFFFFF, 0x10000000) & tf.not_equal(number.power, 0)
    size = tf.bitwise.right_shift(bits, tf.constant(52, tf.int64)) & 0x7FF
    # Out of the range of normal float32, where the hardware may flush, and the reader refuses.
    extreme = (size < 897) | (size >= 1150)
    return tf.cast(wide, tf.float32), number.hard | unsure | middle | (extreme & tf.not_equal(number.mantissa, u64(0)))


def _signed(number: Number) -> Tensor:
    value = tf.cast(number.mantissa, tf.int64)
    return tf.where(number.negative, -value, value)


def _int64(number: Number, wide: Tensor, unsure: Tensor) -> tuple[Tensor, Tensor]:
    del wide, unsure
    return _signed(number), number.hard | (~number.whole & ~number.empty) | (number.mantissa > u64(2**63 - 1))


def _int32(number: Number, wide: Tensor, unsure: Tensor) -> tuple[Tensor, Tensor]:
    value, hard = _int64(number, wide, unsure)
    return tf.cast(value, tf.int32), hard | (number.mantissa > u64(2**31 - 1))


def _bool(number: Number, wide: Tensor, unsure: Tensor) -> tuple[Tensor, Tensor]:
    del wide, unsure
    return number.true, ~(number.true | number.false | number.empty)


_CONVERT = {"float32": _float32, "float64": _float64, "int64": _int64, "int32": _int32, "bool": _bool}


def by_division(number: Number) -> tuple[Tensor, Tensor]:
    """The value of numbers without an exponent and with at most fifteen digits behind the dot.

    Mantissa and power of ten are exact as float64, so one division rounds once.

    Args:
      number: the numbers, as `read_short` gives them.

    Returns:
      float64 values, and where they are not sure.

    Source: Clinger, "How to read floating point numbers accurately", PLDI 1990.
    """
    behind = -number.power
    scale = tf.ones_like(number.mantissa, tf.float64)
    for bit in range(4):
        has = tf.not_equal(behind & (1 << bit), 0)
        scale *= tf.where(has, tf.constant(10.0 ** (1 << bit), tf.float64), tf.constant(1.0, tf.float64))
    value = tf.cast(tf.cast(number.mantissa, tf.int64), tf.float64) / scale
    return tf.where(number.negative, -value, value), number.mantissa > u64(2**53)
