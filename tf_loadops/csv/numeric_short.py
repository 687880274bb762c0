"""Fields of up to fifteen bytes as numbers: one XLA program over two words each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from tf_loadops.bytesops.swar import (
    AND,
    NOT,
    OR,
    SHL,
    SHR,
    count_bits,
    eight_digits,
    equal_bytes,
    fill,
    first_bit,
    funnel,
    not_digits,
    repeat,
    select,
    u64,
    up_to_last,
)
from tf_loadops.csv.numeric_scan import HEAD

Tensor = Any

_ZEROS, _ALL = repeat(ord("0")), 2**64 - 1


class Number(NamedTuple):
    """What the bytes of each field say; all of one shape.

    Attributes:
      mantissa: uint64, the digits without the dot.
      power: int32, the power of ten to multiply by.
      negative: bool.
      whole: bool, whether only a sign and digits are there, as in an integer.
      hard: bool, whether this is no plain number of the size that the program reads.
      empty: bool, whether no byte is there.
      true: bool, whether this is `1` or `true`, in any case.
      false: bool, whether this is `0` or `false`.
    """

    mantissa: Tensor
    power: Tensor
    negative: Tensor
    whole: Tensor
    hard: Tensor
    empty: Tensor
    true: Tensor
    false: Tensor


def windows(words: Tensor, group: Tensor, shift: Tensor, separators: Sequence[Tensor], count: int) -> list[Tensor]:
    """The last 8 * count bytes before each separator, first word first.

    Args:
      words: uint64 [words], the chunk.
      group: int64, where the separator is, as in `numeric_scan.Separators`.
      shift: int64 scalar, likewise.
      separators: two uint64 scalars: the delimiter and the row end, eight times each.
      count: how many words.

    Returns:
      `count` uint64 tensors of the shape of `group`.
    """
    at = SHL(group, shift)
    word = SHR(at, tf.constant(3, tf.int64)) + HEAD
    skip = SHL(tf.cast(AND(at, tf.constant(7, tf.int64)), tf.uint64), u64(3))
    near = [tf.gather(words, word - back) for back in range(count, -1, -1)]
    marks = OR(equal_bytes(near[-1], separators[0]), equal_bytes(near[-1], separators[1]))
    end = first_bit(OR(AND(marks, SHL(u64(_ALL), skip)), u64(1 << 63)))
    return [funnel(near[i], near[i + 1], end) for i in range(count)]


def read_short(high: Tensor, low: Tensor, separators: Sequence[Tensor]) -> Number:
    """Reads an optional sign, digits and at most one dot, all within the fifteen last bytes.

    Args:
      high: uint64, the eight bytes before `low`.
      low: uint64, the last eight bytes.
      separators: uint64 scalars; each holds a byte that may stand before a field, eight times.

    Returns:
      The numbers.
    """
    cuts_low, cuts_high = any_of(low, separators), any_of(high, separators)
    zero = u64(0)
    within = tf.not_equal(cuts_low, zero)  # the field begins in the low word
    out_low = fill(up_to_last(cuts_low))
    out_high = tf.where(within, u64(_ALL), fill(up_to_last(cuts_high)))
    found = within | tf.not_equal(cuts_high, zero)
    empty = tf.equal(out_low, u64(_ALL))
    # The byte behind the last one cut off, as a marker: a sign may stand there.
    first_low = tf.where(within, NOT(out_low), zero)
    first_low = AND(first_low, NOT(SHL(first_low, u64(8))))
    first_high = AND(NOT(out_high), NOT(SHL(NOT(out_high), u64(8))))
    first_low = tf.where(within | tf.not_equal(out_high, u64(_ALL)), first_low, u64(0xFF))
    minus_low, minus_high = AND(equal_bytes(low, ord("-")), first_low), AND(equal_bytes(high, ord("-")), first_high)
    plus_low, plus_high = AND(equal_bytes(low, ord("+")), first_low), AND(equal_bytes(high, ord("+")), first_high)
    negative = tf.not_equal(OR(minus_low, minus_high), zero)
    word = AND(OR(low, u64(repeat(0x20))), NOT(out_low))  # the last eight bytes, letters in lower case
    true, false = is_any(word, "1", "true"), is_any(word, "0", "false")
    out_low = OR(out_low, fill(OR(minus_low, plus_low)))
    out_high = OR(out_high, fill(OR(minus_high, plus_high)))
    return _decimal(high, low, out_high, out_low, Number(zero, zero, negative, zero, ~found, empty, true, false))


def is_any(word: Tensor, *texts: str) -> Tensor:
    """Whether the last bytes of each word are one of these texts, and the bytes before it zero."""
    found = tf.zeros_like(word, tf.bool)
    for text in texts:
        found |= tf.equal(word, u64(int.from_bytes(text.encode().rjust(8, b"\0"), "little")))
    return found


def any_of(words: Tensor, separators: Sequence[Tensor]) -> Tensor:
    """Markers at the bytes equal to one of the separators, each given as a word of eight."""
    found = equal_bytes(words, separators[0])
    for separator in separators[1:]:
        found = OR(found, equal_bytes(words, separator))
    return found


def _decimal(high: Tensor, low: Tensor, out_high: Tensor, out_low: Tensor, known: Number) -> Number:
    zero = u64(0)
    high, low = select(out_high, u64(_ZEROS), high), select(out_low, u64(_ZEROS), low)
    dots_low, dots_high = equal_bytes(low, ord(".")), equal_bytes(high, ord("."))
    dot_low = tf.not_equal(dots_low, zero)
    dot_high = tf.not_equal(dots_high, zero) & ~dot_low
    before_low, before_high = fill(up_to_last(dots_low)), fill(up_to_last(dots_high))
    # Everything up to the dot moves one byte on, over it; a second dot stays and is no digit.
    moved_high, moved_low = OR(SHL(high, u64(8)), u64(ord("0"))), OR(SHL(low, u64(8)), SHR(high, u64(56)))
    high_digits = tf.where(dot_low, moved_high, tf.where(dot_high, select(before_high, moved_high, high), high))
    low_digits = tf.where(dot_low, select(before_low, moved_low, low), low)
    behind = tf.where(
        dot_low,
        u64(8) - SHR(count_bits(before_low), u64(3)),
        tf.where(dot_high, u64(16) - SHR(count_bits(before_high), u64(3)), zero),
    )
    other = tf.not_equal(OR(not_digits(high_digits), not_digits(low_digits)), zero)
    # At least one digit: some byte that is neither cut off nor the dot.
    none = tf.equal(count_bits(OR(out_high, fill(dots_high))) + count_bits(OR(out_low, fill(dots_low))), u64(128))
    hard = (known.hard | other | none) & ~known.empty
    mantissa = eight_digits(high_digits) * u64(10**8) + eight_digits(low_digits)
    return known._replace(
        mantissa=tf.where(hard, zero, mantissa),
        power=-tf.cast(tf.where(hard, zero, behind), tf.int32),
        whole=~(dot_low | dot_high),
        hard=hard,
    )


_POWER, _FLAGS = 50, 54  # bits of a mantissa of fifteen digits, and where the flags begin behind the power


def pack(number: Number) -> Tensor:
    """All of a short number in one uint64.

    XLA computes each of a program's outputs in a loop of its own, from the beginning: with one array in the middle,
    the windows are read once.
    """
    packed = OR(number.mantissa, SHL(tf.cast(-number.power, tf.uint64), u64(_POWER)))
    for bit, flag in enumerate(number[2:]):
        packed = OR(packed, SHL(tf.cast(flag, tf.uint64), u64(_FLAGS + bit)))
    return packed


def unpack(packed: Tensor) -> Number:
    """What `pack` put in; the mantissa of a hard number is lost."""
    flags = [tf.not_equal(AND(packed, u64(1 << (_FLAGS + bit))), u64(0)) for bit in range(6)]
    power = -tf.cast(AND(SHR(packed, u64(_POWER)), u64(15)), tf.int32)
    return Number(AND(packed, u64(2**_POWER - 1)), power, *flags)
