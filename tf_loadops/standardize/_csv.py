"""Moments of CSV files of any size: a part of a file at a time, each parsed in the graph."""

from __future__ import annotations

import concurrent.futures
import functools
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from tf_loadops.blocks import to_matrix
from tf_loadops.csv.engine import parse_text
from tf_loadops.csv.options import Options
from tf_loadops.csv.reader import Layout, matrix_of
from tf_loadops.csv.stream import Text, can_stream, texts
from tf_loadops.inputs import run
from tf_loadops.paths import is_regular

_LINE = re.compile(r"\A<text>(?::(\d+))?")


def matrices(loader: Any) -> Iterator[Callable[[], tuple[Any, Any]]]:
    """Yields the rows of a CSV loader's files in order, as matrices of bounded size.

    Args:
      loader: a CSVDataLoader with a source and output="matrix".

    Yields:
      Functions, one after the other, that parse the next rows to `(matrix, valid)`; not to call one skips its rows.

    Raises:
      tf.errors.InvalidArgumentError: `path:line: …`, as if the file had been read in one piece.
    """
    layout = Layout(tuple(loader.features), None, loader.number_dtype, False)
    parts = loader.options(allow_empty=True)  # a part may hold nothing but bad rows

    def whole(path: str) -> Any:
        return run(matrix_of, tf.constant(path), loader.options(), layout)[:2]

    for path in _paths(loader):
        if not _streams(path, parts.schema.dialect):
            yield functools.partial(whole, path)
            continue
        skipped, rows = False, 0
        for part in _ahead(_Part(path, text, parts, layout) for text in texts(path, parts.schema.dialect)):
            yield part
            skipped |= part.rows is None
            rows += part.rows or 0
        if not rows and not skipped:
            yield functools.partial(whole, path)  # refuses it, or not, as the loader is told to


def _ahead(parts: Iterator[_Part]) -> Iterator[_Part]:
    """The same parts, each made by a second thread while its predecessor is at work."""
    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        following = thread.submit(next, parts, None)
        while (part := following.result()) is not None:
            following = thread.submit(next, parts, None)
            yield part


class _Part:
    """Parses one part of a file; knows afterwards how many rows it had."""

    def __init__(self, path: str, text: Text, options: Options, layout: Layout) -> None:
        self._path, self._skipped, self._options, self._layout = path, text.skipped, options, layout
        # By way of an array, as TensorFlow copies large bytes many times over.
        self._text = tf.constant(np.array(text.text, object))
        self.rows: int | None = None

    def __call__(self) -> Any:
        try:
            matrix, valid = run(_matrix_of_text, self._text, self._options, self._layout)
        except tf.errors.InvalidArgumentError as error:
            raise self._located(error) from None
        self.rows = int(matrix.shape[0])
        return matrix, valid

    def _located(self, error: Any) -> Exception:
        """Names the file and its line in a refusal, which knows but the text."""
        found = _LINE.match(error.message)
        if not found:
            return error
        line = "" if found[1] is None else f":{int(found[1]) + self._skipped}"
        message = f"{self._path}{line}{error.message[found.end() :]}"
        return tf.errors.InvalidArgumentError(error.node_def, error.op, message)


def _matrix_of_text(text: Any, options: Options, layout: Layout) -> tuple[Any, Any]:
    # Not by way of `parse_csv`, which looks at the beginning of a text for what only a file begins with.
    blocks = parse_text(text, options, tf.constant("<text>"))
    return to_matrix(blocks, options.selected, layout.features, layout.dtype)


def estimated_rows(loader: Any) -> int | None:
    """About how many rows the files hold, by the line ends in the first MiB of each; None if there is no telling."""
    rows = 0.0
    for path in _paths(loader):
        if not bool(is_regular(tf.constant(path))):
            return None
        try:
            size = tf.io.gfile.stat(path).length
            with tf.io.gfile.GFile(path, "rb") as file:
                head = file.read(1 << 20)
        except tf.errors.OpError:
            return None
        if not head or head.startswith(b"\x1f\x8b"):
            return None
        rows += head.count(b"\n") * size / len(head)
    return round(rows) or None


def _paths(loader: Any) -> list[str]:
    return [loader.source] if isinstance(loader.source, str) else list(loader.source)


def _streams(path: str, dialect: Any) -> bool:
    try:
        return bool(is_regular(tf.constant(path))) and can_stream(path, dialect)
    except tf.errors.OpError:
        return False  # the reader says why it cannot be read
