"""Moments of CSV files of any size: a part of a file at a time, each parsed in the graph."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf

from tf_loadops.csv.reader import Layout, matrix_of, run
from tf_loadops.csv.stream import Text, can_stream, texts

_LINE = re.compile(r"\A<text>(?::(\d+))?")


def matrices(loader: Any) -> Iterator[Callable[[], tuple[Any, Any]]]:
    """Yields the rows of a CSV loader's files in order, as matrices of bounded size.

    Args:
      loader: a CSVDataLoader with a source and output="matrix".

    Yields:
      Functions, one after the other, that parse the next rows to `(matrix, valid)`; not to call one skips its rows.

    Raises:
      tf.errors.InvalidArgumentError: `path:line: …`, as if the file had been read in one piece.
      LoadError: as `csv.stream.texts`.
    """
    options = loader.options(allow_empty=True)  # a part may hold nothing but bad rows

    def parse(source: Any, rows: bool) -> Any:
        layout = Layout(tuple(loader.features), None, loader.number_dtype, rows)
        return run(matrix_of, source, options, layout)[:2]

    for path in _paths(loader):
        if not _streams(path, options.schema.dialect):
            yield functools.partial(parse, tf.constant(path), False)
            continue
        for text in texts(path, options.schema.dialect):
            yield functools.partial(_located, path, text, parse)


def estimated_rows(loader: Any) -> int | None:
    """About how many rows the files hold, by the line ends in the first MiB of each; None if there is no telling."""
    rows = 0.0
    for path in _paths(loader):
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
        return can_stream(path, dialect)
    except tf.errors.OpError:
        return False  # the reader says why it cannot be read


def _located(path: str, text: Text, parse: Callable[[Any, bool], Any]) -> Any:
    """Names the file and its line in a refusal, which knows but the text."""
    try:
        return parse(tf.constant(text.text), True)
    except tf.errors.InvalidArgumentError as error:
        found = _LINE.match(error.message)
        if not found:
            raise
        line = "" if found[1] is None else f":{int(found[1]) + text.skipped}"
        raise tf.errors.InvalidArgumentError(
            error.node_def, error.op, f"{path}{line}{error.message[found.end():]}"
        ) from None
