"""The footer of a file: its leaves, its row groups, and where each column chunk is. Everything is checked here."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from tf_loadops.compiled import ON_HOST, call
from tf_loadops.errors import gate_all
from tf_loadops.parquet.leaves import Leaves, read_leaves
from tf_loadops.parquet.thrift import Tokens, ordinal, path_of, read_struct, table

Tensor = Any

DAMAGED = " The file is damaged, or was not written to its end: write it anew."
_TAIL = 8  # bytes: the footer's length, and the magic
_CHUNK = (4, 0, 1, 0)
_META = (*_CHUNK, 3)
# Those of a column chunk, in the order of `Chunks`.
_FIELDS = (
    (*_META, 1), (*_META, 4), (*_META, 5), (*_META, 7), (*_META, 9), (*_META, 11), (*_META, 12, 3), (*_CHUNK, 1),
    (*_CHUNK, 8),
)


class Chunks(NamedTuple):
    """The column chunks, each attribute int64 [row groups, leaves]; -1 where the file says nothing.

    Attributes:
      type: the physical type.
      codec: the compression.
      values: how many values there are, nulls included.
      size: bytes of all pages, compressed.
      data: where the first data page begins.
      dictionary: where the dictionary page begins.
      nulls: how many values are null.
      elsewhere: the length of another file's name.
      encrypted: not -1 if encrypted.
    """

    type: Tensor
    codec: Tensor
    values: Tensor
    size: Tensor
    data: Tensor
    dictionary: Tensor
    nulls: Tensor
    elsewhere: Tensor
    encrypted: Tensor

    @property
    def start(self) -> Tensor:
        """Where the first page begins, whichever it is."""
        return tf.where((self.dictionary > 0) & (self.dictionary < self.data), self.dictionary, self.data)


class Footer(NamedTuple):
    """What a file's footer says.

    Attributes:
      leaves: the columns.
      rows: int64 [row groups].
      chunks: of all row groups and leaves.
      end: int32 scalar, where the pages end and the footer begins.
    """

    leaves: Leaves
    rows: Tensor
    chunks: Chunks
    end: Tensor


def read_footer(file: Tensor, path: Tensor) -> Footer:
    """Reads and checks the footer.

    Args:
      file: string scalar, the whole file.
      path: string scalar, what messages call it.

    Returns:
      The footer.

    Raises:
      tf.errors.InvalidArgumentError: at run time, if this is no Parquet file, or a damaged or encrypted one.

    Source: the Parquet format, README.md ("File format") and parquet.thrift, FileMetaData.
    """
    return call(_read, file, path, how=ON_HOST)


def _read(file: Tensor, path: Tensor) -> Footer:
    def said(*parts: Any) -> Any:
        return lambda: tf.strings.join([path, ": ", *parts])

    size = tf.strings.length(file)
    # TensorFlow tells lengths as int32, which start over; nothing stands behind the last byte only if it is the last.
    whole = (size >= 0) & tf.equal(tf.strings.substr(file, tf.maximum(size, 0), 1), "")
    head, tail = _piece(file, 0, 4), _piece(file, size - 4, 4)
    encrypted = tf.equal(head, "PARE") | tf.equal(tail, "PARE")
    is_parquet = (size >= 12) & tf.equal(head, "PAR1") & tf.equal(tail, "PAR1")
    length = tf.io.decode_raw(_piece(file, size - _TAIL, 4), tf.int32, fixed_length=4)[0]
    inside = (length > 0) & (length <= size - 12)

    def misplaced() -> Tensor:
        shown = tf.strings.as_string(tf.bitcast(length, tf.uint32))
        return said("its footer is said to have ", shown, " bytes, and the file has ", _text(size), ".", DAMAGED)()

    no_encrypted = said("the file is encrypted, which is not read. Write it without encryption.")
    checks = [
        (whole, said("the file has 2 GiB or more. Write several files; a loader takes a list.")),
        (~encrypted, no_encrypted),
        (is_parquet, lambda: _no_parquet(path, size, head)),
        (inside, misplaced),
    ]
    length = gate_all(checks, length)
    end = size - _TAIL - length
    footer = tf.strings.substr(file, end, length)
    tokens = read_struct(footer)
    checks = [
        (tokens.ok, said("its footer cannot be read: it is malformed.", DAMAGED)),
        (~tf.reduce_any(tf.equal(tokens.path, path_of(8))), no_encrypted),
    ]
    tokens = gate_all(checks, tokens)
    leaves = read_leaves(tokens, footer, path)
    return _checked(tokens, leaves, end, path)


def _checked(tokens: Tokens, leaves: Leaves, end: Tensor, path: Tensor) -> Footer:
    is_group, is_chunk = (tf.equal(tokens.path, path_of(*p)) for p in ((4, 0), _CHUNK))
    groups, chunks = (tf.reduce_sum(tf.cast(mask, tf.int32)) for mask in (is_group, is_chunk))
    by_group = table(tokens, ordinal(tokens, 4, 0), groups, [(4, 0, 1), (4, 0, 3)])
    count = tf.size(leaves.kind)
    width = tf.cast(count, tf.int64)
    rows = by_group[:, 1]
    fits = tf.reduce_all(tf.equal(by_group[:, 0], width)) & tf.equal(chunks, groups * count)

    def misfit() -> Tensor:
        return tf.strings.join(
            [path, ": its ", _text(groups), " row groups have ", _text(chunks), " column chunks, where ", _text(count),
             " columns would have ", _text(groups * count), ".", DAMAGED]
        )

    said_rows = tf.concat([tf.boolean_mask(tokens.value, tf.equal(tokens.path, path_of(3))), [-1]], 0)[0]
    total = tf.reduce_sum(rows)
    adds_up = tf.reduce_all((rows >= 0) & (rows < 2**31)) & tf.equal(total, said_rows) & (total < 2**31)

    def wrong_rows() -> Tensor:
        return tf.strings.join(
            [path, ": its row groups have ", _text(total), " rows, and its footer says ", _text(said_rows),
             ". Fewer than 2 ** 31 are read.", DAMAGED]
        )

    rows = gate_all([(fits, misfit), (adds_up, wrong_rows)], rows)
    by_chunk = table(tokens, ordinal(tokens, *_CHUNK), chunks, _FIELDS)
    by_chunk = by_chunk[: tf.where(fits, chunks, 0)]  # before the refusal of a misfit comes, nothing else may fail
    parts = tf.unstack(tf.reshape(by_chunk, [tf.where(fits, groups, 0), count, len(_FIELDS)]), axis=2)
    return Footer(leaves, rows, Chunks(*parts), end)


def _no_parquet(path: Tensor, size: Tensor, head: Tensor) -> Tensor:
    cut = tf.equal(head, "PAR1")
    reason = tf.where(
        tf.equal(size, 0),
        "the file is empty, and no Parquet file. Check the path.",
        tf.where(
            cut,
            "the file begins as Parquet but does not end so." + DAMAGED,
            "the file is no Parquet file: it does not begin with the bytes PAR1. Check the path.",
        ),
    )
    return tf.strings.join([path, ": ", reason])


def _piece(file: Tensor, at: Tensor, length: int) -> Tensor:
    """Some bytes; none where they would begin before the file."""
    size = tf.strings.length(file)
    at = tf.clip_by_value(at, 0, tf.maximum(size, 0))
    return tf.strings.substr(file, at, length)


def _text(number: Tensor) -> Tensor:
    return tf.strings.as_string(number)
