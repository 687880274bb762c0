"""The file of a database as words, if it can be read without SQLite's help.

What is guaranteed about writers. SQLite readers take a lock, which no TensorFlow op can. Instead the scan looks, before
and after it reads the file, whether there is a rollback journal or a write-ahead log with anything in it, and whether
the header (with its change counter) stayed the same. A transaction that began or ended in between shows in one of
these, so the result is that of one state of the database or is not exact. A database in WAL mode is never scanned, for
a log that is written back need not show. Not seen are: journal_mode OFF and MEMORY, which leave no file; and a
transaction that spills pages into the file and is rolled back, all between the two looks.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from tf_loadops.bytesops.bigendian import top, word_at
from tf_loadops.paths import attempt, escaped, fresh
from tf_loadops.sql.alone import alone

Tensor = Any

_HEADER = 100  # bytes


class File(NamedTuple):
    """A database in memory; only `ok` means anything where it is False, but all is safe to compute with.

    Attributes:
      words: uint64 [pages * page_size / 8], big-endian.
      page_size: int32 scalar, a power of two from 512 to 65536.
      usable: int32 scalar, the bytes of a page that are not reserved.
      is_utf8: bool scalar.
      ok: bool scalar.
    """

    words: Tensor
    page_size: Tensor
    usable: Tensor
    is_utf8: Tensor
    ok: Tensor

    @property
    def pages(self) -> Tensor:
        """How many pages there are, int32."""
        return tf.size(self.words) // (self.page_size // 8)


def read_file(path: Tensor) -> File:
    """Reads a database whole, in one go.

    Args:
      path: string scalar, no symbolic link: journals lie beside a link's target.

    Returns:
      The file. It is not `ok` if it cannot be read, is no SQLite file, is not whole, has 2 GiB or more, or may have
      been in the middle of a transaction.
    """
    return alone(lambda: _read(fresh(path)))


def _read(path: Tensor) -> File:
    header, quiet = _look(path)
    parsed = _parsed(header)
    quiet = tf.ensure_shape(quiet & parsed.ok, [])
    # An empty path fails at once. Reading comes after the first look because it depends on it.
    text, found = attempt(tf.io.read_file, tf.where(quiet, path, ""))
    with tf.control_dependencies([text]):
        after, still_quiet = _look(tf.identity(path))
    size = tf.strings.length(text)
    same = tf.equal(header, after) & tf.equal(tf.strings.substr(_padded(text, size), 0, _HEADER), header)
    ok = quiet & found & still_quiet & same & tf.equal(size, parsed.bytes)
    words = tf.io.decode_raw(tf.cond(ok, lambda: text, lambda: tf.constant("\0" * 512)), tf.int64, little_endian=False)
    page_size = tf.where(ok, parsed.page_size, 512)
    return File(tf.bitcast(words, tf.uint64), page_size, tf.where(ok, parsed.usable, 512), parsed.is_utf8, ok)


class _Header(NamedTuple):
    page_size: Tensor
    usable: Tensor
    bytes: Tensor
    is_utf8: Tensor
    ok: Tensor


def _parsed(header: Tensor) -> _Header:
    """The fields of a header that a scan depends on. Source: sqlite.org/fileformat2.html, "The Database Header"."""
    is_header = tf.equal(tf.strings.length(header), _HEADER)
    magic = "SQLite format 3\0"
    is_header &= tf.equal(tf.strings.substr(_padded(header, tf.strings.length(header)), 0, len(magic)), magic)
    raw = tf.io.decode_raw(tf.where(is_header, header, "\0" * _HEADER) + "\0" * 4, tf.int64, little_endian=False)
    words = tf.bitcast(raw, tf.uint64)

    def number(at: int, size: int) -> Tensor:
        return top(word_at(words, tf.constant(at)), size)

    page_size = number(16, 2)
    page_size = tf.where(tf.equal(page_size, 1), 65536, page_size)
    is_power = tf.equal(tf.bitwise.bitwise_and(page_size, page_size - 1), 0) & (page_size >= 512)
    usable = page_size - number(20, 1)
    known = tf.equal(number(21, 3), 0x402020)  # fractions that never changed
    # Versions above 2 promise nothing to a reader of today. Version 2 is a log: what it writes back into the file while
    # that is read need not show in the header.
    known &= tf.equal(number(18, 1), 1) & tf.equal(number(19, 1), 1)
    known &= (number(44, 4) >= 1) & (number(44, 4) <= 4)
    pages = tf.cast(number(28, 4), tf.int64)
    total = pages * tf.cast(page_size, tf.int64)
    # Lengths of strings and all positions here are int32. (2 GiB would also be held in memory twice.)
    fits = (pages > 0) & (total < 2**31 - 2**17)
    # Since 3.7.0 the header holds the number of pages, which is valid if its writer says so.
    counted = tf.equal(number(92, 4), number(24, 4))
    ok = is_header & is_power & (usable >= 480) & known & fits & counted
    total = tf.cast(tf.where(ok, total, 0), tf.int32)
    return _Header(page_size, usable, total, tf.equal(number(56, 4), 1), ok)


def _look(path: Tensor) -> tuple[Tensor, Tensor]:
    """The header of the file, "" if there is none, and whether neither a journal nor a log lies beside it."""
    endings = tf.constant(["", "-journal", "-wal"])

    def first_bytes(ending: Tensor) -> tuple[Tensor, Tensor]:
        data = tf.data.FixedLengthRecordDataset(tf.strings.join([path, ending]), 1, buffer_size=512).take(_HEADER)
        return ending, tf.strings.reduce_join(data.batch(_HEADER).get_single_element())

    # What is missing or empty fails, and is left out.
    careful = tf.autograph.experimental.do_not_convert(first_bytes)
    seen = tf.data.Dataset.from_tensor_slices(endings).map(careful).ignore_errors()
    end = tf.data.Dataset.from_tensors((tf.constant("end"), tf.constant("")))
    found, heads = seen.concatenate(end).batch(4).get_single_element()
    header = tf.where(tf.equal(found[0], ""), heads[0], "")
    # One that may not be read must not pass for one that is not there.
    beside = tf.io.matching_files(tf.strings.join([escaped(path), "-[jw]*"]))
    return header, tf.reduce_all(tf.equal(found, "") | tf.equal(found, "end")) & tf.equal(tf.size(beside), 0)


def _padded(text: Tensor, size: Tensor) -> Tensor:
    return tf.cond(size < _HEADER, lambda: tf.constant("\0" * _HEADER), lambda: text)  # `substr` fails behind the end
