"""Payloads that go on behind their page: where in the file each of their bytes is."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from tf_loadops.bytesops.bigendian import top, word_at
from tf_loadops.sql.scan_file import File
from tf_loadops.sql.scan_pages import ranges, repeat_by

Tensor = Any


class Chains(NamedTuple):
    """The overflow pages of some rows.

    Attributes:
      pages: int32 [all], one chain after another, and a 0 at the end.
      first: int32 [rows], which of them is the row's first.
      start: int32 [rows], where in the file the row's payload begins.
      inside: int32 [rows], how many bytes of it lie there.
      room: int32 scalar, how many lie on an overflow page.
      ok: bool scalar.
    """

    pages: Tensor
    first: Tensor
    start: Tensor
    inside: Tensor
    room: Tensor
    ok: Tensor


def follow(file: File, start: Tensor, inside: Tensor, size: Tensor) -> Chains:
    """Finds the overflow pages of rows.

    Args:
      file: the database.
      start: int32 [rows], where in the file a row's payload begins.
      inside: int32 [rows], how many bytes of it lie there; the number of the next page stands behind them.
      size: int32 [rows], all of its bytes.

    Returns:
      The chains. They are not `ok` if they have more pages than the file or leave it.
    """
    room = file.usable - 4
    lengths = (size - inside + room - 1) // room
    total = tf.reduce_sum(tf.cast(lengths, tf.int64))
    ok = total <= tf.cast(file.pages, tf.int64)
    lengths = tf.where(ok, lengths, 0)
    splits, slot = ranges(tf.zeros_like(lengths), lengths)  # slot: which page of its chain
    head = tf.where(lengths > 0, top(word_at(file.words, start + inside), 4) - 1, 0)
    pages = tf.where(tf.equal(slot, 0), _in_file(repeat_by(head, splits), file), 0)
    jump = _in_file(top(word_at(file.words, tf.range(file.pages) * file.page_size), 4) - 1, file)

    def double(step: Tensor, pages: Tensor, jump: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        # The first `step` pages of each chain are known, and `jump` leads that far: so as many again become known.
        known = tf.gather(pages, tf.maximum(tf.range(tf.size(pages)) - step, 0))
        fresh = (slot >= step) & (slot - step < step)
        return step * 2, tf.where(fresh, tf.gather(jump, known), pages), tf.gather(jump, jump)

    longest = tf.reduce_max(tf.concat([lengths, [0]], 0))
    shapes = (tf.TensorShape([]), tf.TensorShape([None]), tf.TensorShape([None]))
    state = (tf.constant(1), pages, jump)
    _, pages, _ = tf.while_loop(lambda step, *_: step < longest, double, state, shapes, parallel_iterations=1)
    ok &= tf.reduce_all(pages > 0)
    return Chains(tf.concat([pages, [0]], 0), splits[:-1], start, inside, room, ok)


def _in_file(pages: Tensor, file: File) -> Tensor:
    return tf.where((pages > 0) & (pages < file.pages), pages, 0)


def bytes_of(file: File, chains: Chains, rows: Tensor, offsets: Tensor) -> Tensor:
    """Single bytes of payloads.

    Args:
      file: the database.
      chains: of the rows.
      rows: int32 [n], the rows.
      offsets: int32 [n, k], which bytes of the payload.

    Returns:
      uint8 [n, k]; undefined behind the payload's end.
    """
    before, first, start = (tf.gather(part, rows)[:, None] for part in (chains.inside, chains.first, chains.start))
    behind = tf.maximum(offsets - before, 0)
    slot = tf.minimum(first + behind // chains.room, tf.size(chains.pages) - 1)
    outside = tf.gather(chains.pages, slot) * file.page_size + 4 + behind % chains.room
    at = tf.where(offsets < before, start + offsets, outside)
    return tf.gather(byte_view(file.words), reversed_in_words(at))


def words_of(file: File, chains: Chains, rows: Tensor, offsets: Tensor) -> Tensor:
    """The eight bytes from each of `offsets`, int32 [n], on: uint64 [n], the first byte highest."""
    read = bytes_of(file, chains, rows, offsets[:, None] + tf.range(8))
    return tf.bitcast(tf.reverse(read, [1]), tf.uint64)


def segments(file: File, chains: Chains, rows: Tensor, offsets: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Cuts ranges of payload bytes where they go from page to page.

    Args:
      file: the database.
      chains: of the rows.
      rows: int32 [n], the rows.
      offsets: int32 [n], the first byte of each range in its payload.
      lengths: int32 [n], how many bytes it has.

    Returns:
      Where in the file the pieces begin, and how many bytes they have, both int32 [pieces], in order.
    """
    before, first = tf.gather(chains.inside, rows), tf.gather(chains.first, rows)
    end = offsets + lengths
    low, high = tf.maximum(offsets - before, 0), tf.maximum(end - before, 0)  # the part on overflow pages
    some = tf.cast(high > low, tf.int32)
    page, pages = low // chains.room, some * ((high + chains.room - 1) // chains.room - low // chains.room)
    # One piece for the page itself, maybe empty, then one for each overflow page.
    splits, k = ranges(tf.fill(tf.shape(pages), -1), pages)
    of_page, low, high, first, offset, end, before, start = (
        repeat_by(part, splits)
        for part in (page, low, high, first, offsets, end, before, tf.gather(chains.start, rows))
    )
    number = of_page + k
    begin = tf.maximum(low, number * chains.room)
    stop = tf.minimum(high, (number + 1) * chains.room)
    slot = tf.clip_by_value(first + number, 0, tf.size(chains.pages) - 1)
    outside = tf.gather(chains.pages, slot) * file.page_size + 4 + begin - number * chains.room
    here = k < 0
    length = tf.where(here, tf.maximum(tf.minimum(end, before) - offset, 0), stop - begin)
    return tf.where(here, start + offset, outside), length


def byte_view(words: Tensor) -> Tensor:
    """The buffer's memory as uint8; byte `at` of the file is at `reversed_in_words(at)`."""
    return tf.reshape(tf.bitcast(words, tf.uint8), [-1])


def reversed_in_words(at: Tensor) -> Tensor:
    """Where a byte lies in the memory of big-endian words."""
    return tf.bitwise.bitwise_xor(at, 7)
