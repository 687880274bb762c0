"""From fields to typed values: what is missing, what is a value, and what is neither."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from tf_loadops.csv.exact import exact_float

Tensor = Any

# What can be wrong with a field, as the reader's messages word it.
OK, UNPARSABLE, OUT_OF_RANGE, MISSING, NOT_UTF8 = range(5)

_FLOAT = r"[ \t]*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[ \t]*"
_SPECIAL = r"[ \t]*[+-]?(?i:inf|infinity|nan)[ \t]*"
_INTEGER = r"[ \t]*[+-]?[0-9]+[ \t]*"
NUMBER = rf"{_FLOAT}|{_SPECIAL}"
_SURE_DIGITS = {"int32": 9, "int64": 18}
_TRUE, _FALSE = ("true", "1"), ("false", "0")


class Values(NamedTuple):
    """Typed values of a block of fields.

    Attributes:
      values: Tensor of the block's shape; where missing or in trouble, NaN, 0, False or "".
      missing: bool tensor of the same shape.
      trouble: int8 tensor of the same shape: `OK`, `UNPARSABLE`, `OUT_OF_RANGE` or `NOT_UTF8`.
    """

    values: Tensor
    missing: Tensor
    trouble: Tensor


def parse_values(fields: Tensor, dtype: str, na_words: Sequence[str], has_high: Tensor) -> Values:
    """Parses fields of one dtype.

    Numbers are those of Python's `float` and `int` without underscores, hexadecimal and other scripts' digits; blanks
    around them are allowed. Floats are correctly rounded; a literal too large for its dtype is out of range, while
    `inf` is a value. A NaN is a missing value, however it is written. Bools are `true`, `false`, `1` and `0`.

    Args:
      fields: string tensor of any shape.
      dtype: the dtype's name.
      na_words: the words that mean "missing"; compared without the blanks around a field, but in strings with them.
      has_high: bool scalar, whether any field may hold a byte above 127.

    Returns:
      The values and what is wrong with them.
    """
    shape = tf.shape(fields)
    flat = tf.reshape(fields, [-1])
    if dtype == "string":
        result = _strings(flat, na_words, has_high)
    elif dtype == "bool":
        result = _bools(flat, na_words)
    elif dtype in _SURE_DIGITS:
        result = _integers(flat, dtype, na_words)
    else:
        result = _floats(flat, dtype, na_words)
    return Values(*(tf.ensure_shape(tf.reshape(part, shape), fields.shape) for part in result))


def matches(fields: Tensor, na_words: Sequence[str]) -> dict[str, Tensor]:
    """Tells what each field could be; the types of whole columns are inferred from it.

    Args:
      fields: string tensor of any shape.
      na_words: the words that mean "missing" in numbers and bools.

    Returns:
      Bool tensors of the same shape: `missing`, `integer` (one that fits int64 and loses no leading zero), `number or
      missing` and `bool`.
    """
    word = tf.strings.strip(fields)
    missing = _is_any(word, na_words)
    whole = tf.strings.regex_full_match(fields, _INTEGER)
    padded = tf.strings.regex_full_match(word, r"[+-]?0[0-9]+")
    integer = tf.strings.regex_full_match(fields, _within(tf.int64)) & ~padded & ~missing
    number = tf.strings.regex_full_match(fields, NUMBER) & ~padded & (integer | ~whole)
    is_bool = _is_any(tf.strings.lower(word), ("true", "false"))
    return {
        "missing": missing,
        "integer": integer,
        "number or missing": number | missing,
        "bool": is_bool & ~missing,
    }


def _floats(flat: Tensor, dtype: str, na_words: Sequence[str]) -> Values:
    """Parses what is plainly a number at once; the few other fields are missing, infinite, or no floats."""
    is_plain = _plain(flat, _FLOAT, na_words)
    at = tf.where(~is_plain)
    odd = tf.gather_nd(flat, at)
    word = tf.strings.strip(odd)
    no_value = _is_any(word, na_words)
    special = tf.strings.regex_full_match(odd, _SPECIAL) & ~no_value
    word = tf.where(special, tf.strings.regex_replace(word, "(?i)infinity", "inf"), "nan")
    values = exact_float(tf.tensor_scatter_nd_update(flat, at, word), dtype, infinity=False)

    unparsable = tf.tensor_scatter_nd_update(tf.zeros_like(is_plain), at, ~special & ~no_value)
    too_large = tf.math.is_inf(values) & is_plain
    trouble = tf.where(unparsable, _code(UNPARSABLE), tf.where(too_large, _code(OUT_OF_RANGE), _code(OK)))
    return Values(values, tf.math.is_nan(values) & ~unparsable, trouble)


def _integers(flat: Tensor, dtype: str, na_words: Sequence[str]) -> Values:
    """Parses short integers at once; the few other fields are missing, long, signed +, or no integers."""
    is_plain = _plain(flat, rf"[ \t]*-?[0-9]{{1,{_SURE_DIGITS[dtype]}}}[ \t]*", na_words)
    at = tf.where(~is_plain)
    odd = tf.gather_nd(flat, at)
    word = tf.strings.strip(odd)
    no_value = _is_any(word, na_words)
    whole = tf.strings.regex_full_match(odd, _INTEGER)
    fits = tf.strings.regex_full_match(odd, _within(tf.as_dtype(dtype))) & ~no_value
    word = tf.where(fits, tf.strings.regex_replace(word, r"^\+", ""), "0")
    values = tf.strings.to_number(tf.tensor_scatter_nd_update(flat, at, word), dtype)

    trouble = tf.where(fits | no_value, _code(OK), tf.where(whole, _code(OUT_OF_RANGE), _code(UNPARSABLE)))
    trouble = tf.tensor_scatter_nd_update(tf.zeros_like(flat, tf.int8), at, trouble)
    return Values(values, tf.tensor_scatter_nd_update(tf.zeros_like(is_plain), at, no_value), trouble)


def _plain(flat: Tensor, pattern: str, na_words: Sequence[str]) -> Tensor:
    """Which fields match a pattern, without the NA words that match it too, such as -999."""
    is_plain = tf.strings.regex_full_match(flat, pattern)
    for word in na_words:
        if re.fullmatch(_FLOAT, word):
            is_plain &= ~tf.equal(tf.strings.strip(flat), word.strip())
    return is_plain


def _bools(flat: Tensor, na_words: Sequence[str]) -> Values:
    word = tf.strings.strip(flat)
    missing = _is_any(word, na_words)
    lower = tf.strings.lower(word)
    true = _is_any(lower, _TRUE) & ~missing
    readable = true | _is_any(lower, _FALSE) | missing
    return Values(true, missing, tf.where(readable, _code(OK), _code(UNPARSABLE)))


def _strings(flat: Tensor, na_words: Sequence[str], has_high: Tensor) -> Values:
    missing = _is_any(flat, na_words)

    def valid() -> Tensor:
        # Decoding is slow, and most fields of most files are ASCII.
        at = tf.where(~tf.strings.regex_full_match(flat, r"[\x00-\x7f]*"))
        high = tf.gather_nd(flat, at)
        decoded = tf.strings.unicode_transcode(high, "UTF-8", "UTF-8", errors="replace")
        return tf.tensor_scatter_nd_update(tf.ones_like(flat, tf.bool), at, tf.equal(decoded, high))

    is_valid = tf.cond(has_high, valid, lambda: tf.ones_like(flat, tf.bool))
    return Values(tf.where(is_valid, flat, ""), missing, tf.where(is_valid, _code(OK), _code(NOT_UTF8)))


def _is_any(fields: Tensor, words: Sequence[str]) -> Tensor:
    found = tf.zeros_like(fields, tf.bool)
    for word in dict.fromkeys(words):
        found |= tf.equal(fields, word)
    return found


def _code(trouble: int) -> Tensor:
    return tf.constant(trouble, tf.int8)


def _within(dtype: Any) -> str:
    """A pattern for the integers that fit a dtype: `to_number` has no other way to say no than to fail."""
    return rf"[ \t]*(?:\+?0*(?:{_up_to(dtype.max)})|-0*(?:{_up_to(-dtype.min)}))[ \t]*"


def _up_to(limit: int) -> str:
    """A pattern for the integers from 0 to `limit`, without leading zeros."""
    digits = str(limit)
    ways = [rf"[0-9]{{1,{len(digits) - 1}}}", digits]
    for i, digit in enumerate(digits):
        lowest = 1 if i == 0 else 0
        if int(digit) > lowest:  # as `limit` up to here, then smaller
            ways.append(rf"{digits[:i]}[{lowest}-{int(digit) - 1}][0-9]{{{len(digits) - i - 1}}}")
    return "|".join(ways)
