"""From a file's bytes to CSV text: compression, byte order mark, and what is no text at all."""

from __future__ import annotations

import gzip
from typing import Any, NamedTuple

import tensorflow as tf

from tf_loadops.errors import gate
from tf_loadops.paths import attempt

Tensor = Any


# A gzip member written after the file's own: its text comes back at the end only if every member before it was
# complete. TensorFlow itself silently returns what it has of a truncated one.
_END = b"\x00end\x00"
_END_MEMBER = gzip.compress(_END, mtime=0)

# The empty member at the end of every BGZF file (bgzip); TensorFlow stops at an empty member, whatever follows.
_BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


class Text(NamedTuple):
    """CSV text and what its bytes tell.

    Attributes:
      text: string scalar, without a byte order mark.
      has_quote: bool scalar, whether the dialect's quote occurs.
      has_cr: bool scalar, whether a carriage return occurs.
      has_high: bool scalar, whether a byte above 127 occurs, so that text may not be UTF-8.
    """

    text: Tensor
    has_quote: Tensor
    has_cr: Tensor
    has_high: Tensor


def inflate(content: Tensor, name: Tensor) -> Tensor:
    """Decompresses gzip (RFC 1952) and zlib (RFC 1950) data, known by its first bytes, and passes on anything else.

    Args:
      content: string scalar, a file's bytes.
      name: string scalar, what messages call it.

    Returns:
      The text's bytes, a string scalar.

    Raises:
      tf.errors.InvalidArgumentError: at run time, if compressed data is damaged or cut short.
    """
    head = tf.strings.substr(content, 0, 2)
    is_gzip = tf.equal(head, b"\x1f\x8b")
    # "x^" also begins honest text, so zlib data is what has a zlib head and does decompress.
    may_be_zlib = tf.reduce_any(tf.equal(head, [b"x\x01", b"x^", b"x\x9c", b"x\xda"]))
    return tf.cond(
        is_gzip,
        lambda: _gunzip(content, name),
        lambda: tf.cond(may_be_zlib, lambda: _zlib(content, head, name), lambda: content),
    )


def decode(content: Tensor, name: Tensor) -> Tensor:
    """Strips the UTF-8 byte order mark.

    Args:
      content: string scalar, decompressed.
      name: string scalar, what messages call the text.

    Returns:
      The text, a string scalar.

    Raises:
      tf.errors.InvalidArgumentError: at run time, for UTF-16 and UTF-32 text, and for texts of 2 GiB or more.
    """
    # TensorFlow tells lengths as int32, which start over; nothing stands behind the last byte only if it is the last.
    size = tf.strings.length(content)
    behind = tf.strings.substr(content, tf.maximum(size, 0), 1)
    content = gate((size >= 0) & tf.equal(behind, ""), lambda: _too_large(name), content)
    utf32 = tf.reduce_any(tf.equal(tf.strings.substr(content, 0, 4), [b"\xff\xfe\0\0", b"\0\0\xfe\xff"]))
    content = gate(~utf32, lambda: _utf(name, 32), content)
    utf16 = tf.reduce_any(tf.equal(tf.strings.substr(content, 0, 2), [b"\xff\xfe", b"\xfe\xff"]))
    content = gate(~utf16, lambda: _utf(name, 16), content)
    bom = tf.equal(tf.strings.substr(content, 0, 3), b"\xef\xbb\xbf")
    return tf.cond(bom, lambda: tf.strings.substr(content, 3, tf.strings.length(content) - 3), lambda: content)


def examine(text: Tensor, quote: str | None, name: Tensor) -> Text:
    """Refuses what is no text, and notes which special bytes occur.

    Args:
      text: string scalar, decoded.
      quote: the dialect's quote, or None.
      name: string scalar, what messages call the text.

    Returns:
      The text and its flags.

    Raises:
      tf.errors.InvalidArgumentError: at run time, for NUL bytes.
    """
    raw = tf.io.decode_raw(text, tf.uint8)

    def occurs(byte: int) -> Tensor:
        return tf.reduce_any(tf.equal(raw, tf.constant(byte, tf.uint8)))

    text = gate(~occurs(0), lambda: _nul(raw, name), text)
    has_quote = occurs(ord(quote)) if quote is not None else tf.constant(False)
    return Text(text, has_quote, occurs(13), tf.reduce_any(raw > tf.constant(127, tf.uint8)))


def contains(text: Tensor, byte: str) -> Tensor:
    """Whether each string holds a byte, also where the rest of it is not UTF-8.

    Args:
      text: string tensor of any shape.
      byte: one ASCII character.

    Returns:
      A bool tensor of the same shape.
    """
    # A pattern that matches the whole string would fail on bytes that are not UTF-8; a search passes over them.
    without = tf.strings.regex_replace(text, rf"\x{ord(byte):02x}", "")
    return tf.not_equal(tf.strings.length(without), tf.strings.length(text))


def last_byte(text: Tensor) -> Tensor:
    """The last byte of each string, "" of an empty one (where `substr` at -1 fails)."""
    return tf.strings.substr(text, tf.maximum(tf.strings.length(text) - 1, 0), tf.ones_like(tf.strings.length(text)))


def _gunzip(content: Tensor, name: Tensor) -> Tensor:
    is_bgzf = tf.equal(_tail(content, len(_BGZF_END)), _BGZF_END)
    size = tf.strings.length(content) - tf.where(is_bgzf, len(_BGZF_END), 0)
    content = tf.cond(is_bgzf, lambda: tf.strings.substr(content, 0, size), lambda: content)
    inflated, ok = attempt(
        lambda data: tf.io.decode_compressed(data, "GZIP"), tf.strings.join([content, tf.constant(_END_MEMBER)])
    )
    size = tf.strings.length(inflated) - len(_END)
    ok = ok & (size >= 0) & tf.equal(tf.strings.substr(inflated, tf.maximum(size, 0), len(_END)), _END)
    return gate(ok, lambda: _damaged(name, "gzip"), tf.strings.substr(inflated, 0, tf.maximum(size, 0)))


def _zlib(content: Tensor, head: Tensor, name: Tensor) -> Tensor:
    inflated, ok = attempt(lambda data: tf.io.decode_compressed(data, "ZLIB"), content)
    # A stream cut short, or followed by something else, does not end in its text's checksum.
    ok = ok & tf.equal(_tail(content, 4), _adler32(inflated))
    inflated = gate(
        ok | tf.equal(head, b"x^"), lambda: _damaged(name, "zlib"), inflated
    )
    return tf.where(ok, inflated, content)


def _tail(content: Tensor, size: int) -> Tensor:
    return tf.strings.substr(content, tf.maximum(tf.strings.length(content) - size, 0), size)


def _adler32(text: Tensor) -> Tensor:
    """The Adler-32 checksum (RFC 1950) of a string, as four big-endian bytes."""
    data = tf.cast(tf.io.decode_raw(text, tf.uint8), tf.int64)
    size = tf.size(data, out_type=tf.int64)
    prime = tf.constant(65521, tf.int64)
    low = (1 + tf.reduce_sum(data)) % prime
    high = (size + tf.reduce_sum(((size - tf.range(size)) % prime) * data)) % prime
    both = tf.stack([high // 256, high % 256, low // 256, low % 256])
    return tf.strings.reduce_join(tf.gather(tf.constant([bytes([i]) for i in range(256)]), both))


def _too_large(name: Tensor) -> Tensor:
    return tf.strings.join([name, ": the text is 2 GiB or larger. Split it into several files; a loader takes a list."])


def _utf(name: Tensor, bits: int) -> Tensor:
    said = f": the text is UTF-{bits}. Convert it to UTF-8: iconv -f UTF-{bits} -t UTF-8."
    return tf.strings.join([name, said])


def _damaged(name: Tensor, kind: str) -> Tensor:
    return tf.strings.join(
        [name, f": the {kind} data is damaged or cut short; nothing of it was used. Fetch or write the file again."]
    )


def _nul(raw: Tensor, name: Tensor) -> Tensor:
    at = tf.where(tf.equal(raw, 0))[0, 0]
    before = tf.where(tf.equal(raw[:at], 10))[:, 0]
    line = tf.strings.as_string(tf.size(before) + 1)
    start = tf.cond(tf.size(before) > 0, lambda: before[-1] + 1, lambda: tf.constant(0, tf.int64))
    byte = tf.strings.as_string(at - start + 1)
    return tf.strings.join(
        [name, ":", line, ": byte ", byte, " of the line is NUL, which no CSV text holds. "
         "The file is binary, or UTF-16 without a byte order mark (convert it to UTF-8)."]
    )
