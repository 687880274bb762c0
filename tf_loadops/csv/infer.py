"""infer_schema of a CSV file."""

from __future__ import annotations

import collections
import contextlib
import csv
import functools
import io
import os
from collections.abc import Iterator, Sequence
from typing import Any

import tensorflow as tf

from tf_loadops.csv.fields import split_fields
from tf_loadops.csv.records import Records, split_records
from tf_loadops.csv.sniff import sniff_delimiter, sniff_header
from tf_loadops.csv.stream import can_stream, texts
from tf_loadops.csv.text import decode, examine, inflate
from tf_loadops.csv.values import matches
from tf_loadops.errors import LoadError, message_of
from tf_loadops.inputs import at_once
from tf_loadops.paths import is_regular, read_bytes
from tf_loadops.schema import NUMERIC_NA, Column, Dialect, Schema, as_words

_HEAD = 1 << 16  # characters looked at to find delimiter and header
_BEGINNINGS = (2 << 20, 16 << 20)  # bytes of a file in which a sample of its rows is looked for


@at_once
def infer_csv(
    path: str | os.PathLike[str],
    *,
    sample_rows: int | None,
    delimiter: str | None,
    header: bool | None,
    quote: str | None,
    comment: str | None,
    na_values: Sequence[str] | None,
) -> Schema:
    """Finds a CSV file's delimiter, header and column types, as `tlo.infer_schema(path)` says."""
    path = os.fspath(path)
    Dialect("\1" if delimiter is None else delimiter, True, quote, comment)  # refuses what makes no sense
    words = NUMERIC_NA if na_values is None else tuple(word.strip() for word in as_words(na_values))
    try:
        for content in _contents(path, quote, comment, sample_rows):
            examine(content, quote, tf.constant(path))
            head = _head_records(content.numpy(), delimiter, quote, comment)
            char = sniff_delimiter(head, path) if delimiter is None else delimiter
            rows = head[char] if isinstance(head, dict) else head
            if not rows:
                raise LoadError(f"{path}: the file is empty, or holds only blank lines and comments.")
            dialect = Dialect(char, sniff_header(rows, words) if header is None else header, quote, comment)
            names, seen, kinds = _survey(content, path, dialect, words, sample_rows)
            if sample_rows is not None and seen >= sample_rows:
                break
    except tf.errors.InvalidArgumentError as error:
        raise LoadError(message_of(error)) from None
    return _schema(path, names, seen, kinds, dialect, na_values, sample_rows)


def _contents(path: str, quote: str | None, comment: str | None, sample_rows: int | None) -> Iterator[Any]:
    """The file's text; and before it, where only a sample is asked for, its beginning, which may do."""
    whole = Dialect("\1", header=False, quote=quote, comment=comment)
    if sample_rows is not None and bool(is_regular(tf.constant(path))):
        with contextlib.suppress(tf.errors.OpError):  # the reader says why it cannot be read
            for size in _BEGINNINGS if can_stream(path, whole) else ():
                if (part := next(texts(path, whole, size), None)) is not None:
                    yield tf.constant(part.text)
    yield decode(inflate(read_bytes(tf.constant(path)), tf.constant(path)), tf.constant(path))


def _head_records(content: bytes, delimiter: str | None, quote: str | None, comment: str | None) -> Any:
    """The first records, cut at the delimiter, or at each that may be it."""
    text = content[: 4 * _HEAD].decode("utf-8-sig", errors="replace")[:_HEAD]
    lines = list(io.StringIO(text, newline=""))  # `splitlines` would also split at form feeds and the like
    is_cut = len(text) == _HEAD
    if comment is not None:
        lines = [line for line in lines if not line.startswith(comment)]

    def cut(char: str) -> list[list[str]]:
        quoting: Any = {"quoting": csv.QUOTE_NONE} if quote is None else {"quotechar": quote}
        try:
            rows = [row for row in csv.reader(lines, delimiter=char, **quoting) if row]
        except csv.Error:
            return []
        return rows[:-1] if is_cut and len(rows) > 1 else rows

    taken = (quote, (comment or "")[:1])
    return cut(delimiter) if delimiter is not None else {char: cut(char) for char in ",;\t|" if char not in taken}


def _survey(content: Any, path: str, dialect: Dialect, words: tuple[str, ...], sample: int | None) -> Any:
    """Runs the readers' own patterns over whole columns."""
    names, line, count, kinds = _survey_graph(dialect, words, sample)(content, tf.constant(path))
    if not int(count):
        raise LoadError(f"{path}: there is {'a header but ' if dialect.header else ''}no row to infer types from.")
    if dialect.header:
        found = _header_names(names.numpy(), f"{path}:{int(line)}")
    else:
        found = [f"column_{i + 1}" for i in range(len(names))]
    return found, int(count), {kind: flags.numpy().tolist() for kind, flags in kinds.items()}


def _header_names(names: Any, where: str) -> list[str]:
    try:
        decoded = [name.decode() for name in names]
    except UnicodeDecodeError:
        raise LoadError(f"{where}: the header is not UTF-8 text. Convert the file to UTF-8.") from None
    if not any(decoded):
        raise LoadError(f"{where}: the header names no column. Name them, or pass header=False if there is no header.")
    for name, times in collections.Counter(filter(None, decoded)).items():
        if times > 1:
            raise LoadError(
                f"{where}: column {name!r}: the header names it {times} times, and nobody can tell which one is meant. "
                "Rename the others in the header."
            )
    return decoded


@functools.lru_cache(maxsize=32)
def _survey_graph(dialect: Dialect, words: tuple[str, ...], sample: int | None) -> Any:
    def survey(content: Any, name: Any) -> Any:
        text = examine(content, dialect.quote, name)
        records = split_records(text, dialect, name)
        if sample is not None:
            kept = sample + int(dialect.header)
            records = Records(records.text[:kept], records.line[:kept])
        fields = split_fields(records, text.has_quote, dialect, name)
        width = fields.row_lengths()[0]
        names, line = fields.values[:width], records.line[0]
        fields = fields[1:] if dialect.header else fields
        # A row with another number of fields does not count here: the readers refuse, skip or null it.
        fields = tf.ragged.boolean_mask(fields, tf.equal(fields.row_lengths(), width))
        matrix = tf.reshape(fields.values, [-1, width])
        kinds = {kind: tf.reduce_all(flags, axis=0) for kind, flags in matches(matrix, words).items()}
        return names, line, fields.nrows(), kinds

    spec = tf.TensorSpec([], tf.string)
    return tf.function(survey, input_signature=[spec, spec], autograph=False)


def _schema(
    path: str,
    names: list[str],
    rows: int,
    kinds: dict[str, list[bool]],
    dialect: Dialect,
    na_values: Sequence[str] | None,
    sample_rows: int | None,
) -> Schema:
    unnamed = [str(i + 1) for i, name in enumerate(names) if not name]
    columns = [Column(name, _dtype(i, kinds)) for i, name in enumerate(names) if name]
    looked_at = f"all {rows} rows" if sample_rows is None or rows < sample_rows else f"the first {rows} rows"
    origin = f"inferred from {looked_at} of {path}"
    if unnamed:
        origin += f", without the fields that have no name in the header: {', '.join(unnamed)}"
    return Schema(tuple(columns), dialect, None if na_values is None else as_words(na_values), origin)


def _dtype(column: int, kinds: dict[str, list[bool]]) -> str:
    def every(kind: str) -> bool:
        return kinds[kind][column]

    if every("missing"):
        return "float64"
    if every("integer"):
        return "int64"
    if every("number or missing"):
        return "float64"
    return "bool" if every("bool") else "string"
