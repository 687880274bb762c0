"""Which engine parses a text: the numeric one where it can and pays, the general one everywhere else."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tf_loadops.blocks import Blocks, count, fill, groups_of, without_stand_in
from tf_loadops.compiled import A_BYTE, OPTIMISED, call, due
from tf_loadops.csv.general import parse_general
from tf_loadops.csv.header import positions
from tf_loadops.csv.numeric import parse_numeric
from tf_loadops.csv.options import Options
from tf_loadops.csv.text import contains, examine, last_byte
from tf_loadops.errors import LoadError

Tensor = Any

# Below this the general engine is done before a compiled program pays; `python -m benchmarks run csv` shows it.
AUTO_BYTES = 1 << 18
_HEAD_BYTES = 1 << 16


def parse_text(text: Tensor, options: Options, name: Tensor) -> Blocks:
    """Parses a CSV text with the engine that `options` asks for.

    The numeric engine reads only texts in which nothing needs a second look; whatever it declines, the general engine
    reads or refuses, so that the result never depends on the choice.

    Args:
      text: string scalar, decoded.
      options: what to read, and how.
      name: string scalar, what messages call the text.

    Returns:
      The blocks of `options.selected`.

    Raises:
      LoadError: at once, if engine="numeric" is asked for columns that are text.
      tf.errors.InvalidArgumentError: at run time, with line and column.
    """
    strings = [column.name for column in options.selected if not column.is_numeric]
    if options.engine == "numeric" and strings:
        raise LoadError(
            f"The numeric engine reads numbers and bools, but {', '.join(map(repr, strings))} hold text. "
            'Leave them out with columns=[...], or pass engine="auto".'
        )

    def general() -> Blocks:
        return call(_general, text, name, static=(options,))

    def numeric() -> tuple[Blocks, Tensor]:
        return call(_numeric, text, static=(options,), now=True, how=OPTIMISED)

    # The numeric engine knows no other quote than ", and no comments.
    known = options.schema.dialect.quote in (None, '"') and options.schema.dialect.comment is None
    if options.engine == "general" or strings or _bool_words(options) or not known:
        return general()
    size = tf.strings.length(text)
    worth = size >= AUTO_BYTES if options.engine == "auto" else tf.constant(True)
    if tf.executing_eagerly() and options.engine == "auto":
        worth &= due(_numeric, (options,), A_BYTE * int(size))
    # The numeric engine finds every quote itself, but only once it is through.
    worth &= ~contains(tf.strings.substr(text, 0, _HEAD_BYTES), '"')
    blocks, clean = tf.cond(worth, numeric, lambda: _nothing(options))
    return tf.cond(clean, lambda: blocks, general)


def _bool_words(options: Options) -> bool:
    """Whether a word that means "missing" also is a bool, which the numeric engine would read as one."""
    bools = [column for column in options.selected if column.dtype == "bool"]
    words = {word.strip().lower() for column in bools for word in options.selected.na_words(column)}
    return not words.isdisjoint(("true", "false", "1", "0"))


def _general(text: Tensor, name: Tensor, options: Options) -> Blocks:
    return parse_general(examine(text, options.schema.dialect.quote, name), options, name)


def _numeric(text: Tensor, options: Options) -> tuple[Blocks, Tensor]:
    schema = options.selected
    offset, width, index, found = _layout(text, options)
    words = [schema.na_words(column) for column in schema]
    dtypes = [column.dtype for column in schema]
    result = parse_numeric(text, offset, width, index, dtypes, options.schema.dialect.delimiter, words)
    of_dtype = {d: [i for i, dtype in enumerate(dtypes) if dtype == d] for d in dtypes}

    values, missing, clean = [], [], result.clean & found
    for group in groups_of(schema):
        dtype = dtypes[group[0]]
        value, mask = result.values[dtype], result.missing[dtype]
        if group != of_dtype[dtype]:
            at = [of_dtype[dtype].index(i) for i in group]
            value, mask = tf.gather(value, at, axis=1), tf.gather(mask, at, axis=1)
        clean &= ~(result.any_missing & tf.reduce_any(mask & tf.constant(without_stand_in(schema, group))))
        values.append(tf.ensure_shape(value, [None, len(group)]))
        missing.append(tf.ensure_shape(mask, [None, len(group)]))
    clean &= tf.shape(values[0])[0] > 0
    bad_rows = tf.constant(0, tf.int64)

    def filled() -> Blocks:
        valid = tuple(~mask for mask in missing)
        parts = zip(values, valid, groups_of(schema), strict=True)
        stand_ins = tuple(fill(value, mask, schema, group) for value, mask, group in parts)
        return Blocks(stand_ins, valid, count(valid, bad_rows, text))

    def complete() -> Blocks:
        valid = tuple(tf.ones_like(mask) for mask in missing)
        return Blocks(tuple(values), valid, count(valid, bad_rows, text, complete=True))

    return tf.cond(result.any_missing, filled, complete), clean


def _layout(text: Tensor, options: Options) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Where the rows begin, how many fields they have, and which are wanted; False if the header is not plain."""
    schema = options.schema
    if not schema.dialect.header:
        index = tf.constant([schema.names.index(name) for name in options.columns], tf.int64)
        return tf.constant(0), tf.constant(len(schema), tf.int64), index, tf.constant(True)
    head = tf.strings.split(tf.strings.substr(text, 0, _HEAD_BYTES), "\n")
    line = head[0]
    offset = tf.strings.length(line) + 1
    length = tf.strings.length(line) - tf.cast(tf.equal(last_byte(line), "\r"), tf.int32)
    plain = tf.strings.substr(line, 0, length)
    names = tf.strings.split(plain, schema.dialect.delimiter)
    index, times = positions(names, options.selected)
    found = ~contains(plain, "\r") & ~contains(plain, "\0")
    found &= (tf.size(head) > 1) & (length > 0) & tf.reduce_all(tf.equal(times, 1))
    return tf.where(found, offset, 0), tf.size(names, tf.int64), index, found


def _nothing(options: Options) -> tuple[Blocks, Tensor]:
    groups = groups_of(options.selected)
    dtypes = [options.selected.columns[group[0]].tf_dtype for group in groups]
    values = tuple(tf.zeros([0, len(g)], dtype) for g, dtype in zip(groups, dtypes, strict=True))
    valid = tuple(tf.zeros([0, len(g)], tf.bool) for g in groups)
    return Blocks(values, valid, count(valid, tf.constant(0, tf.int64), tf.constant(""))), tf.constant(False)
