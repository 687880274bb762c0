"""Rows of leaf pages as records: where each field lies, and of which type it is; compiles under XLA."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from tf_loadops.bytesops.bigendian import Reader, ShortVarint, top, varint
from tf_loadops.bytesops.swar import AND, SHR, u64

Tensor = Any

ABSENT = -1
"""The type of a field that the row does not hold, since its column was added later."""

FIRST_BLOB = 12  # types from here on are blobs (even) and texts (odd), two more for each byte
_SIZES = 0x0088643210  # bytes of types 0 to 9, four bits each


class Sizes(NamedTuple):
    """Int32 scalars that are the same for all pages: size, usable bytes, bytes in front of the header."""

    page: Tensor
    usable: Tensor
    lead: Tensor


class Records(NamedTuple):
    """The rows of a window; positions are bytes in the window.

    Attributes:
      rowid: int64 [rows].
      start: int32 [rows], where the payload begins.
      inside: int32 [rows], how much of it lies on the page.
      size: int32 [rows], its bytes, overflow pages included.
      types: int32 [columns, rows], the fields' serial types, or ABSENT.
      at: int32 [columns, rows], where the fields begin, as if the payload were one piece.
      ok: bool [rows]; where False, all else is safe to compute with, but means nothing.
    """

    rowid: Tensor
    start: Tensor
    inside: Tensor
    size: Tensor
    types: Tensor
    at: Tensor
    ok: Tensor


def read_records(words: Tensor, always: Tensor | None, pointers: Tensor, sizes: Sizes, columns: int) -> Records:
    """Reads the rows' headers.

    Args:
      words: uint64 [n], whole pages, big-endian.
      always: as for `Reader`.
      pointers: int32 [rows], where the pointers to the rows stand in them.
      sizes: of the pages.
      columns: how many columns the table has.

    Returns:
      The records. Not ok are, besides broken ones: fields and payloads of 2 ** 28 bytes and more, and rows whose header
      does not fit on their page.

    Source: sqlite.org/fileformat2.html, "B-tree Cell Format" and "Record Format".
    """
    read = Reader(words, always)
    page = AND(pointers, -sizes.page)
    cell = page + top(read.word(pointers), 2)
    content = top(read.word(page + sizes.lead), 2, 5)
    ok = cell - page >= tf.where(tf.equal(content, 0), 65536, content)

    size = read.varint(cell)
    at = cell + size.length
    rowid, length = varint(read.word(at), SHR(read.word(at + 8), u64(56)))
    start = at + length
    inside, stored = _on_page(size.value, sizes.usable)
    ok &= size.short & (start + stored <= page + sizes.usable)

    head = read.varint(start)
    ok &= head.short & (head.length <= head.value) & (head.value <= inside)
    end, body_end = start + tf.where(ok, head.value, 0), start + size.value  # 0 keeps positions small from here on
    types, fields, ok = _fields(words, start + head.length, end, body_end, columns, ok)
    return Records(rowid, start, inside, size.value, types, fields, ok)


def _on_page(size: Tensor, usable: Tensor) -> tuple[Tensor, Tensor]:
    """How much of a payload lies on its page, and how many bytes of the page that takes."""
    most, least = usable - 35, (usable - 12) * 32 // 255 - 23
    kept = least + tf.maximum(size - least, 0) % (usable - 4)
    overflows = size > most
    inside = tf.where(overflows, tf.where(kept <= most, kept, least), size)
    return inside, tf.where(overflows, inside + 4, inside)


def _fields(
    words: Tensor, at: Tensor, end: Tensor, body_end: Tensor, columns: int, ok: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Types and places of all fields, column by column."""

    def column(j: Tensor, packed: Tensor, at: Tensor, body: Tensor, ok: Tensor, types: Any, places: Any) -> Any:
        kind = ShortVarint(packed)
        there = at < end
        next_at, next_body = at + kind.length, body + size_of(kind.value)
        good = kind.short & tf.not_equal(kind.value, 10) & tf.not_equal(kind.value, 11)
        good &= (next_at <= end) & (next_body <= body_end)
        ok &= good | ~there
        there &= good
        types = types.write(j, tf.where(there, kind.value, ABSENT))
        places = places.write(j, body)
        at, body = tf.where(there, next_at, at), tf.where(there, next_body, body)
        return j + 1, ShortVarint.read(words, at).packed, at, body, ok, types, places

    # A loop rather than one long expression: XLA would compute the positions of all columns before for each one anew.
    # And the next type is part of its state, since XLA also computes each of the state's parts by itself: like this
    # only one of them reads memory.
    arrays = [tf.TensorArray(tf.int32, columns, element_shape=at.shape) for _ in range(2)]
    state = (tf.constant(0), ShortVarint.read(words, at).packed, at, tf.minimum(end, body_end), ok, *arrays)
    _, _, at, body, ok, types, places = tf.while_loop(
        lambda j, *_: j < columns, column, state, maximum_iterations=columns, parallel_iterations=1
    )
    # Headers that name more fields than there are columns, and payloads with something left over, are strange.
    return types.stack(), places.stack(), ok & tf.equal(at, end) & tf.equal(body, body_end)


def size_of(kind: Tensor) -> Tensor:
    """The bytes of fields of these serial types, int32; none of ABSENT."""
    small = tf.cast(tf.clip_by_value(kind, 0, 11), tf.uint64)
    fixed = tf.cast(AND(SHR(u64(_SIZES), small * u64(4)), u64(15)), tf.int32)
    return tf.where(kind >= FIRST_BLOB, SHR(kind - FIRST_BLOB, 1), fixed)
