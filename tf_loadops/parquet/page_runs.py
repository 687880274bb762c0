"""Pages of any size that follow one another, many at once: what is done for a page takes longer than its values.

They are all PLAIN or all of the dictionary, and of one width. A loop takes page after page out of the file, and what
can be done for all of them at once is done so. It stops before the first page that is different, which is left to the
caller: so nothing here can be wrong with a page.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from tf_loadops.compiled import PURE, call
from tf_loadops.parquet.alike import Pages, first_good, leading_levels
from tf_loadops.parquet.codecs import decompress_all
from tf_loadops.parquet.hybrid import read_indices
from tf_loadops.parquet.levels import Levels, read_runs, spread
from tf_loadops.parquet.numbers import to_numbers
from tf_loadops.parquet.room import UNASKED, lengths
from tf_loadops.parquet.thrift import read_headers
from tf_loadops.parquet.values import DICTIONARIES, Column, Values, states_of

Tensor = Any

_RUN = 4 << 20  # bytes, decompressed, that are taken out of the file at once: more would lie in no cache
_A_ROW = 4  # bytes that count for a row at least: of a repeated value there may be any number in a few
MOST = 1000
"""Pages that are at most; small ones may follow, which are better read in windows."""


def read_run(
    file: Tensor, at: Tensor, end: Tensor, rows: Tensor, codec: Tensor, most: Tensor, indexed: Tensor, column: Column,
    dictionary: Values, dtype: str,
) -> Pages:
    """Reads pages of any size, up to 4 MiB of them, as long as they are not of more than 256 MiB of text.

    Args:
      file: as in `small_pages.read_small`.
      at: as there.
      end: as there.
      rows: as there.
      codec: int32 scalar, one of `codecs.TOGETHER`.
      most: int32 scalar, how many pages at most.
      indexed: bool scalar, whether they are of the dictionary, and not PLAIN.
      column: as there, but neither a bool nor of values without a width, unless `indexed`.
      dictionary: the column chunk's.
      dtype: any, but a string only if `indexed`.

    Returns:
      The pages; none where the first is no such page.

    Source: parquet.thrift, PageHeader; Data.md of the Parquet format.
    """
    tensors = (file, at, end, rows, codec, most, indexed, *column, *dictionary)
    return Pages(*call(_run, *tensors, static=(dtype,), how=PURE))


def _run(
    file: Tensor, at: Tensor, end: Tensor, rows: Tensor, codec: Tensor, most: Tensor, indexed: Tensor, kind: Tensor,
    width: Tensor, scale: Tensor, definition: Tensor, entries: Tensor, bad: Tensor, has_entries: Tensor, dtype: str,
) -> Pages:
    dictionary = Values(entries, bad, has_entries)
    found, after, texts, count, levels = _taken_out(file, at, end, rows, most, indexed, codec)
    beginning = tf.strings.substr(texts, tf.zeros_like(count), tf.minimum(tf.strings.length(texts), 12))
    head = tf.io.decode_raw(beginning, tf.uint8, fixed_length=12)
    before, sound, full = leading_levels(head, tf.strings.length(texts), count, levels, definition)
    sound &= indexed | (width > 0)
    plainly = ~indexed & tf.reduce_all(full)

    def together() -> _Rows:
        good = sound & (count <= (tf.strings.length(texts) - before) // tf.maximum(width, 1))
        none = (tf.zeros([0], tf.bool), tf.zeros([0], tf.int32))
        return _Rows(first_good(good), count, tf.constant(True), *none)

    def each() -> _Rows:
        goal = first_good(sound)
        # Of a long one a few bytes may stand for any number; of numbers, `_taken_out` sees that.
        held = lengths(dictionary.values) if dtype == "string" else None
        return _one_by_one(texts, before, count, full, goal, indexed, width, definition, dictionary, held)

    read = _Rows(*tf.cond(plainly, together, each))
    texts, before, present = (part[: read.taken] for part in (texts, before, read.present))

    def plain() -> tuple[Tensor, Tensor]:
        return to_numbers(_bytes_of(texts, before, present * width), kind, width, scale, dtype)

    def looked_up() -> tuple[Tensor, Tensor]:
        index = tf.ensure_shape(read.index, [None])
        fine = lambda: tf.zeros_like(index, tf.bool)  # noqa: E731
        some_bad = tf.reduce_any(dictionary.bad)
        return tf.gather(dictionary.values, index), tf.cond(some_bad, lambda: tf.gather(dictionary.bad, index), fine)

    values, bad = looked_up() if dtype == "string" else tf.cond(indexed, looked_up, plain)
    valid = tf.ensure_shape(read.valid, [None])
    values, states = tf.cond(
        read.complete, lambda: (values, states_of(bad)), lambda: spread(values, bad, valid)
    )
    ends = tf.concat([[at], after], 0)
    return Pages(read.taken, ends[read.taken], values, states, (read.taken > 1) & (2 * read.taken >= found))


def _taken_out(
    file: Tensor, at: Tensor, end: Tensor, rows: Tensor, most: Tensor, indexed: Tensor, codec: Tensor
) -> tuple[Tensor, ...]:
    """Pages that have the right headers: their number, where each ends, its text, rows, and the Encoding of its levels.

    There is none of them, whatever the number, if they cannot be decompressed.
    """

    def goes_on(at: Tensor, left: Tensor, room: Tensor, alike: Tensor, found: Tensor, *_: Any) -> Tensor:
        return alike & (left > 0) & (room > 0) & (at < end) & (found < most)

    def step(at: Tensor, left: Tensor, room: Tensor, alike: Tensor, found: Tensor, texts: Any, pages: Any) -> Any:
        headers = read_headers(file, at, end, 1)
        # Zeros where there is no header.
        first = tf.concat([tf.pad(headers.start, [[0, 1]])[:1], tf.pad(headers.fields, [[0, 1], [0, 0]])[0]], 0)
        start, page_type, decompressed, size, count, encoding, levels = tf.unstack(first, num=7)
        by_index = tf.reduce_any(tf.equal(encoding, tf.constant(DICTIONARIES)))
        alike = tf.equal(page_type, 0) & tf.where(indexed, by_index, tf.equal(encoding, 0))
        alike &= (count > 0) & (count <= left) & (decompressed > 0) & (size > 0)
        alike &= (decompressed <= room) & (count <= room // _A_ROW)
        after = at + start + size
        text = tf.strings.substr(file, at + start, tf.where(alike, size, 0))
        number = tf.where(alike, 1, 0)
        return (
            tf.where(alike, after, at), left - number * count,
            room - number * tf.maximum(decompressed, _A_ROW * count), alike, found + number,
            texts.write(found, text), pages.write(found, tf.stack([after, decompressed, count, levels])),
        )

    zero, yes = tf.constant(0), tf.constant(True)
    texts = tf.TensorArray(tf.string, 0, dynamic_size=True, element_shape=[])
    pages = tf.TensorArray(tf.int32, 0, dynamic_size=True, element_shape=[4])
    state = (at, rows, tf.constant(_RUN), yes, zero, texts, pages)
    *_, found, texts, pages = tf.while_loop(goes_on, step, state, parallel_iterations=1)
    after, size, count, levels = tf.unstack(pages.stack()[:found], axis=1)
    texts, ok = decompress_all(texts.stack()[:found], codec, size)
    held = tf.where(ok, found, 0)
    return found, after[:held], texts, count[:held], levels[:held]


class _Rows(NamedTuple):
    """What pages hold besides the bytes of their values.

    Attributes:
      taken: int32 scalar, how many of the pages can be read so.
      present: int32 [taken or more], how many values each has.
      complete: bool scalar, whether all rows have one.
      valid: bool [rows], whether each has one; anything if `complete`.
      index: int32 [values], of those of a dictionary, else empty.
    """

    taken: Tensor
    present: Tensor
    complete: Tensor
    valid: Tensor
    index: Tensor


def _one_by_one(
    texts: Tensor, before: Tensor, count: Tensor, full: Tensor, goal: Tensor, indexed: Tensor, width: Tensor,
    definition: Tensor, dictionary: Values, held: Tensor | None,
) -> _Rows:
    """The levels and indices of pages, up to one where they cannot be read, or that has too much text.

    `held` are the bytes of each entry of the dictionary, if they are of any length.
    """
    known = tf.where(dictionary.ok, tf.size(dictionary.values), 0)

    def step(i: Tensor, ok: Tensor, complete: Tensor, total: Tensor, present: Any, valid: Any, indices: Any) -> Any:
        text, start, rows = (tf.gather(part, i) for part in (texts, before, count))
        runs = tf.strings.substr(text, tf.minimum(4, start), tf.maximum(start - 4, 0))
        every = Levels(tf.constant(True), tf.zeros([0], tf.bool), rows, tf.constant(0), tf.constant(True))
        levels = tf.cond(tf.gather(full, i), lambda: every, lambda: read_runs(runs, rows, definition))
        there = tf.where(levels.ok, levels.present, 0)
        fits = indexed | (there <= (tf.strings.length(text) - start) // tf.maximum(width, 1))
        none = (tf.zeros([0], tf.int32), tf.constant(True))
        index, found = tf.cond(indexed & (there > 0), lambda: read_indices(text, start, there, known), lambda: none)
        if held is not None:
            total += tf.reduce_sum(tf.gather(held, index))
        ok = levels.ok & fits & found & (total <= UNASKED)
        all_valid = tf.ones([tf.where(levels.complete & ok & (definition > 0), rows, 0)], tf.bool)
        some_valid = tf.ensure_shape(levels.valid, [None])[: tf.where(ok, rows, 0)]
        return (
            i + 1, ok, complete & (levels.complete | ~ok), total, present.write(i, there),
            valid.write(i, tf.concat([all_valid, some_valid], 0)), indices.write(i, index[: tf.where(ok, there, 0)]),
        )

    present = tf.TensorArray(tf.int32, 0, dynamic_size=True, element_shape=[])
    vectors = [
        tf.TensorArray(kind, 0, dynamic_size=True, element_shape=[None], infer_shape=False)
        for kind in (tf.bool, tf.int32)
    ]
    yes = tf.constant(True)
    state = (tf.constant(0), yes, yes, tf.constant(0, tf.int64), present, *vectors)
    done, ok, complete, _, present, valid, indices = tf.while_loop(
        lambda i, ok, *_: ok & (i < goal), step, state, parallel_iterations=1
    )
    taken = tf.where(ok, done, done - 1)
    return _Rows(taken, present.stack(), complete, _joined(valid, done), _joined(indices, done))


def _joined(parts: Any, number: Tensor) -> Tensor:
    """All of a TensorArray's vectors, of which there are so many, behind one another."""
    nothing = lambda: tf.zeros([0], parts.dtype)  # noqa: E731
    return tf.cond(number > 0, lambda: tf.ensure_shape(parts.concat(), [None]), nothing)


def _bytes_of(texts: Tensor, start: Tensor, size: Tensor) -> Tensor:
    """Pieces of texts, one behind another: uint8 [sum of the sizes]."""
    pieces = tf.strings.substr(texts, start, size)
    longest = tf.maximum(tf.reduce_max(size), 1)

    def of_one_size() -> Tensor:
        each = tf.io.decode_raw(pieces, tf.uint8, fixed_length=longest)
        return tf.reshape(each, [-1])[: tf.reduce_sum(size)]

    def of_any() -> Tensor:
        return tf.io.decode_raw(tf.strings.reduce_join(pieces), tf.uint8)

    # Most writers fill all pages but the last; joining them first would be one copy more.
    full = tf.reduce_all(tf.equal(size[:-1], longest))
    return tf.ensure_shape(tf.cond(full, of_one_size, of_any), [None])
