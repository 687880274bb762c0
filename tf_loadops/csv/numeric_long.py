"""Fields of up to 23 bytes, and an exponent behind them: what `numeric_short` finds too long."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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
from tf_loadops.csv.numeric_short import Number, any_of, is_any

Tensor = Any

_ZEROS, _ALL = repeat(ord("0")), 2**64 - 1
_WORDS = 3
_BIAS = 1024  # what is added to a power of ten to pack it


def read_long(words: Tensor, group: Tensor, shift: Tensor, ends: Sequence[Tensor], starts: Sequence[Tensor]) -> Number:
    """Reads an optional sign, at most nineteen digits behind leading zeros, at most one dot, and an exponent.

    Args:
      words: uint64 [words], the chunk.
      group: int64 [n], where the separator behind each field is, as in `numeric_scan.Separators`.
      shift: int64 scalar, likewise.
      ends: uint64 scalars: bytes that may stand behind a field, eight times each.
      starts: uint64 scalars: bytes that may stand before one.

    Returns:
      The numbers, each [n].
    """
    at = SHL(group, shift)
    word = SHR(at, _i64(3)) + HEAD
    near = tf.gather(words, word)
    skip = SHL(tf.cast(AND(at, _i64(7)), tf.uint64), u64(3))
    end = first_bit(OR(AND(any_of(near, ends), SHL(u64(_ALL), skip)), u64(1 << 63)))
    last = funnel(tf.gather(words, word - 1), near, end)
    power, cut, odd, text = _exponent(last, starts)
    place = 8 * word + tf.cast(SHR(end, u64(3)), tf.int64) - cut
    number = _mantissa(words, place, starts)
    return number._replace(
        power=number.power + tf.where(number.hard, 0, power),
        whole=number.whole & tf.equal(cut, 0),
        hard=(number.hard | odd | (number.empty & (cut > 0))) & ~(number.empty & tf.equal(cut, 0)),
        empty=number.empty & tf.equal(cut, 0),
        true=is_any(text, "1", "true"),
        false=is_any(text, "0", "false"),
    )


def _i64(value: int) -> Tensor:
    return tf.constant(value, tf.int64)


def _exponent(last: Tensor, starts: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The exponent, how many bytes write it, whether it is no exponent, and the bytes of the field in lower case."""
    field = NOT(fill(up_to_last(any_of(last, starts))))
    text = AND(OR(last, u64(repeat(0x20))), field)
    marks = equal_bytes(text, ord("e"))
    has = tf.not_equal(marks, u64(0))
    behind = tf.where(has, NOT(fill(up_to_last(marks))), u64(0))  # after the last e; an earlier one is no digit later
    first = AND(behind, NOT(SHL(behind, u64(8))))
    minus, plus = AND(equal_bytes(last, ord("-")), first), AND(equal_bytes(last, ord("+")), first)
    digits = AND(behind, NOT(fill(OR(minus, plus))))
    size = count_bits(digits)
    written = select(digits, last, u64(_ZEROS))
    # Four digits are an overflow or an underflow, which the exact path words.
    odd = has & (tf.equal(size, u64(0)) | (size > u64(24)) | tf.not_equal(not_digits(written), u64(0)))
    power = tf.cast(AND(eight_digits(written), u64(1023)), tf.int32)
    power = tf.where(tf.not_equal(minus, u64(0)), -power, power)
    cut = SHR(count_bits(behind), u64(3)) + u64(1)
    zero = tf.zeros_like(power)
    return tf.where(has & ~odd, power, zero), tf.where(has, tf.cast(cut, tf.int64), _i64(0)), odd, text


def _mantissa(words: Tensor, place: Tensor, starts: Sequence[Tensor]) -> Number:
    """Sign, digits and dot in the 24 bytes before `place`."""
    word = SHR(place, _i64(3))
    bits = SHL(tf.cast(AND(place, _i64(7)), tf.uint64), u64(3))
    near = [tf.gather(words, word - back) for back in range(_WORDS, -1, -1)]
    parts = [funnel(near[i], near[i + 1], bits) for i in range(_WORDS)]
    zero = u64(0)

    outside: list[Tensor] = []
    found = tf.zeros_like(place, tf.bool)
    for part in reversed(parts):
        cuts = any_of(part, starts)
        outside.insert(0, tf.where(found, u64(_ALL), fill(up_to_last(cuts))))
        found |= tf.not_equal(cuts, zero)
    empty = tf.equal(outside[-1], u64(_ALL))

    # A sign: the first byte behind what lies outside, which ends in the word before where this one is all inside.
    negative = tf.zeros_like(place, tf.bool)
    carry = zero
    for i, part in enumerate(parts):
        out = outside[i]
        first = AND(NOT(out), OR(SHL(out, u64(8)), carry))
        carry = SHR(out, u64(56))
        minus, plus = AND(equal_bytes(part, ord("-")), first), AND(equal_bytes(part, ord("+")), first)
        negative |= tf.not_equal(minus, zero)
        outside[i] = OR(out, fill(OR(minus, plus)))
    texts = [select(out, u64(_ZEROS), part) for out, part in zip(outside, parts, strict=True)]

    dots = [equal_bytes(text, ord(".")) for text in texts]
    later = tf.zeros_like(place, tf.bool)
    digits: list[Tensor] = []
    behind = tf.zeros_like(place, tf.uint64)
    for i in reversed(range(_WORDS)):
        before = fill(up_to_last(dots[i]))
        here = tf.not_equal(dots[i], zero) & ~later
        previous = SHR(texts[i - 1], u64(56)) if i else u64(ord("0"))
        moved = OR(SHL(texts[i], u64(8)), previous)
        digits.insert(0, tf.where(later, moved, tf.where(here, select(before, moved, texts[i]), texts[i])))
        inside = u64(8 * (_WORDS - i)) - SHR(count_bits(before), u64(3))
        behind = tf.where(here, inside, behind)
        later |= here
    other = OR(OR(not_digits(digits[0]), not_digits(digits[1])), not_digits(digits[2]))
    used = [count_bits(OR(out, fill(dot))) for out, dot in zip(outside, dots, strict=True)]
    none = tf.equal(used[0] + used[1] + used[2], u64(64 * _WORDS))
    high = eight_digits(digits[0])
    hard = ~found | tf.not_equal(other, zero) | none | (high >= u64(1000))
    mantissa = high * u64(10**16) + eight_digits(digits[1]) * u64(10**8) + eight_digits(digits[2])
    return Number(
        mantissa=tf.where(hard, zero, mantissa),
        power=-tf.cast(tf.where(hard, zero, behind), tf.int32),
        negative=negative,
        whole=~later,
        hard=hard,
        empty=empty,
        true=hard,
        false=hard,
    )


def pack_long(number: Number) -> Tensor:
    """All of a long number but its mantissa in one uint64."""
    packed = tf.cast(number.power + _BIAS, tf.uint64)
    for bit, flag in enumerate(number[2:]):
        packed = OR(packed, SHL(tf.cast(flag, tf.uint64), u64(12 + bit)))
    return packed


def unpack_long(mantissa: Tensor, packed: Tensor) -> Number:
    """What `pack_long` put in, with the mantissa beside it."""
    flags = [tf.not_equal(AND(packed, u64(1 << (12 + bit))), u64(0)) for bit in range(6)]
    return Number(mantissa, tf.cast(AND(packed, u64(4095)), tf.int32) - _BIAS, *flags)
