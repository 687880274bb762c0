"""The numeric CSV engine: bytes to typed columns in chunks, most of the work in XLA programs.

A chunk of rows goes through `numeric_scan` (one pass over its words, compiled), `tf.where` (separators), and
`numeric_short` or `numeric_long` with `numeric_types` (blocks of fields, compiled). What those leave as hard, and all
that is no number, goes to `numeric_patch`, which reads it as text. Shapes are fixed, so a process compiles one scan for
all files and at most two block programs for a list of column types.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from tf_loadops.bytesops.swar import SHL, repeat, u64
from tf_loadops.compiled import apart, in_flight, xla
from tf_loadops.csv.numeric_chunks import LIMIT, Window, cut, look, window
from tf_loadops.csv.numeric_long import pack_long, read_long, unpack_long
from tf_loadops.csv.numeric_patch import patch
from tf_loadops.csv.numeric_round import nearest
from tf_loadops.csv.numeric_scan import (
    LF,
    Scan,
    Separators,
    ends_rows,
    locate,
    row_end,
    scan,
)
from tf_loadops.csv.numeric_short import pack, read_short, unpack, windows
from tf_loadops.csv.numeric_types import Group, Typed, by_division, grouped, typed

Tensor = Any

_BLOCK = 3 << 15  # fields of one call of a block program: a chunk of usual fields is two calls
_MANY = 32  # a block with more than one hard field in so many is read again by the program for long ones
_LOOK, _SHORT = 64, 15  # rows that are looked at for the average bytes of a field and its separator


class NumericResult(NamedTuple):
    """What was parsed; only `clean` means anything where it is False.

    Attributes:
      values: per dtype (as in `groups_of`) a Tensor [rows, its columns], in the order asked for.
      missing: per dtype a bool Tensor of the same shape; values there are NaN, 0 or False.
      clean: bool scalar, whether the text is one that this engine reads.
      any_missing: bool scalar, whether any field is missing.
    """

    values: dict[str, Tensor]
    missing: dict[str, Tensor]
    clean: Tensor
    any_missing: Tensor


def parse_numeric(
    text: Tensor,
    offset: Tensor,
    n_file_columns: Tensor,
    index: Tensor,
    dtypes: Sequence[str],
    delimiter: str = ",",
    na_words: Sequence[Sequence[str]] | None = None,
) -> NumericResult:
    r"""Parses the rows of a CSV text whose wanted columns are numbers and bools.

    Args:
      text: string scalar, the text; blank lines, quotes and NULs make it unclean.
      offset: integer scalar, the byte at which the first row begins: behind the header, or 0.
      n_file_columns: integer scalar, how many fields a row has.
      index: integer [k], which of them are wanted; others are skipped and may hold any text.
      dtypes: k names out of float32, float64, int32, int64 and bool.
      delimiter: one ASCII character.
      na_words: for each of the k columns, the words that mean "missing"; only "" by default.

    Returns:
      The result. It is unclean where a row has another number of fields than `n_file_columns`, where a wanted field
      is neither a value of its dtype nor missing, and where the text holds anything that only the general engine reads
      or words a refusal for.

    Example:
      >>> result = parse_numeric(tf.constant("1,x,.5\n2,y,\n"), 0, 3, [2, 0], ("float32", "int64"))
      >>> bool(result.clean), result.values["int64"].numpy().tolist(), result.missing["float32"].numpy().tolist()
      (True, [[1], [2]], [[False], [True]])
    """
    if tf.executing_eagerly():
        arguments = (tf.constant(text), offset, n_file_columns, index)
        return tf.function(parse_numeric, autograph=False)(*arguments, tuple(dtypes), delimiter, na_words)
    names = tuple(dtypes)
    words = tuple(map(tuple, na_words)) if na_words is not None else (("",),) * len(names)
    order = [i for dtype in dict.fromkeys(names) for i, name in enumerate(names) if name == dtype]
    groups = tuple(
        Group(dtype, tuple(words[i] for i in order if names[i] == dtype)) for dtype in dict.fromkeys(names)
    )
    wanted = tf.gather(tf.cast(index, tf.int64), order)
    engine = _Engine(groups, ord(delimiter), tf.cast(n_file_columns, tf.int64), wanted)
    table, clean, any_missing = engine.run(text, tf.cast(offset, tf.int32))
    return NumericResult(
        {group.dtype: part for group, part in zip(groups, table.values, strict=True)},
        {group.dtype: part for group, part in zip(groups, table.missing, strict=True)},
        clean,
        any_missing,
    )


class _Engine:
    """The engine for one call: static types, and the runtime tensors that every chunk needs."""

    def __init__(self, groups: tuple[Group, ...], delimiter: int, fields: Tensor, wanted: Tensor) -> None:
        self.groups = groups
        self.delimiter = delimiter
        self.columns = sum(len(group.words) for group in groups)
        # A row of more fields than fit a chunk is found out chunk by chunk; here only nonsense is kept out.
        self.possible = (fields > 0) & tf.reduce_all((wanted >= 0) & (wanted < fields))
        self.fields = tf.maximum(fields, 1)
        self.wanted = tf.clip_by_value(wanted, 0, self.fields - 1)
        in_order = tf.reduce_all(tf.equal(wanted, tf.range(self.columns, dtype=tf.int64)))
        self.everything = tf.equal(fields, self.columns) & in_order
        self.block_rows = max(1, _BLOCK // self.columns)

    def run(self, text: Tensor, offset: Tensor) -> tuple[Typed, Tensor, Tensor]:
        """The rows of all chunks, whether they are clean, and whether a field may be missing."""
        size = tf.strings.length(text)
        crlf, promising = look(text, offset, size)
        start_ok = self.possible & promising & (size <= LIMIT) & (size >= 0)
        end = tf.where(start_ok, size, offset)
        tail = tf.where(crlf, "\r\n", "\n")
        last = tf.strings.substr(text, tf.maximum(size - 1, 0), tf.minimum(size, 1))
        tail = tf.where(tf.equal(last, "\n"), "", tf.where(tf.equal(last, "\r"), "\n", tail))

        oks = tf.TensorArray(tf.bool, 0, dynamic_size=True, element_shape=[2], infer_shape=False)

        def body(i: Tensor, low: Tensor, arrays: Typed, oks: Any) -> Any:
            high, found = cut(text, low, end)
            chunk = window(text, low, high, size, tail)
            part, ok, gaps = self._parse(chunk, lambda: tf.strings.substr(text, low, high - low), crlf)
            arrays = tf.nest.map_structure(lambda array, value: array.write(i, value), arrays, part)
            # Without a row end in a whole chunk there is no place to cut: the rest is left alone.
            return i + 1, tf.where(found, high, end), arrays, oks.write(i, tf.stack([ok & found, ~gaps]))

        state = (tf.constant(0), offset, self._arrays(), oks)
        _, _, arrays, oks = tf.while_loop(lambda i, low, *_: low < end, body, state, parallel_iterations=in_flight())
        table = tf.nest.map_structure(lambda array: array.concat(), arrays)
        clean, complete = tf.unstack(tf.reduce_all(oks.stack(), 0))
        return table, start_ok & clean, ~complete

    def _arrays(self, hard: bool = False) -> Typed:
        def array(dtype: Any, columns: int) -> Any:
            return tf.TensorArray(dtype, 0, dynamic_size=True, element_shape=[None, columns], infer_shape=False)

        def masks() -> tuple[Any, ...]:
            return tuple(array(tf.bool, len(group.words)) for group in self.groups)

        values = tuple(array(group.dtype, len(group.words)) for group in self.groups)
        return Typed(values, masks(), masks() if hard else ())

    def _parse(self, chunk: Window, piece: Callable[[], Tensor], crlf: Tensor) -> tuple[Typed, Tensor, Tensor]:
        found = Scan(*_program(_scan_program, self.delimiter, xla())(chunk.words, chunk.length, crlf))
        rows, count, strange = found.unpack()
        usual = tf.equal(strange, 0) & tf.equal(count, rows * self.fields)
        places = locate(found.markers, count)
        eol = row_end(crlf)

        def parse() -> tuple[Typed, Tensor, Tensor]:
            table, regular, any_hard, any_missing = self._blocks(chunk, places, rows, eol)
            table, ok = tf.cond(
                any_hard & regular,
                lambda: apart(
                    lambda: patch(table, piece(), found.markers, places, self.fields, self.wanted, self.groups, crlf)
                ),
                lambda: (table._replace(hard=()), ~any_hard),
            )
            # A row of one empty field is a blank line, which is no row.
            blank = tf.equal(self.fields, 1) & any_missing
            return table, ok & regular & ~blank, any_missing | any_hard

        def nothing() -> tuple[Typed, Tensor, Tensor]:
            def empty(dtypes: Sequence[Any]) -> tuple[Tensor, ...]:
                return tuple(tf.zeros([0, len(g.words)], d) for g, d in zip(self.groups, dtypes, strict=True))

            none = Typed(empty([g.dtype for g in self.groups]), empty([tf.bool] * len(self.groups)), ())
            return none, tf.constant(False), tf.constant(False)

        return tf.cond(usual, parse, nothing)

    def _blocks(self, chunk: Window, places: Separators, rows: Tensor, eol: Tensor) -> Any:
        """All rows of a chunk, in blocks of one static shape."""

        def chosen() -> Tensor:
            return tf.gather(tf.reshape(places.group, [-1, self.fields]), self.wanted, axis=1)

        ends = tf.cond(self.everything, lambda: tf.reshape(places.group, [-1, self.columns]), chosen)
        row_ends = places.group[self.fields - 1 :: self.fields]
        height = self.block_rows
        blocks = (rows + height - 1) // height
        # The last block is filled up with copies of the last row, which change nothing that is asked about all rows.
        last = tf.minimum(tf.range(rows, blocks * height), rows - 1)
        ends = tf.reshape(tf.concat([ends, tf.gather(ends, last)], 0), [-1])
        row_ends = tf.concat([row_ends, tf.gather(row_ends, last)], 0)
        short, long = (_program(b, self.groups, self.delimiter, height, xla()) for b in (_short_program, _long_program))

        def body(i: Tensor, arrays: Typed, flags: Tensor, use_long: Tensor) -> Any:
            at = i * height
            block = tf.ensure_shape(ends[at * self.columns : (at + height) * self.columns], [height * self.columns])
            lines = tf.ensure_shape(row_ends[at : at + height], [height])
            operands = (chunk.words, block, lines, places.shift, eol, rows > 0)
            part = tf.cond(use_long, lambda: long(*operands), lambda: short(*operands))
            many = ~use_long & (part[-2][0] > height * self.columns // _MANY)
            *part, seen, in_order = tf.cond(many, lambda: long(*operands), lambda: part)
            arrays = tf.nest.map_structure(lambda a, value: a.write(tf.cast(i, tf.int32), value), arrays, Typed(*part))
            return i + 1, arrays, flags | tf.concat([[~in_order], seen > 0], 0), use_long | many

        state = (tf.constant(0, tf.int64), self._arrays(hard=True), tf.zeros([3], tf.bool), self._long(places, rows))
        _, arrays, flags, _ = tf.while_loop(lambda i, *_: i < blocks, body, state, parallel_iterations=1)
        table = tf.nest.map_structure(lambda array: array.concat()[:rows], arrays)
        return table, ~flags[0], flags[1], flags[2]


    def _long(self, places: Separators, rows: Tensor) -> Tensor:
        """Whether the wanted fields look too long for the short program, by some of the chunk's rows."""
        some = tf.range(1, tf.maximum(tf.minimum(rows, _LOOK), 1))
        field = tf.reshape(some[:, None] * self.fields + self.wanted, [-1])
        groups = tf.reduce_sum(tf.gather(places.group, field) - tf.gather(places.group, field - 1))
        return SHL(groups, places.shift) > _SHORT * tf.size(field, tf.int64)


@functools.lru_cache(maxsize=64)
def _program(build: Callable[..., Any], *key: Any) -> Any:
    *arguments, compiled = key
    return tf.function(build(*arguments), jit_compile=compiled or None, autograph=False)


def _scan_program(delimiter: int) -> Callable[..., Any]:
    def csv_scan(words: Tensor, length: Tensor, crlf: Tensor) -> Any:
        return tuple(scan(words, length, crlf, delimiter))

    return csv_scan


def _short_program(groups: tuple[Group, ...], delimiter: int, height: int) -> Callable[..., Any]:
    def csv_short(words: Tensor, ends: Tensor, row_ends: Tensor, shift: Tensor, eol: Tensor, any_rows: Tensor) -> Any:
        mark = u64(repeat(delimiter))
        group = grouped(tf.reshape(ends, [height, -1]), groups)

        def read() -> Tensor:
            high, low = windows(words, group, shift, [mark, eol], 2)
            return pack(read_short(high, low, [mark, u64(repeat(LF))]))

        # Always true, but XLA can't know: a branch is computed once, where plain values are fused into each of the
        # program's outputs and computed for each of them again. (Optimization barriers are taken out before that.)
        packed = tf.cond(any_rows, read, lambda: tf.zeros_like(group, tf.uint64))
        number = unpack(packed)
        table = typed(number, *by_division(number), groups, height)
        return (*table, tf.reduce_all(ends_rows(words, row_ends, shift, eol, delimiter)))

    return csv_short


def _long_program(groups: tuple[Group, ...], delimiter: int, height: int) -> Callable[..., Any]:
    def csv_long(words: Tensor, ends: Tensor, row_ends: Tensor, shift: Tensor, eol: Tensor, any_rows: Tensor) -> Any:
        mark = u64(repeat(delimiter))
        group = grouped(tf.reshape(ends, [height, -1]), groups)
        none = tf.zeros_like(group, tf.uint64)

        def read() -> tuple[Tensor, Tensor]:
            number = read_long(words, group, shift, [mark, eol], [mark, u64(repeat(LF))])
            return number.mantissa, pack_long(number)

        # As in the short program: what stands in a branch is computed once.
        number = unpack_long(*tf.cond(any_rows, read, lambda: (none, none)))
        no_value = tf.cast(none, tf.float64), tf.zeros_like(group, tf.bool)
        value, unsure = tf.cond(any_rows, lambda: nearest(number.mantissa, number.power), lambda: no_value)
        table = typed(number, tf.where(number.negative, -value, value), unsure, groups, height)
        return (*table, tf.reduce_all(ends_rows(words, row_ends, shift, eol, delimiter)))

    return csv_long
