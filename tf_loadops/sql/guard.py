"""What is checked before SQLite opens a file.

TensorFlow's `SqlDataset` ends the process where SQLite cannot open a file, and makes an empty database where there is
none. So nothing is handed to it that is not a whole SQLite file by its header and size, and it is opened read-only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tf_loadops.errors import gate, printable
from tf_loadops.paths import attempt, fresh, is_regular, no_file, unreadable
from tf_loadops.sql.alone import alone

Tensor = Any

_MAGIC = "SQLite format 3\0"
_HEADER = 100  # bytes
_REMOTE = r"(?s)[A-Za-z][A-Za-z0-9+.-]*://.*"
_SERVER = r"(?is)(?:postgres(?:ql)?|mysql|mariadb|mssql|oracle|jdbc|odbc)(?:\+[a-z0-9]+)?:.*"


def guarded(path: Tensor, texts: Sequence[str] = ()) -> tuple[Tensor, Tensor]:
    """Refuses what is no whole SQLite file.

    Args:
      path: string scalar; relative paths start at the process' working directory.
      texts: the columns of text that will be read.

    Returns:
      The path as SQLite takes it (without `file://`), never folded into a graph, and the file's 100 bytes of header.

    Raises:
      tf.errors.InvalidArgumentError: at run time, if there is no such file, or it is a directory, empty, of another
        format, cut short, or keeps in UTF-16 what is to be read as text.
    """
    path = tf.strings.regex_replace(path, "^file:///+", "/")
    is_server = tf.strings.regex_full_match(path, _SERVER)
    is_remote = tf.strings.regex_full_match(path, _REMOTE)

    def not_opened() -> Tensor:
        return tf.where(is_server, _server(path), tf.where(is_remote, _remote(path), no_file(path)))

    path = gate(~is_server & ~is_remote & is_regular(path), not_opened, fresh(path))
    header, found, is_whole = alone(lambda: _looked_at(path))
    is_database = tf.equal(tf.strings.substr(_padded(header), 0, len(_MAGIC)), _MAGIC)
    is_database &= tf.equal(tf.strings.length(header), _HEADER)
    is_readable = ~is_utf16(header) if texts else tf.constant(True)

    def not_read() -> Tensor:
        damaged = tf.where(is_whole, _utf16(path, texts), _cut_short(path))
        opened = tf.where(is_database, damaged, _no_database(path, header))
        return tf.cond(found, lambda: opened, lambda: unreadable(path))

    return gate(found & is_database & is_whole & is_readable, not_read, (path, header))


def _looked_at(path: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The header, whether the file can be read, and whether it is whole pages."""
    header, found = attempt(_first_bytes, path)
    # Of a page that is cut short SQLite would read the rest as zeros.
    _, is_whole = attempt(lambda p: _first_page(p, header), path)
    return header, found, is_whole


def file_bytes(header: Tensor) -> Tensor:
    """The size of a database by its header, int64 scalar."""
    fields = tf.io.decode_raw(tf.strings.substr(header, [16, 28], [2, 4]), tf.uint8, fixed_length=4)
    size, pages = tf.unstack(tf.cast(fields, tf.int64))
    bytes_of_page = size[0] * 256 + size[1]
    weights = tf.constant([1 << 24, 1 << 16, 1 << 8, 1], tf.int64)
    bytes_of_page = tf.where(tf.equal(bytes_of_page, 1), tf.constant(65536, tf.int64), bytes_of_page)
    return bytes_of_page * tf.reduce_sum(pages * weights)


def uri(path: Tensor, extra: str = "") -> Tensor:
    """The URI that opens a path read-only.

    Args:
      path: string scalar, as `guarded` returned it.
      extra: further parameters, "&name=value".

    Returns:
      string scalar.
    """
    # Two slashes would begin the name of a host.
    escaped = tf.strings.regex_replace(path, "^/+", "/")
    for char, code in (("%", "%25"), (r"\?", "%3f"), ("#", "%23")):
        escaped = tf.strings.regex_replace(escaped, char, code)
    return tf.strings.join(["file:", escaped, "?mode=ro", extra])


def is_wal(header: Tensor) -> Tensor:
    """Whether a database with this header keeps a write-ahead log."""
    return tf.equal(tf.strings.substr(_padded(header), 19, 1), "\2")


def is_utf16(header: Tensor) -> Tensor:
    """Whether a database with this header holds its text in UTF-16."""
    return tf.strings.regex_full_match(tf.strings.substr(_padded(header), 56, 4), r"\x00\x00\x00[\x02\x03]")


def _padded(header: Tensor) -> Tensor:
    return tf.strings.join([header, " " * _HEADER])  # `substr` fails behind the end of a text


def _first_bytes(path: Tensor) -> Tensor:
    # Records of one byte: any other length would have to divide the size of a file that may be anything.
    data = tf.data.FixedLengthRecordDataset(path, 1, buffer_size=512).take(_HEADER).batch(_HEADER)
    nothing = tf.data.Dataset.from_tensors(tf.zeros([0], tf.string))
    return tf.strings.reduce_join(data.concatenate(nothing).take(1).get_single_element())


def _first_page(path: Tensor, header: Tensor) -> Tensor:
    """Fails if the file's size is no multiple of the page size that its header names."""
    digits = tf.io.decode_raw(tf.strings.substr(_padded(header), 16, 2), tf.uint8)
    size = tf.reduce_sum(tf.cast(digits, tf.int64) * [256, 1])
    size = tf.where(tf.equal(size, 1), np.int64(65536), tf.maximum(size, 1))
    return tf.data.FixedLengthRecordDataset(path, size, buffer_size=512).take(1).get_single_element()


def _server(path: Tensor) -> Tensor:
    # Not the whole of it: it may hold a password.
    scheme = tf.strings.regex_replace(path, r"(?s):.*", ":…")
    return _join(scheme, " names a database server. Only SQLite files are read: give the path of one.")


def _remote(path: Tensor) -> Tensor:
    return _join(printable(path, 400), ": SQLite opens local files only. Copy the database to this machine first.")


def _no_database(path: Tensor, header: Tensor) -> Tensor:
    begins = _join("it begins with '", printable(header, 16), "'. It is of another format, or encrypted")
    found = tf.where(tf.equal(header, ""), "it is empty", begins)
    return _join(path, ": no SQLite database: ", found, ". Give the path of a SQLite file.")


def _utf16(path: Tensor, texts: Sequence[str]) -> Tensor:
    said = f": columns {', '.join(map(repr, texts))} cannot be read: the database holds its text in UTF-16. "
    return _join(path, said, "Write it anew in UTF-8: .dump it with the sqlite3 shell, and .read that into a new file.")


def _cut_short(path: Tensor) -> Tensor:
    said = ": the SQLite file is damaged or cut short: it is no whole number of pages. Fetch or write the file again."
    return _join(path, said)


def _join(*parts: Any) -> Tensor:
    return tf.strings.join(list(parts))
