"""The leaves of a file's schema: which columns there are, and how their values are to be understood."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from tf_loadops.bytesops.strings import to_strings
from tf_loadops.errors import gate
from tf_loadops.parquet.thrift import Tokens, member, ordinal, path_of, table
from tf_loadops.sql.scan_pages import ranges

Tensor = Any

# What a leaf's values are, which decides how they become those of a dtype.
BOOL, INT32, UINT32, INT64, UINT64, INT96, FLOAT, DOUBLE, HALF, DECIMAL32, DECIMAL64, DECIMAL, TEXT, FIXED = range(14)
KINDS = (
    "bool", "int32", "uint32", "int64", "uint64", "int96", "float32", "float64", "float16", "decimal", "decimal",
    "decimal", "bytes", "bytes",
)
WIDTHS = (1, 4, 4, 8, 8, 12, 4, 8, 2, 4, 8, 0, 0, 0)
"""The bytes of a value in a page; 0 where the leaf has a length, or each value."""

UNIT_NAMES = ("", "days", "ms", "us", "ns")

_ELEMENT = (2, 0)
_TYPES = (BOOL, INT32, INT64, INT96, FLOAT, DOUBLE, TEXT, FIXED)
# For each of them: the kind by itself, as a decimal, unsigned and as a half; the bits, and the ConvertedType, that say
# unsigned. The last row is for unknown types.
_BECOMES = (
    (BOOL, BOOL, BOOL, BOOL, -2, -2),
    (INT32, DECIMAL32, UINT32, INT32, 32, 13),
    (INT64, DECIMAL64, UINT64, INT64, 64, 14),
    (INT96, INT96, INT96, INT96, -2, -2),
    (FLOAT, FLOAT, FLOAT, FLOAT, -2, -2),
    (DOUBLE, DOUBLE, DOUBLE, DOUBLE, -2, -2),
    (TEXT, DECIMAL, TEXT, TEXT, -2, -2),
    (FIXED, DECIMAL, FIXED, HALF, -2, -2),
    (-1, -1, -1, -1, -2, -2),
)
_DECIMAL, _DATE, _TIME, _TIMESTAMP, _INTEGER, _FLOAT16 = 5, 6, 7, 8, 10, 15  # of LogicalType
_OLD_DECIMAL = 5  # of ConvertedType
_OLD_UNITS = {6: 1, 7: 2, 8: 3, 9: 2, 10: 3}
_REPEATED, _REQUIRED = 2, 0
_DEEPEST = 64  # groups in one another, so that a hostile schema's names stay short


class Leaves(NamedTuple):
    """The leaves, in the order of the file, each attribute [leaves].

    Attributes:
      name: string, with the names of the groups around it: "a.b".
      kind: int32, an index of `KINDS`; -1 for a type that this reader does not know.
      width: int32, bytes of a value, 0 where each has its own.
      scale: int32, decimal digits behind the point.
      unit: int32, an index of `UNIT_NAMES`.
      definition: int32, the level of a value that is there.
      repetition: int32, above 0 in lists and maps.
    """

    name: Tensor
    kind: Tensor
    width: Tensor
    scale: Tensor
    unit: Tensor
    definition: Tensor
    repetition: Tensor


def read_leaves(tokens: Tokens, data: Tensor, path: Tensor) -> Leaves:
    """Reads the schema.

    Args:
      tokens: of the file's metadata.
      data: string scalar, its bytes.
      path: string scalar, what messages call the file.

    Returns:
      The leaves.

    Raises:
      tf.errors.InvalidArgumentError: at run time, if the schema is no tree.

    Source: parquet.thrift, SchemaElement; LogicalTypes.md of the Parquet format.
    """
    row = ordinal(tokens, *_ELEMENT)
    rows = tf.reduce_sum(tf.cast(tf.equal(tokens.path, path_of(*_ELEMENT)), tf.int32))
    fields = [(*_ELEMENT, i) for i in (1, 2, 3, 5, 6, 7)] + [(*_ELEMENT, 10, *p) for p in ((5, 1), (10, 1), (10, 2))]
    columns = tf.cast(tf.clip_by_value(table(tokens, row, rows, fields), -1, 2**31 - 1), tf.int32)
    kind, length, repeated, children, old, old_scale, scale, bits, signed = tf.unstack(columns, axis=1)
    is_leaf = (kind >= 0) & (tf.range(rows) > 0)
    parent, ok = _parents(tf.where(is_leaf, 0, tf.maximum(children, 0)))
    names = _names(tokens, data)
    ok &= tf.equal(tf.size(names), rows) & tf.reduce_all(~is_leaf | (children <= 0))
    sizes = tf.constant([path_of(*_ELEMENT, 2), path_of(*_ELEMENT, 7), path_of(*_ELEMENT, 10, 5, 1)], tf.int64)
    is_size = tf.reduce_any(tf.equal(tokens.path[:, None], sizes), axis=1)
    ok &= tf.reduce_all(~is_size | (tokens.value >= 0))

    def malformed() -> Tensor:
        said = "its schema is malformed, or has more than 2 ** 15 columns and groups. Write it with fewer columns."
        return tf.strings.join([path, ": ", said])

    parent, names = gate(ok, malformed, (parent, names))
    names, definition, repetition, deep = _inherited(names, repeated, parent)

    def too_deep() -> Tensor:
        said = f": groups of its schema lie more than {_DEEPEST} deep in one another. Write it with fewer."
        return tf.strings.join([path, said])

    names = gate(~deep, too_deep, names)
    logical = member(tokens, row, rows, (*_ELEMENT, 10))
    units = [member(tokens, row, rows, (*_ELEMENT, 10, i, 2)) + 1 for i in (_TIME, _TIMESTAMP)]
    # A logical type counts before the converted type, which older readers need.
    unit = tf.where(tf.equal(logical, _DATE), 1, tf.where(tf.equal(logical, _TIME), units[0], units[1]))
    unit = tf.where(logical >= 0, unit, _lookup(_OLD_UNITS, old))
    unit = tf.where((unit >= 1) & (unit < len(UNIT_NAMES)), unit, 0)
    rows_of = tf.gather(tf.constant(_BECOMES), tf.where((kind < 0) | (kind >= len(_TYPES)), len(_TYPES), kind))
    *_, bits_of, old_of = tf.unstack(rows_of, axis=1)
    is_decimal = tf.equal(logical, _DECIMAL) | ((logical < 0) & tf.equal(old, _OLD_DECIMAL))
    unsigned = (tf.equal(logical, _INTEGER) & tf.equal(signed, 0) & tf.equal(bits, bits_of)) | (
        (logical < 0) & tf.equal(old, old_of)
    )
    half = tf.equal(logical, _FLOAT16) & tf.equal(length, 2)
    meaning = tf.where(is_decimal, 1, tf.where(unsigned, 2, tf.where(half, 3, 0)))
    plain, final = rows_of[:, 0], tf.gather(rows_of, meaning, batch_dims=1)
    unit = tf.where(tf.equal(plain, INT96), UNIT_NAMES.index("ns"), unit)
    # Without a length there are no values of a fixed one; and there could be any number of no bytes.
    fixed = tf.equal(plain, FIXED) & ~tf.equal(final, HALF)
    final = tf.where(fixed & (length < 1), -1, final)
    width = _lookup(dict(enumerate(WIDTHS)), final)
    width = tf.where(fixed, tf.maximum(length, 0), width)
    scale = tf.where(tf.equal(logical, _DECIMAL), scale, old_scale)
    kept = tf.where(is_leaf)[:, 0]
    numbers = tf.stack([final, width, tf.maximum(scale, 0), unit, definition, repetition])
    return Leaves(tf.gather(names, kept), *tf.unstack(tf.gather(numbers, kept, axis=1)))


def _parents(children: Tensor) -> tuple[Tensor, Tensor]:
    """Which group each stands in, of elements that come each before its children, and whether they are such."""
    rows = tf.size(children)
    counts = tf.cast(children, tf.int64)
    pending = 1 + tf.cumsum(counts - 1)  # elements still to come behind each
    before = tf.concat([tf.ones([1], tf.int64), pending[:-1]], 0)
    ok = (rows > 0) & (rows <= 2**15) & tf.reduce_all(before >= 1)
    ok &= tf.equal(tf.concat([tf.zeros([1], tf.int64), pending], 0)[-1], 0)
    groups = tf.cast(tf.where(counts > 0)[:, 0], tf.int32)
    ok &= tf.cast(tf.size(groups), tf.int64) * tf.cast(rows, tf.int64) < 2**27
    groups = tf.where(ok, groups, 0)[: tf.where(ok, tf.size(groups), 0)]
    # An element's group is the last one before it with no more to come than before the element itself.
    candidate = (groups[None] < tf.range(rows)[:, None]) & (tf.gather(before, groups)[None] <= before[:, None])
    parent = tf.reduce_max(tf.where(candidate, groups[None], 0), axis=1)
    return tf.maximum(parent, 0), ok


def _names(tokens: Tokens, data: Tensor) -> Tensor:
    """The elements' own names: string [elements]."""
    where = tf.where(tf.equal(tokens.path, path_of(*_ELEMENT, 4)))[:, 0]
    at, length = tf.gather(tokens.at, where), tf.cast(tf.gather(tokens.value, where), tf.int32)
    _, positions = ranges(at, at + length)
    return to_strings(tf.gather(tf.io.decode_raw(data, tf.uint8), positions), length)


def _inherited(names: Tensor, repeated: Tensor, parent: Tensor) -> tuple[Tensor, ...]:
    """What elements have together with the groups around them: names, definition and repetition levels.

    The last result says whether groups lie too deep in one another for that.
    """
    below_root = tf.range(tf.size(parent)) > 0
    counts = tf.stack([tf.not_equal(repeated, _REQUIRED), tf.equal(repeated, _REPEATED)], 1)
    own = tf.cast(counts & below_root[:, None], tf.int32)

    def up(i: Tensor, name: Tensor, levels: Tensor, at: Tensor) -> tuple[Tensor, ...]:
        longer = tf.strings.join([tf.gather(names, at), name], ".")
        return i + 1, tf.where(at > 0, longer, name), levels + tf.gather(own, at), tf.gather(parent, at)

    def goes_on(i: Tensor, name: Tensor, levels: Tensor, at: Tensor) -> Tensor:
        return (i < _DEEPEST) & tf.reduce_any(at > 0)

    many = tf.TensorShape([None])
    shapes = (tf.TensorShape([]), many, tf.TensorShape([None, 2]), many)
    _, name, levels, at = tf.while_loop(goes_on, up, (tf.constant(0), names, own, parent), shapes)
    return name, levels[:, 0], levels[:, 1], tf.reduce_any(at > 0)


def _lookup(values: dict[int, int], key: Tensor, otherwise: int = 0) -> Tensor:
    full = [values.get(i, otherwise) for i in range(max(values) + 1)] + [otherwise]
    key = tf.where((key < 0) | (key >= len(full)), len(full) - 1, key)
    return tf.gather(tf.constant(full), key)
