"""Column chunks: their pages one after another, as the values of one dtype."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import tensorflow as tf

from tf_loadops.compiled import SIDE_BY_SIDE, call, due, in_flight, looked_at
from tf_loadops.parquet import codecs
from tf_loadops.parquet import leaves as k
from tf_loadops.parquet.alike import MOST, SMALL, Pages, no_pages, read_run, read_small
from tf_loadops.parquet.levels import read_levels, spread
from tf_loadops.parquet.pages import DATA, DATA_V2, DICTIONARY, Page, read_page
from tf_loadops.parquet.values import (
    DICTIONARIES,
    ENCODINGS,
    PLAIN,
    PRESENT,
    UNKNOWN,
    Column,
    Values,
    no_values,
    read_values,
    states_of,
)

Tensor = Any

# What is wrong with a chunk.
OK, BAD_HEADER, BAD_COMPRESSION, BAD_LEVELS, BAD_VALUES, BAD_ENCODING, BAD_COUNT, ALL_EMPTY = range(8)
_UNFINISHED = -1  # more pages than were asked for

# Op by op a page takes about 0.06 s more than in a graph; a third of it, for the graph costs thrice what `due` thinks.
_A_PAGE = 0.02
_ROWS_OF_A_PAGE = 20_000  # as most writers have it
_FEW = 20  # pages of a column chunk that are read op by op; before, there is no telling how many there are
_ALL = 2**31 - 1
# How many pages are to be read together: some at first, more where that paid, and none for a while where it did not,
# which counts up to 0, and then a few. Small ones are looked for in windows until these are cut short by others.
_SOME, _MORE, _WHILE, _FEWER = 32, 8, 16, 4
_EMPTY = 1000  # pages one behind another that may be without a value; a hostile file has one for every few bytes


class Chunks(NamedTuple):
    """The rows of column chunks, one chunk after another.

    Attributes:
      values: [all rows] of the dtype; anything where there is none.
      states: uint8 [all rows], PRESENT, MISSING or OUT_OF_RANGE; empty where all are PRESENT.
      troubles: int32 [chunks, 3]: OK or what is wrong, and then the page that it is wrong with, from 0, and that page's
        encoding. A chunk with which something is wrong has no rows.
    """

    values: Tensor
    states: Tensor
    troubles: Tensor


def read_chunks(
    file: Tensor, start: Tensor, end: Tensor, rows: Tensor, codec: Tensor, column: Column, dtype: str
) -> Chunks:
    """Reads column chunks, several at a time.

    Args:
      file: string scalar, the whole file.
      start: int32 [chunks], where the first page of each begins.
      end: int32 [chunks], where its last page ends.
      rows: int32 [chunks], how many rows each has.
      codec: int32 [chunks], a CompressionCodec that is `codecs.readable`.
      column: what each is of, `values.readable` as the dtype; its parts are [chunks].
      dtype: the dtype.

    Returns:
      The chunks.
    """
    each = tf.stack([start, end, rows, codec, *column], axis=1)
    if tf.executing_eagerly():
        found = _op_by_op(file, each, dtype)
        if found is not None:
            return found
    return Chunks(*call(_read_all, file, each, static=(dtype,), now=True))


def _op_by_op(file: Tensor, each: Tensor, dtype: str) -> Chunks | None:
    """What an eager caller gets without a graph; nothing where it is worth one."""
    pages = int(tf.reduce_sum(1 + each[:, 2] // _ROWS_OF_A_PAGE))
    if due(_read_all, (dtype,), _A_PAGE * pages):
        return None
    found = [(tf.zeros([0], dtype), tf.zeros([0], tf.uint8), tf.zeros([0, 3], tf.int32))]
    for chunk in tf.unstack(each):
        with tf.device("CPU:0"):  # as in a graph
            values, states, trouble, _ = _read(file, chunk, dtype, _FEW)
        if int(trouble[0]) == _UNFINISHED:
            due(_read_all, (dtype,), math.inf)  # from now on there is a graph
            return None
        found.append((values, states, trouble[None]))
    if any(tf.size(states) > 0 for _, states, _ in found):
        found = [(values, _padded(states, tf.size(values)), trouble) for values, states, trouble in found]
    return Chunks(*(tf.concat(parts, 0) for parts in zip(*found, strict=True)))


def _read_all(file: Tensor, each: Tensor, dtype: str) -> tuple[Tensor, ...]:
    total = tf.shape(each)[0]

    def body(i: Tensor, values: Any, states: Any, troubles: Any, complete: Tensor) -> Any:
        part = call(_read, file, tf.gather(each, i), static=(dtype, _ALL), how=SIDE_BY_SIDE)
        value, state, trouble, all_present = part
        return i + 1, values.write(i, value), states.write(i, state), troubles.write(i, trouble), complete & all_present

    arrays = (*_arrays(dtype, total), tf.TensorArray(tf.int32, total, element_shape=[3]))
    _, values, states, troubles, complete = tf.while_loop(
        lambda i, *_: i < total, body, (tf.constant(0), *arrays, tf.constant(True)), parallel_iterations=in_flight()
    )
    troubles = troubles.stack()

    def padded() -> Tensor:
        rows = tf.where(tf.equal(troubles[:, 0], OK), each[:, 2], 0)
        _, found = tf.while_loop(
            lambda i, _: i < total,
            lambda i, found: (i + 1, found.write(i, _padded(states.read(i), rows[i]))),
            (tf.constant(0), _arrays(dtype, total)[1]),
        )
        return tf.ensure_shape(found.concat(), [None])

    return values.concat(), tf.cond(complete, lambda: tf.zeros([0], tf.uint8), padded), troubles


def _padded(states: Tensor, rows: Tensor) -> Tensor:
    """The states of so many rows, where there are none for PRESENT ones only."""
    return tf.pad(states, [[0, rows - tf.size(states)]])


def _arrays(dtype: str, size: Any) -> list[Any]:
    return [
        tf.TensorArray(kind, size, dynamic_size=not tf.is_tensor(size), element_shape=[None], infer_shape=False)
        for kind in (dtype, tf.uint8)
    ]


def _read(file: Tensor, chunk: Tensor, dtype: str, most: int) -> tuple[Tensor, ...]:
    """One chunk, of at most so many pages: values, states, the row of its trouble, and whether all are PRESENT.

    If they are, there are no states.
    """
    start, end, count, codec, *parts = tf.unstack(chunk, num=8)
    column = Column(*parts)

    def goes_on(i: Tensor, at: Tensor, done: Tensor, dictionary: Values, trouble: Tensor, *_: Any) -> Tensor:
        return (done < count) & tf.equal(trouble, OK) & (i < most)

    def step(
        i: Tensor, at: Tensor, done: Tensor, dictionary: Values, trouble: Tensor, encoding: Tensor, hope: Tensor,
        windows: Tensor, empty: Tensor, parts: Tensor, complete: Tensor, values: Any, states: Any,
    ) -> Any:
        page = read_page(file, at, end)
        is_data = tf.equal(page.type, DATA) | tf.equal(page.type, DATA_V2)
        is_dictionary = tf.equal(page.type, DICTIONARY)
        rows = tf.where(is_data & page.ok, page.values, 0)
        too_many = rows > count - done
        wrong = tf.where(page.ok, tf.where(too_many, BAD_COUNT, OK), tf.where(at < end, BAD_HEADER, BAD_COUNT))
        # Of nothing more can be read than there is.
        page = page._replace(values=tf.where(tf.equal(wrong, OK), page.values, 0))
        way = tf.where(~tf.equal(wrong, OK), 0, tf.where(is_data, 1, tf.where(is_dictionary, 2, 0)))
        one = (tf.constant(1), page.at + page.size, rows)
        indexed = tf.reduce_any(tf.equal(page.encoding, tf.constant(DICTIONARIES)))
        alike = no_pages(dtype)
        if most == _ALL:
            plain = tf.equal(page.encoding, 0) & (column.width > 0) if dtype != "string" else tf.constant(False)
            hopeful = tf.equal(way, 1) & (hope > 0) & (indexed | plain)
            small = hopeful & windows & plain & tf.equal(codec, codecs.NONE) & (page.size < SMALL)
            wanted = tf.where(hopeful, hope, 0)
            alike = _alike(file, page, at, end, count - done, codec, wanted, small, indexed, column, dictionary, dtype)
            way = tf.where(alike.count > 0, 3, way)
            paid, failed = tf.minimum(_MORE * hope, MOST), tf.where(small, _FEWER, -_WHILE)
            hope = tf.where(hopeful, tf.where(alike.paid, paid, failed), hope)
            windows &= ~small | alike.paid

        def nothing() -> tuple[Tensor, ...]:
            return tf.zeros([0], dtype), tf.zeros([0], tf.uint8), *dictionary, wrong, *one

        def data() -> tuple[Tensor, ...]:
            part, state, found = _data(file, page, codec, column, dictionary, dtype)
            return part, state, *dictionary, found, *one

        def entries() -> tuple[Tensor, ...]:
            body, fine = _body(file, page, codec)
            plain = tf.equal(page.encoding, 0) | tf.equal(page.encoding, 2)
            count = tf.where(fine, page.values, 0)
            read = read_values(body, tf.constant(0), count, tf.constant(PLAIN), column, no_values(dtype), dtype)
            found = _first((~fine, BAD_COMPRESSION), (~plain, BAD_ENCODING), (~read.ok, BAD_VALUES))
            return tf.zeros([0], dtype), tf.zeros([0], tf.uint8), *read, found, *one

        def several() -> tuple[Tensor, ...]:
            size = tf.size(alike.values)
            return alike.values, alike.states, *dictionary, tf.constant(OK), alike.count, alike.end, size

        ways = [nothing, data, entries, several]
        part, state, *read, found, taken, behind, rows = tf.switch_case(way, ways)
        part, state = (tf.ensure_shape(tensor, [None]) for tensor in (part, state))
        dictionary = Values(tf.ensure_shape(read[0], [None]), tf.ensure_shape(read[1], [None]), read[2])
        hope = tf.where(hope < 0, hope + 1, tf.where(tf.equal(hope, 0) & (rows > 0), _FEWER, hope))
        present = tf.equal(tf.reduce_max(state), PRESENT)
        windows &= present
        empty = tf.where(rows > 0, 0, empty + 1)
        found = tf.where(tf.equal(found, OK) & (empty > _EMPTY), ALL_EMPTY, found)
        return (
            i + taken, behind, done + rows, dictionary, found, page.encoding, hope, windows, empty, parts + 1,
            complete & present, values.write(parts, part), states.write(parts, state),
        )

    zero = tf.constant(0)
    yes = tf.constant(True)
    nothing_read = (tf.constant(OK), zero, tf.constant(_SOME), yes, zero, zero, yes)
    state = (zero, start, zero, no_values(dtype), *nothing_read, *_arrays(dtype, 0))
    one, many = tf.TensorShape([]), tf.TensorShape([None])
    shapes = (one, one, one, Values(many, many, one), *[one] * 7, *[tf.TensorShape(None)] * 2)
    pages, _, done, _, trouble, encoding, *_, complete, values, states = tf.while_loop(
        goes_on, step, state, shape_invariants=shapes, parallel_iterations=in_flight()
    )
    trouble = tf.where(tf.equal(trouble, OK) & (done < count), _UNFINISHED, trouble)
    looked_at(values, states)

    def joined(parts: Any) -> Tensor:
        return tf.ensure_shape(parts.concat(), [None])

    fine = tf.equal(trouble, OK) & (pages > 0)
    complete |= ~fine
    all_values = tf.cond(fine, lambda: joined(values), lambda: tf.zeros([0], dtype))
    all_states = tf.cond(complete, lambda: tf.zeros([0], tf.uint8), lambda: joined(states))
    return all_values, all_states, tf.stack([trouble, pages - 1, encoding]), complete


def _alike(
    file: Tensor, page: Page, at: Tensor, end: Tensor, rows: Tensor, codec: Tensor, most: Tensor, small: Tensor,
    indexed: Tensor, column: Column, dictionary: Values, dtype: str,
) -> Pages:
    """The pages from this one on that can be read together, at most so many, if there is more than one.

    `small` says that they are to be looked for in a window, `indexed` that this one is of the dictionary.
    """
    together = tf.reduce_any(tf.equal(codec, tf.constant(codecs.TOGETHER)))
    run = together & tf.equal(page.type, DATA) & (indexed | ~tf.equal(column.kind, k.BOOL))
    more = (most > 0) & (page.at + page.size < end)
    ways = [
        lambda: no_pages(dtype),
        lambda: read_run(file, at, end, rows, codec, most, indexed, column, dictionary, dtype),
    ]
    if dtype != "string":
        ways.append(lambda: read_small(file, at, end, rows, column, dtype))
    found = tf.switch_case(tf.where(more, tf.where(small, 2, tf.where(run, 1, 0)), 0), ways)
    values, states = (tf.ensure_shape(part, [None]) for part in (found.values, found.states))
    return found._replace(values=values, states=states)


def _data(
    file: Tensor, page: Page, codec: Tensor, column: Column, dictionary: Values, dtype: str
) -> tuple[Tensor, Tensor, Tensor]:
    """The rows of a data page: their values and states, and what is wrong."""
    body, fine = _body(file, page, codec)
    levels = read_levels(file, page, body, column.definition)
    known = max(ENCODINGS) + 1
    codes = tf.constant([ENCODINGS.get(i, UNKNOWN) for i in range(known)] + [UNKNOWN])
    encoding = tf.gather(codes, tf.where((page.encoding < 0) | (page.encoding > known), known, page.encoding))
    present = tf.where(fine & levels.ok, levels.present, 0)
    read = read_values(body, levels.behind, present, encoding, column, dictionary, dtype)
    # Without a value there is nothing to be wrong with.
    unread = ~read.ok & (present > 0)
    unknown = tf.equal(encoding, UNKNOWN) & (present > 0)
    wrong = _first((~fine, BAD_COMPRESSION), (~levels.ok, BAD_LEVELS), (unknown, BAD_ENCODING), (unread, BAD_VALUES))

    def full() -> tuple[Tensor, Tensor]:
        return read.values, states_of(read.bad)

    def gaps() -> tuple[Tensor, Tensor]:
        return spread(read.values, read.bad, levels.valid)

    def none() -> tuple[Tensor, Tensor]:
        return tf.zeros([0], dtype), tf.zeros([0], tf.uint8)

    way = tf.where(~tf.equal(wrong, OK), 0, tf.where(levels.complete, 1, 2))
    values, states = tf.switch_case(way, [none, full, gaps])
    return values, states, wrong


def _body(file: Tensor, page: Page, codec: Tensor) -> tuple[Tensor, Tensor]:
    """What is compressed of a page, decompressed, and whether that went well."""
    levels = page.repetition + page.definition
    body = tf.strings.substr(file, page.at + levels, page.size - levels)
    size = page.decompressed - levels
    codec = tf.where(tf.equal(page.compressed, 0), codecs.NONE, codec)
    return codecs.decompress(body, codec, size)


def _first(*checks: tuple[Tensor, int]) -> Tensor:
    """The code of the first check that holds, or OK."""
    found = tf.constant(OK)
    for holds, code in reversed(checks):
        found = tf.where(holds, code, found)
    return found
