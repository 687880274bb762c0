"""Decompression of pages, with ops that every TensorFlow has.

TensorFlow has no op for Snappy by itself, but tf.data compresses elements with it, and an element can be written down
by hand: as the protocol buffer of a variant tensor around that of a `CompressedElement`. The op that decompresses it
checks the stream and its length.
"""

from __future__ import annotations

import functools
from typing import Any

import tensorflow as tf

from tf_loadops.bytesops.strings import padded_varints
from tf_loadops.bytesops.swar import AND, SHL, SHR
from tf_loadops.compiled import PURE, call
from tf_loadops.parquet.lz4 import hadoop_lz4, lz4_block
from tf_loadops.paths import attempt

Tensor = Any

NAMES = ("none", "snappy", "gzip", "lzo", "brotli", "lz4", "zstd", "lz4_raw")
NONE, SNAPPY, GZIP, LZO, BROTLI, LZ4, ZSTD, LZ4_RAW = range(8)

TOGETHER = (NONE, SNAPPY, GZIP, ZSTD)
"""Those of which several pages are decompressed at once."""

_ELEMENT = b"tensorflow.data.CompressedElement"
_ZSTD_FRAME = b"\x28\xb5\x2f\xfd"


def known(codec: Tensor) -> Tensor:
    """The index in `NAMES` of a codec, int32 of any shape; one behind the last for a codec that has no name."""
    return tf.where((codec < 0) | (codec >= len(NAMES)), len(NAMES), codec)


def readable(codec: Tensor) -> Tensor:
    """Whether this TensorFlow decompresses a codec: bool, of the shape of `codec`, an int."""
    has = [True, True, True, False, False, True, has_zstd(), True, False]
    return tf.gather(tf.constant(has), known(tf.cast(codec, tf.int32)))


def decompress(data: Tensor, codec: Tensor, size: Tensor) -> tuple[Tensor, Tensor]:
    """Decompresses a page.

    Args:
      data: string scalar.
      codec: int32 scalar, a CompressionCodec that is `readable`.
      size: int32 scalar, how many bytes it has decompressed.

    Returns:
      The bytes, a string scalar, and a bool scalar: whether they are what was compressed, and of that size.

    Source: parquet.thrift, CompressionCodec; Compression.md of the Parquet format.
    """
    def one() -> tuple[Tensor, Tensor]:
        count = tf.minimum(size, 1)  # which is one here, and which no graph knows
        found, ok = decompress_all(tf.fill([count], data), codec, tf.fill([count], size))
        return tf.strings.reduce_join(found), ok

    ways = [
        lambda: (data, tf.constant(True)),
        one,
        lambda: lz4_block(data, size),
        lambda: hadoop_lz4(data, size),
        lambda: (tf.constant(""), tf.constant(True)),
    ]
    way = tf.gather(tf.constant([0, 1, 1, 1, 1, 3, 1, 2]), codec)
    way = tf.where(tf.equal(size, 0), 4, way)  # nothing, compressed or not
    result, ok = tf.switch_case(way, ways)
    return result, ok & tf.equal(tf.strings.length(result), size)


def decompress_all(data: Tensor, codec: Tensor, size: Tensor) -> tuple[Tensor, Tensor]:
    """Decompresses pages.

    Args:
      data: string [n].
      codec: int32 scalar, one of `TOGETHER`.
      size: int32 [n], how many bytes each has decompressed, at least one.

    Returns:
      The pages, string [n], and a bool scalar: whether all of them are what was compressed, and of these sizes; if not
      there is no page.

    Source: as of `decompress`.
    """
    return call(_decompress_all, data, codec, size, how=PURE)


def _decompress_all(data: Tensor, codec: Tensor, size: Tensor) -> tuple[Tensor, Tensor]:
    none = tf.zeros([0], tf.string)
    ways = [
        lambda: (data, tf.constant(True)),
        lambda: _snappy(data, size),
        lambda: _gzip(data, size),
        lambda: _zstd(data, size) if has_zstd() else (none, tf.constant(False)),
        lambda: (none, tf.constant(False)),
    ]
    way = tf.gather(tf.constant([0, 1, 2, 4, 4, 4, 3, 4]), codec)
    result, ok = tf.switch_case(way, ways)
    result = tf.ensure_shape(result, [None])
    ok &= tf.equal(tf.size(result), tf.size(size))
    result = result[: tf.where(ok, tf.size(size), 0)]
    ok &= tf.reduce_all(tf.equal(tf.strings.length(result), size[: tf.size(result)]))
    return result[: tf.where(ok, tf.size(size), 0)], ok


def _gzip(data: Tensor, size: Tensor) -> tuple[Tensor, Tensor]:
    def one(page: tuple[Tensor, Tensor]) -> Tensor:
        inflated = tf.io.decode_compressed(page[0], "GZIP")
        right = tf.equal(tf.strings.length(inflated), page[1])
        with tf.control_dependencies([tf.debugging.Assert(right, [page[1]])]):
            return tf.identity(inflated)

    # A few bytes may stand for gigabytes, so the first page that is none ends it.
    def each(pages: Tensor) -> Tensor:
        return tf.map_fn(one, (pages, size), fn_output_signature=tf.string, parallel_iterations=1)

    return attempt(tf.autograph.experimental.do_not_convert(each), data, tf.zeros([0], tf.string))


def _snappy(data: Tensor, size: Tensor) -> tuple[Tensor, Tensor]:
    length = tf.strings.length(data)
    # No three bytes of Snappy stand for more than 64, so nobody need find room for more.
    possible = size // 22 <= length
    # As in tensor.proto and dataset.proto of TensorFlow: each message in its length and its type.
    component = 11
    element = 6 + length + 2 + component
    variant = 2 + len(_ELEMENT) + 6 + element
    numbers = tf.stack([variant + 5, variant, element, length, size])
    sizes = tf.reshape(padded_varints(tf.reshape(numbers, [-1])), tf.shape(numbers))
    proto = tf.strings.join([
        b"\x08\x15\x12\x00\x22", sizes[0], sizes[1], b"\x0a", bytes([len(_ELEMENT)]), _ELEMENT,
        b"\x12", sizes[2], b"\x0a", sizes[3], data,
        b"\x12", bytes([component]), b"\x08\x07\x12\x00\x22\x05", sizes[4],
    ])
    each = tf.autograph.experimental.do_not_convert(lambda protos: tf.map_fn(_uncompress, protos))
    return attempt(each, tf.where(possible, proto, ""), tf.zeros([0], tf.string))


def _uncompress(proto: Tensor) -> Tensor:
    element = tf.io.parse_tensor(proto, tf.variant)
    shape = [tf.TensorShape([])]
    return tf.raw_ops.UncompressElement(compressed=element, output_types=[tf.string], output_shapes=shape)[0]


@functools.lru_cache(maxsize=1)
def has_zstd() -> bool:
    """Whether `decode_compressed` knows Zstandard: from TensorFlow 2.21 on, or a release before it."""
    with tf.init_scope():
        frame = tf.constant(_ZSTD_FRAME + b"\x20\x01\x09\x00\x00a")
        try:
            return tf.io.decode_compressed(frame, "ZSTD").numpy() == b"a"
        except (tf.errors.OpError, ValueError):
            return False


def _zstd(data: Tensor, size: Tensor) -> tuple[Tensor, Tensor]:
    """Frames that say how much they hold: TensorFlow makes room for it, so it is compared before.

    Source: RFC 8878, section 3.1.1.1.
    """
    first = tf.strings.substr(data, tf.zeros_like(size), 18 * tf.ones_like(size))
    head = tf.cast(tf.io.decode_raw(first, tf.uint8, fixed_length=18), tf.int64)
    flags = tf.cast(head[:, 4], tf.int32)
    single = AND(SHR(flags, 5), 1)
    at = 5 + (1 - single) + tf.gather(tf.constant([0, 1, 2, 4]), AND(flags, 3))
    kind = SHR(flags, 6)
    width = tf.where(tf.equal(kind, 0), single, SHL(1, kind))
    places = tf.minimum(at[:, None] + tf.range(8), 17)
    digits = tf.where(tf.range(8) < width[:, None], tf.gather(head, places, batch_dims=1), 0)
    held = tf.reduce_sum(digits[:, :4] * tf.constant([1, 2**8, 2**16, 2**24], tf.int64), axis=1)
    held += tf.cast(tf.where(tf.equal(kind, 1), 256, 0), tf.int64)
    magic = tf.strings.substr(first, tf.zeros_like(size), 4 * tf.ones_like(size))
    ok = tf.equal(magic, _ZSTD_FRAME) & (width > 0) & tf.equal(held, tf.cast(size, tf.int64))
    ok &= tf.reduce_all(tf.equal(digits[:, 4:], 0), axis=1)
    inflate = lambda value: tf.io.decode_compressed(value, "ZSTD")  # noqa: E731
    return attempt(inflate, tf.where(ok, data, ""), tf.zeros([0], tf.string))
