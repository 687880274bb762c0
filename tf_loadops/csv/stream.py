"""A CSV file as texts of bounded size, each with the header and cut between records, for one pass over a large file."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tf_loadops.schema import Dialect

BLOCK_BYTES = 16 << 20
_LONGEST = 128 << 20  # a record that does not end within so many bytes is taken for a quote that is never closed
_GZIP = b"\x1f\x8b"
_ZLIB = (b"x\x01", b"x^", b"x\x9c", b"x\xda")
_BOM = b"\xef\xbb\xbf"
_NOT_UTF8 = (b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")  # byte order marks of UTF-16 and UTF-32


class Text(NamedTuple):
    """A part of a file.

    Attributes:
      text: the header, if the file has one, and whole records.
      skipped: how many lines of the file stand before it, less the header's: what to add to a line of the text.
    """

    text: bytes
    skipped: int


def can_stream(path: str, dialect: Dialect) -> bool:
    """Whether `texts` reads such a file: UTF-8, plain or gzip, and without comments, whose quotes would not count."""
    if dialect.comment is not None:
        return False
    with tf.io.gfile.GFile(path, "rb") as file:
        return not file.read(4).startswith(_ZLIB + _NOT_UTF8)


def texts(path: str, dialect: Dialect, block_bytes: int | None = None) -> Iterator[Text]:
    r"""Yields a file in parts, in order.

    Args:
      path: the file, on any file system of TensorFlow's.
      dialect: says whether there is a header, and what quotes a field.
      block_bytes: how much is read at once; a part is longer where a record is.

    Yields:
      The parts; none for an empty file.

    Raises:
      tf.errors.InvalidArgumentError: if gzip data is damaged, or a record does not end within 128 MiB.

    Example:
      >>> import pathlib, tempfile
      >>> file = pathlib.Path(tempfile.mkdtemp()) / "a.csv"
      >>> _ = file.write_bytes(b'a,b\n1,"x\ny"\n2,z\n')
      >>> [part.text for part in texts(str(file), Dialect(), block_bytes=9)]
      [b'a,b\n', b'a,b\n1,"x\ny"\n2,z\n']
    """
    block_bytes = block_bytes or BLOCK_BYTES
    quote = None if dialect.quote is None else dialect.quote.encode()
    header = b"" if dialect.header else None  # None where there is none, b"" until it is found
    lines, end = 0, False
    held: list[bytes] = []  # what was read and holds no record end yet
    odd = False  # whether it ends within quotes
    with _opened(path) as file:
        stream = _Inflated(path, file) if file.read(2) == _GZIP else file
        file.seek(0)
        while not end:
            more = stream.read(block_bytes)
            if not lines and not held:
                more = more.removeprefix(_BOM)
            end = not more
            cut = len(more) if end else _last_record_end(more, quote, odd)
            if cut == 0 and not end:
                held.append(more)
                odd ^= _odd(more, quote)
                if sum(map(len, held)) > _LONGEST:
                    raise _refused(
                        f"{path}:{lines + 1}: the record that begins here, or one soon behind it, does not end within "
                        "128 MiB. Close the quote that it opens, or set the dialect's delimiter and quote."
                    )
                continue
            # Joined at once: a part is large, and each copy of it takes as long as reading it did.
            text = b"".join([header or b"", *held, memoryview(more)[:cut]])
            known = len(header or b"")
            held = [more[cut:]]
            odd = _odd(held[0], quote)
            skipped = lines - text.count(b"\n", 0, known)
            # Several times as fast as bytes.count.
            lines = skipped + int(np.count_nonzero(np.frombuffer(text, np.uint8) == ord("\n")))
            if len(text) > known:
                yield Text(text, skipped)
            if header == b"":
                header = _first_record(text, quote)


def _opened(path: str) -> Any:
    """The file; TensorFlow's own way to it takes four times as long, and is needed for its own file systems only."""
    return tf.io.gfile.GFile(path, "rb") if "://" in path else open(path, "rb")


def _odd(text: bytes, quote: bytes | None) -> bool:
    return quote is not None and quote in text and text.count(quote) % 2 == 1


def _last_record_end(text: bytes, quote: bytes | None, odd: bool) -> int:
    """The byte behind the last line end outside quotes, of which there was an odd number before; 0 if there is none."""
    if quote is None:
        return text.rfind(b"\n") + 1
    odd ^= _odd(text, quote)
    end = len(text)
    while end >= 0:
        start = text.rfind(quote, 0, end)  # no quote stands between here and the end
        if not odd:
            at = text.rfind(b"\n", start + 1, end)
            if at >= 0:
                return at + 1
        odd, end = not odd, start
    return 0


def _first_record(text: bytes, quote: bytes | None) -> bytes:
    """The first record that is no blank line, with a line end."""
    start = 0
    while text[start : start + 1] in (b"\n", b"\r"):
        start += 1
    end = start
    while True:
        at = text.find(b"\n", end)
        record = text[start:] if at < 0 else text[start : at + 1]
        if at < 0 or not _odd(record, quote):
            return record if record.endswith(b"\n") or not record else record + b"\n"
        end = at + 1


class _Inflated:
    """Reads gzip data, of one or several members, and refuses what is cut short."""

    def __init__(self, path: str, file: Any) -> None:
        self._path = path
        self._file = gzip.GzipFile(fileobj=file, mode="rb")

    def read(self, size: int) -> bytes:
        try:
            return self._file.read(size)
        except (EOFError, OSError, zlib.error) as error:
            raise _refused(
                f"{self._path}: the gzip data is damaged or cut short; nothing of it was used. "
                "Fetch or write the file again."
            ) from error


def _refused(message: str) -> Exception:
    """What a reader in the graph would raise."""
    return tf.errors.InvalidArgumentError(None, None, message)
