"""Text on a device to standardized float32 on it: the numeric CSV engine's steps as programs without a host in between.

The engine of the package asks the host where the separators are (`tf.where`) and works in chunks of 2 MiB that suit a
processor's cache. A device with memory of its own wants large parts and no questions: here the separators' places come
from a running count and scatters inside the program. Everything else is the engine's own: `numeric_scan`,
`numeric_short`, `numeric_types`, `Moments` and `standardize`.
"""

from __future__ import annotations

import functools
import io
import os
from collections.abc import Iterable, Sequence
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import tensorflow as tf

import tf_loadops as tlo
from tf_loadops.bytesops.swar import AND, NOT, OR, SHR, count_bits, equal_bytes, repeat, u64
from tf_loadops.csv.numeric_scan import CR, HEAD, LF, NUL, QUOTE, ends_rows, scan
from tf_loadops.csv.numeric_short import pack, read_short, unpack, windows
from tf_loadops.csv.numeric_types import Group, by_division, typed
from tf_loadops.standardize import standardize

Tensor = Any

ROWS = 4096  # the rows of a part are made up to a multiple, so that parts of about one size share a program
_LINE = 1024  # long vectors are counted in lines of so many


class Part(NamedTuple):
    """Whole rows of a text in the host's memory.

    Attributes:
      words: uint64 [HEAD + n], line ends, the text, and spaces; n is a multiple of 1024.
      rows: how many rows the text has.
    """

    words: np.ndarray
    rows: int

    @property
    def height(self) -> int:
        """Rows that the result has room for."""
        return -(-self.rows // ROWS) * ROWS


class Loaded(NamedTuple):
    """A part's rows on the device, followed by room.

    Attributes:
      x: float32 [height, columns].
      moments: of its rows.
      ok: bool scalar, whether the text is one that the short program reads, with as many fields in every row.
    """

    x: Tensor
    moments: tlo.Moments
    ok: Tensor


def part_of(text: bytes) -> Part:
    """A text whose last row ends in LF, made ready for the device."""
    return part_of_file(io.BytesIO(text))


def part_of_file(file: BinaryIO) -> Part:
    """The same of what a file holds from where it stands."""
    start = file.tell()
    size = file.seek(0, os.SEEK_END) - start
    file.seek(start)
    room = -size % (8 * _LINE)
    buffer = np.empty(8 * HEAD + size + room, np.uint8)
    text = buffer[8 * HEAD :][:size]
    buffer[: 8 * HEAD], buffer[8 * HEAD + size :] = LF, ord(" ")
    file.readinto(memoryview(text))
    return Part(buffer.view(np.uint64), int(np.count_nonzero(text == LF)))


@functools.lru_cache(maxsize=16)
def load_program(columns: int, height: int) -> Any:
    """The program from words and a number of rows to `Loaded`."""

    def csv_load(words: Tensor, rows: Tensor) -> Loaded:
        mark, eol = u64(repeat(ord(","))), u64(repeat(LF))
        zero = tf.constant(0, tf.int64)
        markers = scan(words, tf.constant(0), tf.constant(False), ord(",")).markers
        none = tf.minimum(rows, 0)
        group, total = places(markers, height * columns, none)
        high, low = windows(words, group, zero, [mark, eol], 2)
        number = unpack(pack(read_short(high, low, [mark, eol])))
        table = typed(number, *by_division(number), (Group("float32", (("",),) * columns),), height)
        there = iota(height, none)[:, tf.newaxis] < rows
        lines = ends_rows(words, tf.reshape(group, [height, columns])[:, -1], zero, eol, ord(","))
        text = words[HEAD:]
        strange = OR(OR(equal_bytes(text, QUOTE), equal_bytes(text, CR)), equal_bytes(text, NUL))
        ok = tf.equal(total, rows * columns) & tf.reduce_all(tf.equal(strange, u64(0)))
        ok &= tf.reduce_all(lines[:, tf.newaxis] | ~there) & ~tf.reduce_any(table.hard[0] & there)
        x = table.values[0]
        return Loaded(x, tlo.Moments.of(x, validity=tf.broadcast_to(there, x.shape)), ok)

    return tf.function(csv_load, jit_compile=True, autograph=False)


def places(markers: Tensor, room: int, none: Tensor) -> tuple[Tensor, Tensor]:
    """The bytes that are marked, in order, as int64 [room], and how many there are; unlike `tf.where`, XLA compiles it.

    Args:
      markers: uint64 [words], a multiple of 1024.
      room: how many are found at most.
      none: int32 scalar, a zero of run time.
    """
    counts = tf.cast(count_bits(markers), tf.int32)
    until = running_sum(counts)
    first = until - counts
    byte = 8 * iota(markers.shape[0], none)
    out = tf.zeros([room], tf.int32)
    for k in range(8):
        lowest = AND(markers, NOT(markers) + u64(1))
        # XLA leaves out what goes outside of the target.
        target = tf.where(tf.not_equal(markers, u64(0)), first + k, room)
        here = byte + tf.cast(SHR(count_bits(lowest - u64(1)), u64(3)), tf.int32)
        out = tf.tensor_scatter_nd_update(out, target[:, tf.newaxis], here)
        markers = AND(markers, NOT(lowest))
    return tf.cast(out, tf.int64), until[-1]


def iota(size: int, none: Tensor) -> Tensor:
    """`tf.range(size)`; `none` is a zero of run time, or TensorFlow would write all the numbers into the program."""
    return tf.reshape(_LINE * (tf.range(size // _LINE) + none)[:, tf.newaxis] + tf.range(_LINE), [size])


def running_sum(counts: Tensor) -> Tensor:
    """`tf.cumsum` in two levels: lines first, and then their sums."""
    lines = tf.cumsum(tf.reshape(counts, [-1, _LINE]), axis=1)
    before = tf.cumsum(lines[:, -1], exclusive=True)
    return tf.reshape(lines + before[:, tf.newaxis], [-1])


@functools.lru_cache(maxsize=1)
def scale_program() -> Any:
    """The program that standardizes a part with the moments of all."""
    return tf.function(standardize, jit_compile=True, autograph=False)


def on_device(device: str, part: Part) -> tuple[Tensor, Tensor]:
    """Uploads a part: what the program takes."""
    with tf.device(device):
        return tf.constant(part.words), tf.constant(part.rows)


def load(device: str, columns: int, uploads: Iterable[tuple[tuple[Tensor, Tensor], int]]) -> list[Loaded]:
    """Loads parts, given with their heights; a device computes while the next part is uploaded."""
    with tf.device(device):
        return [load_program(columns, height)(*arguments) for arguments, height in uploads]


def standardized(device: str, parts: Sequence[Loaded]) -> list[Tensor]:
    """All parts with the mean and the deviation of all."""
    with tf.device(device):
        moments = parts[0].moments
        for part in parts[1:]:
            moments = moments.merge(part.moments)
        return [scale_program()(part.x, moments) for part in parts]


def done(result: Any) -> Any:
    """Waits for the device: what was called is only queued there."""
    tf.test.experimental.sync_devices()
    return result
