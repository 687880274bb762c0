"""Pieces of a byte buffer as strings, all at once.

TensorFlow has no op that makes strings of bytes by offsets: `substr` of one large text copies that text for each
result. But it writes and reads tensors as protocol buffers, and the content of a string tensor in one is the lengths of
all its strings as varints, and then their bytes.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tf_loadops.bytesops.swar import AND, SHR
from tf_loadops.compiled import PURE, call

Tensor = Any

_STRING = b"\x08\x07"  # field 1 of TensorProto, dtype: DT_STRING
_SHAPE = b"\x12\x08\x12\x06\x08"  # the shape, eight bytes long; its one dimension, six bytes long; the size of that
_CONTENT = b"\x22"


def to_strings(data: Tensor, lengths: Tensor) -> Tensor:
    """Cuts bytes into strings.

    Args:
      data: uint8 [n], the bytes of all strings, one after another.
      lengths: int32 [m], how many each string has; they add up to n, and n < 2 ** 30.

    Returns:
      string [m].

    Example:
      >>> to_strings(tf.constant([97, 98, 99], tf.uint8), tf.constant([1, 0, 2])).numpy().tolist()
      [b'a', b'', b'bc']

    Source: tensorflow/core/framework/tensor.proto; `DecodeStringList` in tensorflow/core/platform.
    """
    return call(_cut, data, lengths, how=PURE)


def _cut(data: Tensor, lengths: Tensor) -> Tensor:
    small = tf.reduce_all(lengths < 128)
    sizes = tf.cond(small, lambda: tf.cast(lengths, tf.uint8), lambda: _varints(lengths))
    content = to_string(tf.concat([sizes, data], 0))
    # tensor_shape { dim { size: m } }, whose lengths and count are written as five bytes each, longer than need be.
    count, size = tf.unstack(padded_varints(tf.stack([tf.size(lengths), tf.strings.length(content)])))
    proto = tf.strings.join([_STRING, _SHAPE, count, _CONTENT, size, content])
    # Without content there is nothing to cut, and the proto would stand for the same anyway.
    strings = tf.cond(
        tf.size(lengths) > 0, lambda: tf.io.parse_tensor(proto, tf.string), lambda: tf.zeros([0], tf.string)
    )
    return tf.ensure_shape(strings, [None])


def padded_varints(numbers: Tensor) -> Tensor:
    """Numbers below 2 ** 31, int32 [n], as strings: varints of five bytes each, longer than need be, and allowed."""
    groups = SHR(numbers[:, None], tf.constant([0, 7, 14, 21, 28]))
    digits = AND(groups, 127) + tf.constant([128, 128, 128, 128, 0])
    return tf.strings.reduce_join(tf.gather(tf.constant([bytes([i]) for i in range(256)]), digits), axis=1)


def _varints(numbers: Tensor) -> Tensor:
    """The numbers, below 2 ** 31, as varints of protocol buffers: uint8, one after another."""
    shifts = tf.range(0, 35, 7)
    groups = tf.where(shifts < 32, SHR(numbers[:, None], tf.minimum(shifts, 31)), 0)
    more = tf.pad(groups[:, 1:] > 0, [[0, 0], [0, 1]])
    digits = AND(groups, 127) + tf.where(more, 128, 0)
    used = tf.concat([tf.ones_like(more[:, :1]), groups[:, 1:] > 0], 1)
    return tf.cast(tf.boolean_mask(digits, used), tf.uint8)


def to_string(data: Tensor) -> Tensor:
    """Bytes, uint8 [n], as one string: the end of a serialized tensor, whatever stands in front of them."""
    written = tf.io.serialize_tensor(data)
    size = tf.size(data)
    return tf.strings.substr(written, tf.strings.length(written) - size, size)
